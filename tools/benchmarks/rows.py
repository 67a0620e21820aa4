"""A row of the benchmark table: what was timed, against what, the ratio and its spread."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

__all__ = ["Row", "Settings", "Spread", "alternated", "compared"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line asks of every benchmark.

    ``models`` are names of exports or paths of ONNX files, empty for the benchmark's own choice;
    ``rounds`` None leaves the number of repetitions to it, fewer where ``quick`` is set.
    """

    quick: bool = False
    models: tuple[str, ...] = ()
    rounds: int | None = None
    device: str = "cpu"


@final
@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise measurements; a single one has no spread and its quartiles coincide."""
        low, median, high = np.quantile(np.asarray(values, dtype=float), [0.25, 0.5, 0.75])
        return cls(float(median), float(low), float(high))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured variant of one case.

    ``seconds`` is per unit of the case (an image, a site, a call). ``ratio`` is this variant's time
    over the baseline's, taken round by round. ``memory`` is the peak in bytes above an idle
    interpreter with the same imports and data, ``memory_ratio`` that over the baseline's.
    ``wanted`` says what the ratio should be, where there is an aim.
    """

    case: str
    variant: str
    seconds: Spread | None = None
    baseline: str = ""
    ratio: Spread | None = None
    memory: float | None = None
    memory_ratio: float | None = None
    wanted: str = ""
    note: str = ""


def alternated(calls: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Time every call once a round, so that a machine's slow spells meet all of them alike."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def compared(
    case: str, seconds: Mapping[str, Sequence[float]], *, baseline: str, wanted: str = ""
) -> list[Row]:
    """Return a row for each variant, its ratio to the baseline that of the same round.

    ``wanted`` is the aim for every variant but the baseline.
    """
    base = np.asarray(seconds[baseline], dtype=float)
    rows = []
    for variant, times in seconds.items():
        if variant == baseline:
            rows.append(Row(case=case, variant=variant, seconds=Spread.of(times)))
            continue
        ratios = np.asarray(times, dtype=float) / base
        rows.append(
            Row(
                case=case,
                variant=variant,
                seconds=Spread.of(times),
                baseline=baseline,
                ratio=Spread.of(ratios.tolist()),
                wanted=wanted,
            )
        )
    return rows

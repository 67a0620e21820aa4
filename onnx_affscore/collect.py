"""Gather what the taps return, batch by batch, into the rows of every tapped tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.records import Array, FloatArray, TensorLayout
from onnx_affscore.rows import Keeper
from onnx_affscore.taps import Tap, TapKey

__all__ = ["PRECISION", "FeatureStore", "Part"]

PRECISION: Final = {
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}
"""Spacing of the numbers around 1, the relative rounding of a type (bfloat16 has 8 bits)."""

CHUNK: Final = 128
"""Samples whose combined rows are computed together: their weights are then read once for many."""


@final
@dataclass(frozen=True, slots=True)
class Part:
    """What the taps gave for so many samples: rows by tap, those that were not reached left out.

    ``refused`` are tensors that have no rows to go with the samples, with the reason of each.
    """

    rows: Mapping[TapKey, Array]
    samples: int
    refused: Mapping[str, str] = field(default_factory=dict)


@final
class FeatureStore:
    """Rows of every tapped tensor, in the order in which they came.

    They are kept in single precision unless the tensor holds double: that is what they were
    computed in, and the noise floor allows for it. ``keeper`` says where; parts of combined rows
    that wait for more samples do not take more memory than it may. ``refused`` are tensors whose
    batches do not make one table, each with the reason; nothing is kept of them.
    """

    def __init__(
        self,
        tapped: Instrumented,
        layouts: Mapping[str, TensorLayout],
        keeper: Keeper | None = None,
    ) -> None:
        self._taps, self._combined = tapped.taps, tapped.combined
        self._types = {
            name: np.dtype(np.float64 if layout.dtype == "float64" else np.float32)
            for name, layout in layouts.items()
        }
        keeper = keeper or Keeper()
        self._bound = keeper.bound
        self._rows = {
            key: keeper.begin() for key in (*tapped.taps, *tapped.combined) if key[0] in layouts
        }
        self._parts = {key for made in tapped.combined.values() for key in made.taps}
        self._waiting: dict[TapKey, list[Array]] = {key: [] for key in self._parts}
        self._samples_waiting = self._bytes_waiting = 0
        self._runs: dict[TapKey, list[tuple[int, int, int]]] = {}  # sample, samples, rows of each
        self.refused: dict[str, str] = {}
        self.samples = 0

    def add(self, fetched: Mapping[str, Array], *, samples: int, kept: int) -> Part:
        """Take in the outputs of one run of ``samples`` samples, of which ``kept`` are real.

        Returns what was read off them.
        """
        found: dict[TapKey, Array] = {}
        before = set(self.refused)
        for key, tap in self._taps.items():
            rows = self._read(key, tap, fetched, samples)
            if rows is None or not rows.size:
                continue  # a branch that this batch did not take
            # Copied: a fetched array keeps alive all memory of the session that it came from.
            found[key] = rows[: kept * (rows.shape[0] // samples)].copy()
        refused = {name: why for name, why in self.refused.items() if name not in before}
        part = Part(found, kept, refused)
        self.take(part)
        return part

    def take(self, part: Part) -> None:
        """Take in what :meth:`add` returned, here or in an earlier start."""
        self.refused |= part.refused
        for key, rows in part.rows.items():
            if key in self._rows:
                several = rows.shape[0] // part.samples
                self._runs.setdefault(key, []).append((self.samples, part.samples, several))
                self._keep(key, rows)
            if key in self._parts:
                self._waiting[key].append(rows)
                self._bytes_waiting += rows.nbytes
        self.samples += part.samples
        self._samples_waiting += part.samples
        full = self._bound is not None and self._bytes_waiting > self._bound
        if self._samples_waiting >= CHUNK or full:
            self.finish()

    def finish(self) -> None:
        """Compute the combined rows that still wait for more samples."""
        parts = {key: np.concatenate(rows) for key, rows in self._waiting.items() if rows}
        for key, made in self._combined.items():
            if key in self._rows and all(part in parts for part in made.taps):
                with np.errstate(invalid="ignore", over="ignore"):
                    made_rows = made.compute(parts)
                self._keep(key, made_rows)
        self._waiting = {key: [] for key in self._waiting}
        self._samples_waiting = self._bytes_waiting = 0

    def _read(
        self, key: TapKey, tap: Tap, fetched: Mapping[str, Array], samples: int
    ) -> Array | None:
        """Return the rows of a tap, None where the tensor has none that go with the samples."""
        if key[0] in self.refused:
            return None
        try:
            with np.errstate(invalid="ignore", over="ignore"):  # a score says what is not finite
                return tap.read({name: fetched[name] for name in tap.fetches}, samples)
        except ValueError:  # NumPy cannot fold it into rows
            shapes = " and ".join(str(list(fetched[name].shape)) for name in tap.fetches)
            self._refuse(
                key,
                f"samples {self.samples} to {self.samples + samples - 1} gave {shapes}, which does"
                f" not divide into {samples} samples: the number of its rows depends on the data",
            )
            return None

    def _keep(self, key: TapKey, rows: Array) -> None:
        """Add rows to a table; another number of columns than before ends it."""
        table = self._rows[key]
        if key[0] in self.refused:
            return
        if table and table.shape[1:] != rows.shape[1:]:
            self._refuse(
                key,
                f"it has {table.shape[1]} features in the samples before number {self.samples} and"
                f" {rows.shape[1]} from there on: no table; give inputs of one shape, or choose a"
                " --pool that averages what changes",
            )
            return
        with np.errstate(over="ignore"):  # mean squares may, and are known to be infinite then
            table.append(rows.astype(self._types[key[0]], copy=False))

    def _refuse(self, key: TapKey, reason: str) -> None:
        self.refused[key[0]] = reason

    def __contains__(self, key: object) -> bool:
        """Whether anything was measured: a branch may never have run."""
        refused = isinstance(key, tuple) and key[0] in self.refused
        return not refused and bool(self._rows.get(key))  # type: ignore[call-overload]

    def rows(self, key: TapKey, *, first: int | None = None) -> FloatArray:
        """Return all rows of a tensor's quantity, or the ``first`` ones, in double precision."""
        return self._rows[key].read(first)

    def shape(self, key: TapKey) -> tuple[int, ...]:
        """Return how many rows and columns there are, without reading them."""
        return self._rows[key].shape

    def owners(self, key: TapKey) -> npt.NDArray[np.intp] | None:
        """Return the sample that each row is of; None where no sample has two."""
        if all(several == 1 for _, _, several in self._runs.get(key, [])):
            return None
        return self.samples_of(key)

    def samples_of(self, key: TapKey) -> npt.NDArray[np.intp] | None:
        """Return the sample that each row is of, counted from 0; None where nobody knows.

        That is where rows are combined of several tensors, some of which no batch reached.
        """
        if key in self._runs:
            runs = self._runs[key]
            return np.concatenate([np.repeat(np.arange(at, at + k), each) for at, k, each in runs])
        return np.arange(self.samples) if self.shape(key)[0] == self.samples else None

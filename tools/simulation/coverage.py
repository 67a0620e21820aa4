"""Study: how often intervals of scores hold known truths, and where there is no interval."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from onnx_affscore.records import FeatureSample, PairedSample
from onnx_affscore.score.affinity import affinity
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.uncertainty import Estimand, Uncertainty, Verdict, uncertainty
from tools.simulation.families import Coordinate, Family, FloatArray, families, product

__all__ = ["Cell", "cell", "text"]

GRID: Final = ((1, 200, 300), (1, 1000, 200), (8, 200, 80), (8, 400, 80), (32, 320, 60))
GRID_WIDE: Final = ((32, 640, 40), (128, 1280, 16), (128, 2560, 10))
"""Dimension, samples, rounds of each family."""

QUICK: Final = ((1, 200, 10), (8, 200, 3))

SEED: Final = 20_261_124

ON_A_LINE: Final = (
    ("normal", "relu"),
    ("normal", "tanh"),
    ("normal", "sigmoid"),
    ("normal", "gelu"),
    ("normal", "abs"),
    ("normal", "square"),
    ("laplace", "relu"),
    ("laplace", "tanh"),
    ("exponential", "leaky"),
    ("lognormal", "tanh"),
    ("uniform", "abs"),
)
CLASSES: Final = {
    "identity": "identity is optimal",
    "paired": "correlated normals",
    "moved": "another plan is optimal",
    "line": "one dimension",
}


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """What was found for one family at one n.

    ``held`` says of every interval given whether it holds the truth of its estimand, and
    ``population`` how many name the population's score as that; ``plug_in`` and ``corrected``
    are errors of the two scores, of the population's where the plan is another than the
    identity; ``cost`` is the time of the uncertainty over that of the score.
    """

    family: str
    kind: str
    d: int
    n: int
    held: tuple[bool, ...]
    population: int
    plug_in: float
    corrected: float
    width: float
    verdicts: Counter[str]
    cost: float


def cell(family: Family, n: int, *, rounds: int, seed: int = SEED) -> Cell:
    """Draw samples of one family, and look whether their intervals hold its score."""
    rng = np.random.default_rng((seed, family.d, n))
    held, errors, widths, times = [], [], [], np.zeros(2)
    population = 0
    verdicts: Counter[str] = Counter()
    for _ in range(rounds):
        sample = _prepared(*family.draw(rng, n))
        start = time.process_time()
        score = affinity(sample, covariance="empirical")
        scored = time.process_time()
        found = uncertainty(sample, score)
        times += (scored - start, time.process_time() - scored)
        verdicts[str(found.verdict)] += 1
        whole = family.d == 1 or found.estimand is Estimand.POPULATION
        truth = family.truth if whole else family.paired
        if score.value is not None:
            best = family.truth if family.plan == "moved" else truth
            errors.append((score.value - best, _corrected(found, score.value) - best))
        if found.low is not None and found.high is not None:
            held.append(found.low <= truth <= found.high)
            widths.append(found.high - found.low)
            population += found.estimand is Estimand.POPULATION
    plug_in, corrected = np.mean(errors, axis=0)
    return Cell(
        family.name,
        "line" if family.d == 1 else family.plan,
        family.d,
        n,
        tuple(held),
        population,
        plug_in=float(plug_in),
        corrected=float(corrected),
        width=float(np.mean(widths)) if widths else float("nan"),
        verdicts=verdicts,
        cost=float(times[1] / times[0]),
    )


def _corrected(found: Uncertainty, value: float) -> float:
    return value if found.corrected is None else found.corrected


def _prepared(x: FloatArray, y: FloatArray) -> Prepared:
    sides = (FeatureSample(s, 2.0**-52, float(np.sqrt(np.mean(s**2)))) for s in (x, y))
    return Prepared(PairedSample(*sides))


def on_a_line() -> tuple[Family, ...]:
    """Families of one feature."""
    return tuple(
        product(f"{function} {shape}", [Coordinate(shape, function)], spread="isotropic", seed=1)
        for shape, function in ON_A_LINE
    )


def text(*, quick: bool = False) -> str:
    """Run the study and return its tables as Markdown."""
    grid = QUICK if quick else GRID + GRID_WIDE
    cells = [
        cell(family, n, rounds=rounds)
        for d, n, rounds in grid
        for family in (on_a_line() if d == 1 else families(d))
    ]
    return "\n".join([*_summary(cells), "", *_lowest(cells), "", _cost(cells)])


def _summary(cells: Sequence[Cell]) -> Iterator[str]:
    yield (
        "| d | n | families | intervals given | of the population | hold the truth"
        " | of single families | width | plug-in, bias | corrected, bias |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for d, n, kind in dict.fromkeys((c.d, c.n, c.kind) for c in cells):
        these = [c for c in cells if (c.d, c.n, c.kind) == (d, n, kind)]
        held = [hit for c in these for hit in c.held]
        total = sum(c.verdicts.total() for c in these)
        shares = [sum(c.held) / len(c.held) for c in these if len(c.held) >= 10]
        yield (
            f"| {d} | {n} | {len(these)}, {CLASSES[kind]} | {len(held) / total:.0%}"
            f" | {f'{sum(c.population for c in these) / len(held):.0%}' if held else '-'}"
            f" | {f'{sum(held) / len(held):.1%}' if held else '-'}"
            f" | {f'{min(shares):.0%} to {max(shares):.0%}' if shares else '-'}"
            f" | {f'{np.nanmean([c.width for c in these]):.4f}' if held else '-'}"
            f" | {_bias([c.plug_in for c in these])} | {_bias([c.corrected for c in these])} |"
        )


def _bias(errors: Sequence[float]) -> str:
    worst = max(errors, key=abs)
    return f"{np.mean(errors):+.4f}, worst {worst:+.4f}"


def _lowest(cells: Sequence[Cell]) -> Iterator[str]:
    """Families whose intervals hold the truth least often."""
    yield "Least covered:"
    yield ""
    known = [c for c in cells if len(c.held) >= 10]
    for found in sorted(known, key=lambda c: sum(c.held) / len(c.held))[:8]:
        yield (
            f"- {found.family}, d = {found.d}, n = {found.n}:"
            f" {sum(found.held)} of {len(found.held)}"
        )


def _cost(cells: Sequence[Cell]) -> str:
    given = [c.cost for c in cells if c.verdicts[Verdict.ADEQUATE]]
    moving = [c.cost for c in cells if c.verdicts[Verdict.MOVING_PLAN] > c.verdicts.total() / 2]
    return (
        f"Time of the uncertainty over that of the score, median over families:"
        f" {np.median(given):.2f} where an interval is given"
        + (f", {np.median(moving):.2f} where the plan moves." if moving else ".")
    )

"""Exact transport: the package's portfolio beside POT's network simplex and SciPy's assignment.

All start from the two samples, so the cost matrix counts for those who build one.
Alone: ``python -m tools.benchmarks.transport [--quick]``.
"""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import ot
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample
from onnx_affscore.score.estimate import COVARIANCES
from onnx_affscore.score.gaussian import transported
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.transport import squared_w2
from tools.benchmarks.exports import ROOT
from tools.benchmarks.inputs import digits_or_noise
from tools.benchmarks.machine import conditions
from tools.benchmarks.ours import Ours
from tools.benchmarks.rows import Row, Settings, Spread, alternated
from tools.benchmarks.table import table

__all__ = ["run"]

_OURS, _POT, _SCIPY = "transport, certified", "POT emd2", "SciPy assignment, unproved"
_ALL_DIGITS = 1797
_SAMPLES = 2048
_ROUNDS, _QUICK_ROUNDS = 3, 1
_QUICK_MODELS = 2
_MEDIAN_WANTED, _EACH_WANTED = ">= 3", ">= 0.83"
_PIVOTS = 10**8  # POT gives up after 10**5 by default, before it is done

Problem = tuple[FloatArray, FloatArray]


def run(settings: Settings) -> list[Row]:
    """Return rows for each model of the zoo, for all their sites, and for made-up hard ones.

    The ratio is the other's time over ours; for models its spread is that over the sites.
    """
    rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
    files = [Path(name) for name in settings.models] or sorted((ROOT / "models").glob("*.onnx"))
    rows: list[Row] = []
    sites: list[dict[str, float]] = []
    for file in files[: _QUICK_MODELS if settings.quick else None]:
        print(f"transport: {file.stem}", file=sys.stderr, flush=True)
        found = [_medians(problem, rounds) for problem in _of_model(file)]
        if found:
            rows += _rows(f"{file.stem}, {len(found)} sites", found)
            sites += found
    rows += _rows(f"all {len(sites)} sites", sites, wanted=_MEDIAN_WANTED)
    for case, problem in _hard():
        print(f"transport: {case}", file=sys.stderr, flush=True)
        rows += _rows(case, [_medians(problem, rounds)], wanted=_EACH_WANTED)
    return rows


def _medians(problem: Problem, rounds: int) -> dict[str, float]:
    """Median seconds of each solver, which must agree."""
    source, target = problem
    weights = np.full(len(source), 1.0 / len(source))
    calls: dict[str, Callable[[], float]] = {
        _OURS: lambda: squared_w2(source, target).cost,
        _POT: lambda: float(ot.emd2(weights, weights, ot.dist(source, target), numItermax=_PIVOTS)),
        _SCIPY: lambda: _assigned(source, target),
    }
    costs = [call() for call in calls.values()]
    if max(costs) - min(costs) > 1e-9:
        raise ValueError(f"the solvers disagree: {dict(zip(calls, costs, strict=True))}")
    return {name: float(np.median(s)) for name, s in alternated(calls, rounds=rounds).items()}


def _assigned(source: FloatArray, target: FloatArray) -> float:
    costs = ot.dist(source, target)
    return float(costs[linear_sum_assignment(costs)].mean())


def _rows(case: str, sites: list[dict[str, float]], *, wanted: str = "") -> list[Row]:
    rows = [Row(case=case, variant=_OURS, seconds=Spread.of([site[_OURS] for site in sites]))]
    for name in (_POT, _SCIPY):
        ratios = [site[name] / site[_OURS] for site in sites]
        rows.append(
            Row(
                case=case,
                variant=name,
                seconds=Spread.of([site[name] for site in sites]),
                baseline=_OURS,
                ratio=Spread.of(ratios),
                wanted=wanted if name == _POT else "",
                note=f"least {min(ratios):.2f}",
            )
        )
    return rows


def _of_model(file: Path) -> Iterator[Problem]:
    """Yield what is transported at each site that is neither constant nor on a line."""
    data = digits_or_noise(file, _ALL_DIGITS)
    for sample in Ours(file, data, 0, device="cpu", sparsity=True).pairs():
        prepared = Prepared(sample)
        if not (prepared.trouble or prepared.constant) and prepared.d > 1:
            yield _problem(prepared)


def _hard() -> Iterator[tuple[str, Problem]]:
    """Yield ReLUs that few of many features pass: most targets lie on the faces of a cone."""
    for d, threshold in ((64, 2.0), (64, 1.0), (8, 1.0)):
        x = np.random.default_rng(d).standard_normal((_SAMPLES, d))
        y = np.maximum(x - threshold, 0.0)
        pair = PairedSample(*(FeatureSample(rows, 2.0**-52, 1.0) for rows in (x, y)))
        yield f"relu(x - {threshold:g}) of normals, d = {d}", _problem(Prepared(pair))


def _problem(prepared: Prepared) -> Problem:
    x, y = COVARIANCES["empirical"](prepared)
    unit = math.sqrt(y.trace)
    return transported(x, y) / unit, y.compact_rows / unit


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    before = conditions()
    print(f"{before}\n\n{table(run(Settings(quick='--quick' in arguments)))}")


if __name__ == "__main__":
    main(sys.argv[1:])

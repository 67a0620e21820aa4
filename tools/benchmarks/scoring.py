"""What one site costs: every estimate and metric of ours, beside the published method's steps.

Alone: ``python -m tools.benchmarks.scoring [--quick]``.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample
from onnx_affscore.score import score_sample
from tools.benchmarks.exports import ROOT
from tools.benchmarks.inputs import digits_or_noise
from tools.benchmarks.machine import conditions
from tools.benchmarks.ours import Ours
from tools.benchmarks.published import affinity, published_scores
from tools.benchmarks.rows import Row, Settings, alternated, compared
from tools.benchmarks.table import table

__all__ = ["run"]

_OURS = "scoring, both estimates"
_ONE, _BOTH = "published, plain", "published, plain and ledoit-wolf"
_EPS32 = 2.0**-23
_SAMPLES = 2048
_DIMENSIONS = (64, 512, 2048)
_WANTED = ">= 20"
_ZOO = ("torch_resnet", "torch_vit", "torch_mobilenetv3", "torch_convnext")
_ALL_DIGITS = 1797
_ROUNDS, _QUICK_ROUNDS = 5, 1


def run(settings: Settings) -> list[Row]:
    """Return rows for each case; the ratio is the published steps' time over ours."""
    rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
    rows: list[Row] = []
    for case, sample in _made_up(_DIMENSIONS[: 2 if settings.quick else None]):
        print(f"scoring: {case}", file=sys.stderr, flush=True)
        wanted = _WANTED if case.startswith("relu of correlated") else ""
        # The published steps take minutes at the largest size: three rounds show their spread.
        few = min(rounds, 3) if sample.x.features.shape[1] == max(_DIMENSIONS) else rounds
        rows += _case(case, [sample], rounds=few, wanted=wanted)
    names = settings.models or (() if settings.quick else _ZOO)
    for name in names:
        file = Path(name) if Path(name).suffix else ROOT / "models" / f"{name}.onnx"
        print(f"scoring: {file.stem}", file=sys.stderr, flush=True)
        data = digits_or_noise(file, _ALL_DIGITS)
        samples = list(Ours(file, data, 0, device="cpu", sparsity=True).pairs())
        case = f"{file.stem}, {len(samples)} sites, n = {len(data)}"
        rows += _case(case, samples, rounds=min(rounds, 3), wanted="")
    return rows


def _case(case: str, samples: list[PairedSample], *, rounds: int, wanted: str) -> list[Row]:
    pairs = [(sample.x.features, sample.y.features) for sample in samples]
    shrunk = "the ledoit-wolf estimate"
    calls = {
        _OURS: lambda: [score_sample(sample) for sample in samples],
        _ONE: lambda: [published_scores(x, y, covariances=("plain",)) for x, y in pairs],
        shrunk: lambda: [affinity(x, y, covariance="ledoit-wolf") for x, y in pairs],
    }
    score_sample(samples[0])  # the first call of a library starts its threads
    seconds = alternated(calls, rounds=rounds)
    added = seconds.pop(shrunk)
    both = [plain + more for plain, more in zip(seconds[_ONE], added, strict=True)]
    return [
        replace(row, wanted=wanted if row.ratio else "")
        for row in compared(case, seconds | {_BOTH: both}, baseline=_OURS)
    ]


def _made_up(dimensions: tuple[int, ...]) -> Iterator[tuple[str, PairedSample]]:
    """Yield ReLUs of Gaussians in float32: correlated, of a steep spectrum, and far out."""
    for d in dimensions:
        rng = np.random.default_rng(d)
        mixing = np.eye(d) + rng.standard_normal((d, d)) / (2.0 * np.sqrt(d))
        x = rng.standard_normal((_SAMPLES, d)) @ mixing
        yield f"relu of correlated normals, d = {d}", _relu(x)
    for d in dimensions:
        rng = np.random.default_rng(d)
        axes = np.linalg.qr(rng.standard_normal((d, d)))[0]
        x = (rng.standard_normal((_SAMPLES, d)) / np.sqrt(np.arange(1, d + 1))) @ axes
        yield f"relu, variances 1/k, d = {d}", _relu(x)
    x = np.random.default_rng(64).standard_normal((_SAMPLES, 64))
    yield "relu(x - 2) of normals, d = 64", _relu(x - 2.0)


def _relu(x: FloatArray) -> PairedSample:
    rounded = x.astype(np.float32).astype(np.float64)
    return PairedSample(_sample(rounded), _sample(np.maximum(rounded, 0.0)))


def _sample(rows: FloatArray) -> FeatureSample:
    rms = float(np.sqrt(np.mean(rows**2)))
    return FeatureSample(rows, _EPS32, rms, float(np.mean(np.abs(rows) <= 1e-3)))


def main(arguments: list[str]) -> None:
    """Measure and print the table."""
    before = conditions()
    print(f"{before}\n\n{table(run(Settings(quick='--quick' in arguments)))}")


if __name__ == "__main__":
    main(sys.argv[1:])

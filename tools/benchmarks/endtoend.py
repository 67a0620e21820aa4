"""What a user waits for: a signature, its inference and its scoring, beside the published steps."""

import sys
from dataclasses import replace
from pathlib import Path

from onnx_affscore import signature
from onnx_affscore.records import PairedSample
from tools.benchmarks.exports import EXPORTS, ROOT, exported
from tools.benchmarks.inputs import digits_or_noise
from tools.benchmarks.ours import Ours
from tools.benchmarks.published import PublishedScores, published_scores
from tools.benchmarks.rows import Row, Settings, alternated, compared
from tools.benchmarks.variants import PLAIN, VARIANTS, run_all

__all__ = ["run"]

_ZOO = ROOT / "models"
_SMALL = ("torch_resnet", "torch_mobilenetv3", "torch_vit")
_LARGE = ["mobilenet_v3_large"]
_ALL_DIGITS = 1797
_PAPERS_BATCH = 512  # images of 224 px
_QUICK_SAMPLES = 128
_ROUNDS, _QUICK_ROUNDS = 3, 1
_SCORING, _PUBLISHED = "scoring", "published scoring"
_COVARIANCES = ("plain", "ledoit-wolf")  # a signature holds both estimates
_WANTED = ">= 20"


def run(settings: Settings) -> list[Row]:
    """Return rows for each model: the parts of a signature, then the published scoring steps."""
    # The published steps take minutes on the wide sites of a large model.
    default = [str(_ZOO / f"{name}.onnx") for name in _SMALL] + ([] if settings.quick else _LARGE)
    names = settings.models or default
    exports = exported([name for name in names if name in EXPORTS])
    rows: list[Row] = []
    for name in names:
        print(f"endtoend: {name}", file=sys.stderr, flush=True)
        samples = _PAPERS_BATCH if name in exports else _ALL_DIGITS
        samples = _QUICK_SAMPLES if settings.quick else samples
        rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
        rows += _model(exports.get(name, Path(name)), samples=samples, rounds=rounds)
    return rows


def _model(file: Path, *, samples: int, rounds: int) -> list[Row]:
    data = digits_or_noise(file, samples)
    ours = Ours(file, data, 0, device="cpu", sparsity=True)
    pairs = list(ours.pairs())
    plain = VARIANTS[PLAIN].open(file, data, ours.batch_size, "cpu")
    calls = {
        "plain run": lambda: run_all(plain, data),
        _PUBLISHED: lambda: [_published(pair) for pair in pairs],
    }
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        taken = dict(signature(file, data, device="cpu").run["seconds"])
        taken |= {name: times[0] for name, times in alternated(calls, rounds=1).items()}
        for part, value in taken.items():
            seconds.setdefault(part, []).append(value)
    case = f"{file.stem}, {len(pairs)} sites, n = {len(data)}"
    return [
        replace(row, wanted=_WANTED if row.variant == _PUBLISHED else "")
        for row in compared(case, seconds, baseline=_SCORING)
    ]


def _published(pair: PairedSample) -> PublishedScores:
    return published_scores(pair.x.features, pair.y.features, covariances=_COVARIANCES)

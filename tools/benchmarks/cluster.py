"""What a cluster costs: a signature by two workers of one thread, and by this process alone."""

import sys
from pathlib import Path

from distributed import LocalCluster

from onnx_affscore import signature
from tools.benchmarks.exports import EXPORTS, ROOT, exported
from tools.benchmarks.inputs import digits_or_noise
from tools.benchmarks.rows import Row, Settings, alternated, compared

__all__ = ["run"]

_WORKERS = 2
_ZOO = ROOT / "models"
_MODELS = ("torch_resnet", "torch_vit")
_SAMPLES, _QUICK_SAMPLES = 512, 128
_LARGE_SAMPLES = 256  # images of 224 px
_ROUNDS, _QUICK_ROUNDS = 5, 1
_ALONE = f"alone, {_WORKERS} threads"


def run(settings: Settings) -> list[Row]:
    """Return rows for each model: alone with two threads and jobs, then by the workers.

    Both have the same cores. The workers have started before; they get the model and open it anew
    in every call.
    """
    names = settings.models or tuple(str(_ZOO / f"{name}.onnx") for name in _MODELS)
    exports = exported([name for name in names if name in EXPORTS])
    rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
    rows: list[Row] = []
    with LocalCluster(
        n_workers=_WORKERS, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        for name in names:
            print(f"cluster: {name}", file=sys.stderr, flush=True)
            samples = _LARGE_SAMPLES if name in exports else _SAMPLES
            samples = min(samples, _QUICK_SAMPLES) if settings.quick else samples
            file = exports.get(name, Path(name))
            rows += _model(file, cluster.scheduler_address, samples=samples, rounds=rounds)
    return rows


def _model(file: Path, address: str, *, samples: int, rounds: int) -> list[Row]:
    data = digits_or_noise(file, samples)
    calls = {
        _ALONE: lambda: signature(file, data, device="cpu", threads=_WORKERS, jobs=_WORKERS),
        f"{_WORKERS} workers, 1 thread each": lambda: signature(
            file, data, device="cpu", cluster=address
        ),
    }
    alternated(calls, rounds=1)  # imports and files
    return compared(
        f"{file.stem}, n = {len(data)}", alternated(calls, rounds=rounds), baseline=_ALONE
    )

"""How much longer and how much more memory an instrumented run takes than a plain one."""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import onnx

from tools.benchmarks.contest import Contest, Contestant, compete
from tools.benchmarks.exports import EXPORTS, exported
from tools.benchmarks.inputs import noise, the_input
from tools.benchmarks.rows import Row, Settings, compared
from tools.benchmarks.variants import PLAIN, TAPS, VARIANTS

__all__ = ["run"]

# Beside the batch size that a measurement chooses: one at which whole tensors fit in memory.
_SMALL_BATCH = 8
_CHOOSE = 0
_SAMPLES = 32
_ROUNDS, _QUICK_ROUNDS = 9, 3
_WANTED = "time <= 1.15, memory <= 1.3"
_MIB = 2.0**20


def run(settings: Settings) -> list[Row]:
    """Return rows for each model at two batch sizes; ``seconds`` are those of one sample."""
    names = settings.models or EXPORTS
    files = exported([name for name in names if name in EXPORTS])
    rows: list[Row] = []
    for name in names:
        print(f"inference: {name}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rows += _model(files.get(name, Path(name).resolve()), settings, Path(folder))
    return rows


def _model(file: Path, settings: Settings, folder: Path) -> list[Row]:
    sample = the_input(file).sample
    few = noise((2, *sample))
    files = {}
    for name, variant in VARIANTS.items():
        files[name] = file
        if variant.rewrite is not None:
            files[name] = folder / f"{name}.onnx"
            onnx.save(variant.rewrite(file, few), files[name])
    rows: list[Row] = []
    for size in dict.fromkeys((_SMALL_BATCH, _chosen_size(file, sample, settings.device))):
        # Those that hold all the tensors at once would not fit in memory at a large batch.
        entered = {n: f for n, f in files.items() if size == _SMALL_BATCH or f == file}
        count = size * -(-_SAMPLES // size)
        contest = Contest(
            shape=(count, *sample),
            batch_size=size,
            device=settings.device,
            rounds=settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS),
        )
        rows += _rows(f"{file.stem}, batch {size}", compete(entered, contest), count)
    return rows


def _chosen_size(file: Path, sample: tuple[int, ...], device: str) -> int:
    """Return the batch size that a measurement takes where the user names none."""
    contest = Contest(shape=(_SAMPLES, *sample), batch_size=_CHOOSE, device=device, rounds=0)
    return compete({TAPS: file}, contest)[TAPS].batch_size


def _rows(case: str, results: Mapping[str, Contestant], count: int) -> list[Row]:
    finished = {name: result for name, result in results.items() if result.error is None}
    times = {name: [s / count for s in result.seconds] for name, result in finished.items()}
    timed = {row.variant: row for row in compared(case, times, baseline=PLAIN)}
    rows = []
    for name, result in results.items():
        if result.error is not None:
            rows.append(Row(case=case, variant=name, note=result.error))
            continue
        memory = result.peak - result.idle
        rows.append(
            replace(
                timed[name],
                memory=memory,
                memory_ratio=None if name == PLAIN else memory / _base(results[PLAIN]),
                wanted=_WANTED if name == TAPS else "",
                note=f"set up in {result.setup:.2f} s,"
                f" {(result.setup_peak - result.idle) / _MIB:.0f} MiB",
            )
        )
    return rows


def _base(plain: Contestant) -> int:
    return plain.peak - plain.idle

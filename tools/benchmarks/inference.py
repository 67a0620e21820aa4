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
_SAMPLES = 16
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
        rows += _rows(f"{file.stem}, batch {size}", compete(entered, contest), contest)
    return rows


def _chosen_size(file: Path, sample: tuple[int, ...], device: str) -> int:
    """Return the batch size that a measurement takes where the user names none."""
    contest = Contest(shape=(_SAMPLES, *sample), batch_size=_CHOOSE, device=device, rounds=0)
    result = compete({TAPS: file}, contest)[TAPS]
    if result.error is not None:
        raise RuntimeError(f"{file}: {TAPS} on {device}: {result.error}")
    return result.batch_size


def _rows(case: str, results: Mapping[str, Contestant], contest: Contest) -> list[Row]:
    """Return a row for each variant; one that failed has its reason and no figures."""
    plain = results[PLAIN]
    if plain.error is not None:
        raise RuntimeError(f"{case}: {PLAIN}: {plain.error}")
    count = contest.shape[0]
    seconds = {n: [s / count for s in r.seconds] for n, r in results.items() if r.error is None}
    timed = {row.variant: row for row in compared(case, seconds, baseline=PLAIN)}
    rows = []
    for name, result in results.items():
        if name not in timed:
            row = Row(case=case, variant=name, note=str(result.error))
        elif contest.device == "cpu":
            row = _with_memory(timed[name], result, plain)
        else:  # the process's own memory says nothing of another device's
            row = replace(timed[name], note=f"set up in {result.setup:.2f} s")
        rows.append(replace(row, wanted=_WANTED if name == TAPS else ""))
    return rows


def _with_memory(row: Row, result: Contestant, plain: Contestant) -> Row:
    """Add the peaks above an idle process; ``plain`` gets no ratio to itself."""
    memory = result.peak - result.idle
    setup = (result.setup_peak - result.idle) / _MIB
    return replace(
        row,
        memory=memory,
        memory_ratio=None if result is plain else memory / (plain.peak - plain.idle),
        note=f"set up in {result.setup:.2f} s, {setup:.0f} MiB",
    )

"""Peak memory of gathering the features of a model, a process each: without a limit and with some.

Scoring, which works a site at a time, is left out.
"""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.benchmarks.exports import EXPORTS, ROOT, exported
from tools.benchmarks.inputs import noise, the_input
from tools.benchmarks.machine import peak_memory
from tools.benchmarks.rows import Row, Settings, compared

__all__ = ["run"]

_MODEL = ROOT / "models" / "torch_densenet.onnx"
_SAMPLES, _QUICK_SAMPLES = 20_000, 5_000
_ROUNDS, _QUICK_ROUNDS = 3, 1
_NO_LIMIT = "no limit"
# Bytes for each sample: the features of the model above take 5.7 kB, its widest site asks for 1 kB.
_LIMITS = {"--memory-limit, half fits": 6_000, "--memory-limit, little fits": 1_500}
_MIB = 2.0**20


def run(settings: Settings) -> list[Row]:
    """Return a row for each limit; ``seconds`` are those of one sample."""
    names = settings.models or (str(_MODEL),)
    files = exported([name for name in names if name in EXPORTS])
    samples = _QUICK_SAMPLES if settings.quick else _SAMPLES
    rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
    rows: list[Row] = []
    for name in names:
        print(f"memory: {name}", file=sys.stderr, flush=True)
        rows += _model(files.get(name, Path(name).resolve()), samples=samples, rounds=rounds)
    return rows


def _model(file: Path, *, samples: int, rounds: int) -> list[Row]:
    limits = {_NO_LIMIT: 0, **{name: size * samples for name, size in _LIMITS.items()}}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in limits}
    for _ in range(rounds):
        for name, limit in limits.items():
            found[name].append(_child(file, samples, limit))
    seconds = {name: [f["seconds"] / samples for f in runs] for name, runs in found.items()}
    memory = {name: max(f["memory"] for f in runs) for name, runs in found.items()}
    return [
        replace(
            row,
            memory=memory[row.variant],
            memory_ratio=(memory[row.variant] / memory[_NO_LIMIT] if row.baseline else None),
            note=f"limit {limits[row.variant] / _MIB:.0f} MiB, "
            f"{found[row.variant][0]['written'] / _MIB:.0f} MiB in a file"
            if row.baseline
            else "",
        )
        for row in compared(f"{file.stem}, n = {samples}", seconds, baseline=_NO_LIMIT)
    ]


def _child(file: Path, samples: int, limit: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tools.benchmarks.memory", str(file), str(samples), str(limit)]
    done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _gathered(file: Path, samples: int, limit: int) -> dict[str, Any]:
    """Gather in this process; ``memory`` is the peak above what it took with its data in place."""
    from onnx_affscore.gather import gather
    from onnx_affscore.measurement import Measurement
    from onnx_affscore.options import Options
    from onnx_affscore.witness import Witness

    data = noise((samples, *the_input(file).sample))
    idle = peak_memory()
    start = time.perf_counter()
    m = Measurement(file, Options(device="cpu", samples=samples, memory_limit=limit or None))
    located = m.located()
    source, probed = m.probe(m.source(data), located)
    resolved = m.resolved(located, source, probed)
    witness = Witness(m, source, None)
    found = gather(m, source, located, resolved, size=m.batch_size(probed), witness=witness)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "memory": peak_memory() - idle, "written": found.written}


if __name__ == "__main__":
    print(json.dumps(_gathered(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))

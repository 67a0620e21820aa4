"""Run the variants of a model in a process each, one at a time and in turn, and compare them."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

from tools.benchmarks.exports import ROOT

__all__ = ["Contest", "Contestant", "compete"]

# ONNX Runtime's threads spin for a while after a run before they sleep; 40 to 80 ms were seen.
_SETTLE_SECONDS = 0.1
_GRACE_SECONDS = 10


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What all variants do: run data of this shape in batches of this size on this device."""

    shape: tuple[int, ...]
    batch_size: int
    device: str
    rounds: int


@final
@dataclass(slots=True)
class Contestant:
    """What a variant took: seconds of each pass, bytes, seconds of setting up; or what failed."""

    seconds: list[float] = field(default_factory=list)
    setup: float = 0.0
    idle: int = 0
    setup_peak: int = 0
    peak: int = 0
    batch_size: int = 0
    error: str | None = None


@final
class _Worker:
    """One process of :mod:`tools.benchmarks.worker`; leaves with the ``with`` block."""

    def __init__(self, variant: str, file: Path, contest: Contest) -> None:
        command = [sys.executable, "-m", "tools.benchmarks.worker", str(file)]
        command += ["--variant", variant, "--batch-size", str(contest.batch_size)]
        command += ["--device", contest.device, "--shape", *map(str, contest.shape)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.result = Contestant()
        self._hear()

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        """End the process: it leaves when its stdin closes."""
        try:
            self._process.communicate(timeout=_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def run(self, *, counts: bool) -> None:
        """Let it run one pass, unless it failed before; ``counts``: the time is kept."""
        if self.result.error is not None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            self.result.error = "the process ended"
            return
        answer = self._hear()
        if counts and "seconds" in answer:
            self.result.seconds.append(answer["seconds"])

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process was killed"}
        for name, value in answer.items():
            if name != "seconds":
                setattr(self.result, name, value)
        return answer


def compete(files: Mapping[str, Path], contest: Contest) -> dict[str, Contestant]:
    """Return what each variant took; the first pass of each warms up and does not count.

    Only one process works at a time. The order turns by one from round to round.
    """
    with ExitStack() as stack:
        workers = {
            variant: stack.enter_context(_Worker(variant, file, contest))
            for variant, file in files.items()
        }
        for round_ in range(contest.rounds + 1):
            for variant in _turned(list(workers), round_):
                time.sleep(_SETTLE_SECONDS)
                workers[variant].run(counts=round_ > 0)
    return {variant: worker.result for variant, worker in workers.items()}


def _turned(names: Sequence[str], by: int) -> list[str]:
    at = by % len(names)
    return [*names[at:], *names[:at]]

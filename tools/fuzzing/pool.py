"""Cases in forked children, one each, under limits of time and memory; Linux only.

The parent has imported everything and never opens a session, so that a child starts in
milliseconds; what it does to itself is gone with it.
"""

import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.fuzzing.cases import Case

__all__ = ["Limits", "Ran", "run_cases", "warm_up", "write_case"]

_NOTES = "notes.json"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: seconds of a processor and of the clock, bytes beyond the parent's."""

    cpu: int = 10
    wall: int = 60
    memory: int = 3 << 30


@dataclass(frozen=True, slots=True)
class Ran:
    """What a child left: how it ended, its commands' codes and texts, its folder and its size."""

    case: Case
    folder: Path
    signal: int
    late: bool
    commands: tuple[dict[str, Any], ...]
    peak: int


def warm_up() -> None:
    """Import what the commands import when they are used."""
    from importlib import import_module

    for name in (
        *(f"cli.{c}" for c in ("score", "sites", "instrument", "compare", "annotate", "report")),
        *("cli.check", "api", "gate", "audit.check", "audit.starting", "graph.prepare"),
        *("report.output", "report.findings_output", "report.html", "report.comparison_output"),
        *("report.comparison_input", "report.comparison_text", "report.influence"),
        *("statistics.compare", "score.influence", "local", "run.session"),
    ):
        import_module(f"onnx_affscore.{name}")


def run_cases(
    cases: Iterable[Case], folder: Path, *, workers: int, limits: Limits
) -> Iterator[Ran]:
    """Run every case and yield what came of it, in no order; the caller deletes its folder."""
    base = _address_space()
    pending = enumerate(cases)
    running: dict[int, tuple[Path, float, Case]] = {}
    late: set[int] = set()
    more = True
    while more or running:
        while more and len(running) < workers:
            following = next(pending, None)
            if following is None:
                more = False
                break
            place = folder / f"case{following[0]}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            child = os.fork()
            if child == 0:
                _child(following[1], place, limits, base)
            running[child] = (place, time.monotonic() + limits.wall, following[1])
        if not running:
            break
        ended, status, used = os.wait4(-1, os.WNOHANG)
        if ended == 0:
            time.sleep(0.002)
            for child, (_, deadline, _) in running.items():
                if time.monotonic() > deadline and child not in late:
                    late.add(child)
                    os.kill(child, signal.SIGKILL)
            continue
        place, _, case = running.pop(ended)
        died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        notes = _read_notes(place)
        out_of_time = ended in late or died == signal.SIGXCPU
        yield Ran(case, place, died, out_of_time, notes, used.ru_maxrss * 1024)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _child(case: Case, place: Path, limits: Limits, base: int) -> None:
    """Run the commands of a case, and never return."""
    try:
        os.chdir(place)
        (place / "tmp").mkdir()
        os.environ["TMPDIR"] = str(place / "tmp")
        tempfile.tempdir = None
        _usual_warnings()
        resource.setrlimit(resource.RLIMIT_AS, (base + limits.memory,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        write_case(case, place)
        _run_all(case, place)
    except BaseException:  # noqa: BLE001 - a fault of the campaign itself, shown as one
        (place / "fault.txt").write_text(traceback.format_exc())
    finally:
        os._exit(0)


def _usual_warnings() -> None:
    """Show what Python shows where nobody asks for more: tests turn warnings into errors."""
    warnings.resetwarnings()
    for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", kind)


def write_case(case: Case, place: Path) -> None:
    """Write the files of a case, and some that a damaged one may point to."""
    (place / "out").mkdir()
    (place / "in" / "folder").mkdir(parents=True)
    (place / "secret.bin").write_bytes(bytes(4096))
    (place / "in" / "weights.bin").write_bytes(bytes(range(256)))
    (place / "in" / "link.bin").symlink_to("../secret.bin")
    os.mkfifo(place / "in" / "fifo.bin")
    for name, content in case.files.items():
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def _run_all(case: Case, place: Path) -> None:
    from onnx_affscore.cli.main import run

    notes: list[dict[str, Any]] = []
    for number, command in enumerate(case.commands):
        notes.append({"command": list(command), "code": None})
        (place / _NOTES).write_text(json.dumps(notes))
        code, out, err, trace = _run_one(run, list(command), place, number)
        if "internal error" in err:
            trace = _run_one(run, [*command, "--debug"], place, number)[3]
        notes[-1] |= {"code": code, "out": out, "err": err, "trace": trace}
        (place / _NOTES).write_text(json.dumps(notes))
        gc.collect()  # folders whose owner an exception still held
        if code not in (0, 1, 5):
            return


def _run_one(
    run: Callable[[list[str]], Any], command: list[str], place: Path, number: int
) -> tuple[Any, str, str, str]:
    texts = [place / f"{name}{number}.txt" for name in ("stdout", "stderr")]
    for stream, path in zip((1, 2), texts, strict=True):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, stream)
        os.close(file)
    sys.stdout, sys.stderr = (open(n, "w", encoding="utf-8", closefd=False) for n in (1, 2))  # noqa: SIM115
    code: Any = None
    trace = ""
    try:
        run(command)
    except SystemExit as exc:
        code = exc.code
    except BaseException:  # noqa: BLE001 - what escapes is what is looked for
        trace = traceback.format_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = (p.read_bytes().decode("utf-8", "replace") for p in texts)
    return code, out, err, trace


def _read_notes(place: Path) -> tuple[dict[str, Any], ...]:
    try:
        return tuple(json.loads((place / _NOTES).read_text()))
    except (OSError, ValueError):
        return ()

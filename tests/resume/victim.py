"""A run that is killed again and again, at moments drawn by a seed; started by test_kills.

Each start is a process of its own that kills itself, with SIGKILL, at some event: a run of the
model, or a write to a journal, of which half is done. What was run, read and kept goes to a log.
"""

import json
import os
import random
import signal
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from onnx_affscore import signature
from onnx_affscore.data.columns import ColumnSource
from onnx_affscore.records import Batch
from onnx_affscore.report import dumps
from onnx_affscore.resume.folder import Kept
from onnx_affscore.resume.pass_log import PassLog
from onnx_affscore.run.session import Session


class Clock:
    """Counts events and ends the process at one of them."""

    def __init__(self, deadline: int, log: Path) -> None:
        self.left = deadline
        self.place = "before"
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def tick(self, last_act: Callable[[], object] = lambda: None) -> None:
        self.left -= 1
        if self.left == 0:
            last_act()
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, what: str, batch: Batch) -> None:
        rows = np.asarray(next(iter(batch.feeds.values())))
        names = [zlib.crc32(row.tobytes()) for row in rows]
        os.write(self._log, (json.dumps([what, self.place, names]) + "\n").encode())


class Torn:
    """A file whose write is cut in half when the clock says so."""

    def __init__(self, file: Any, clock: Clock) -> None:
        self._file, self._clock = file, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: memoryview) -> Any:
        self._clock.tick(lambda: self._file.write(content[: len(content) // 2]))
        return self._file.write(content)


def watch(clock: Clock) -> None:
    run, begin, batches = Session.run, Kept.begin, ColumnSource.batches
    append, fdopen = PassLog.append, os.fdopen

    def spied_run(self: Session, names: Any, feeds: Any) -> Any:
        clock.tick()
        clock.note("run", Batch(dict(feeds), 0))
        return run(self, names, feeds)

    def spied_begin(self: Kept, name: str, *rest: Any) -> PassLog:
        clock.place = name
        return begin(self, name, *rest)

    def spied_batches(self: ColumnSource, size: int, *, start: int = 0) -> Iterator[Batch]:
        for batch in batches(self, size, start=start):
            clock.note("read", batch)
            yield batch

    def spied_append(self: PassLog, done: Any, *rest: Any, **more: Any) -> None:
        append(self, done, *rest, **more)
        for batch, _ in done:
            clock.note("kept", batch)

    for owner, name, spy in (
        (Session, "run", spied_run),
        (Kept, "begin", spied_begin),
        (ColumnSource, "batches", spied_batches),
        (PassLog, "append", spied_append),
        (os, "fdopen", lambda *args: Torn(fdopen(*args), clock)),
    ):
        setattr(owner, name, spy)


def plain(model: str, data: str, options: dict[str, Any]) -> str:
    found = json.loads(dumps(signature(model, data, **options)))
    del found["run"]["seconds"]
    return json.dumps(found)


def forked(work: Callable[[], object]) -> str:
    """Do some work in a process of its own; this one never starts the runtime's threads."""
    child = os.fork()
    if not child:
        code = 1
        try:
            work()
            code = 0
        finally:
            if code:
                traceback.print_exc()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    ended = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    return "killed" if ended else str(os.waitstatus_to_exitcode(status))


def main(folder: Path, task: dict[str, Any]) -> None:
    """Write the signature of the unbroken run, and that of the killed one."""
    draw = random.Random(task["seed"])
    model, data, options = task["model"], task["data"], task["options"]

    def start(deadline: int) -> None:
        watch(Clock(deadline, folder / "log"))
        (folder / "broken").write_text(plain(model, data, options | {"resume": folder / "kept"}))

    deadlines = [draw.randrange(1, task["events"]) for _ in range(task["kills"])]
    starts = [forked(partial(start, deadline)) for deadline in (*deadlines, -1)]
    (folder / "starts").write_text("\n".join(starts))
    forked(lambda: (folder / "unbroken").write_text(plain(model, data, options)))


if __name__ == "__main__":
    for place in map(Path, sys.argv[1:]):
        main(place, json.loads((place / "task").read_text()))

"""How far a run is, on stderr: samples or sites done, how many a second, and the time left."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TextIO, final

from onnx_affscore.plain_text import cells, printable, shorten

__all__ = ["ProgressLine", "in_time", "progress_line"]

_REDRAWN: Final = 0.1
"""Seconds between two states of the line on a terminal: as fast as anyone reads."""

_TOLD: Final = 60.0
"""Seconds between two lines in a log, and before the first: a short run leaves none."""

_COLUMNS: Final = 80
"""Of a terminal that does not tell."""


@final
class ProgressLine:
    """Tells of a run's stages: ``line(done, total)`` of samples, ``stage(name, done, total)`` of all.

    On a terminal one line is drawn again and again; elsewhere, as in the log of a pipeline, there
    is a line a minute. Rates are of the stage since it began, without what an earlier start did.
    A line never takes more than ``columns``: one that wraps could not be taken back, and blanks do
    that where a terminal knows no escapes. A stream that fails costs the talk, not the run.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        label: str = "",
        terminal: bool,
        clock: Callable[[], float] = time.monotonic,
        columns: Callable[[], int] = lambda: _COLUMNS,
    ) -> None:
        self._stream, self._clock, self._terminal = stream, clock, terminal
        self._columns, self._drawn = columns, 0
        self._label = f"{printable(label)}: " if label else ""
        self._name: str | None = None
        self._began, self._first, self._done = 0.0, 0, 0
        self._last = clock() if not terminal else float("-inf")

    def __call__(self, done: int, total: int | None) -> None:
        """Say that so many samples are done."""
        self.stage("samples", done, total)

    def stage(self, name: str, done: int, total: int | None) -> None:
        """Say that so many of ``total`` are done, None where nobody knows how many there are."""
        now = self._clock()
        if name != self._name or done < self._done:
            self._name, self._began, self._first = name, now, done
            if self._terminal:
                self._last = float("-inf")
        self._done = done
        at_once = self._terminal and done == total  # a log can do without the last line
        if now - self._last < (_REDRAWN if self._terminal else _TOLD) and not at_once:
            return
        self._last = now
        text = self._label + self._told(name, done, total, now)
        self._write(self._over(text) if self._terminal else f"{text}\n")

    def _over(self, text: str) -> str:
        """What draws a line over the one that is there."""
        text = shorten(text, max(1, self._columns() - 1))
        before, self._drawn = self._drawn, cells(text)
        return f"\r{text}{' ' * (before - self._drawn)}"

    def _write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _told(self, name: str, done: int, total: int | None, now: float) -> str:
        if not done and total is None:
            return name
        of = "" if total is None else f" of {total}"
        taken, new = now - self._began, done - self._first
        if new <= 0 or taken <= 0:
            return f"{done}{of} {name}"
        rate = new / taken
        said = f"{done}{of} {name}, {rate:.3g} a second"
        return said if total is None else f"{said}, {in_time((total - done) / rate)} left"

    def close(self) -> None:
        """Take the line off a terminal: what follows starts at the beginning of one."""
        if self._drawn:
            self._write(f"{self._over('')}\r")


def in_time(seconds: float) -> str:
    """Return a duration in its two largest units.

    Examples
    --------
    >>> in_time(59.6), in_time(144), in_time(7260)
    ('1 min 0 s', '2 min 24 s', '2 h 1 min')
    """
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def progress_line(label: str = "", *, hidden: bool) -> Iterator[ProgressLine | None]:
    """Yield what tells of a run on stderr, None where nothing is to be told."""
    if hidden:
        yield None
        return
    line = ProgressLine(
        sys.stderr, label=label, terminal=sys.stderr.isatty(), columns=_columns_of_stderr
    )
    try:
        yield line
    finally:
        line.close()


def _columns_of_stderr() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _COLUMNS
    except OSError:
        return _COLUMNS

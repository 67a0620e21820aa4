"""Talk that nobody can hear costs no run: a stderr that takes nothing, or is not there at all."""

import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["bear_with_streams"]

_STANDARD: Final = (0, 1, 2)
_STDERR: Final = 2


def bear_with_streams() -> None:
    """Let this process go on where stderr is closed, full or a pipe that nobody reads.

    All that is written to ``sys.stderr`` from here on is lost there without a word, whoever
    writes it. A standard stream that was closed becomes the null device: else the next file that
    is opened would have its number, and take what native code says.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is not sys.__stderr__:  # somebody else's, such as a test's
        return
    sys.stderr = io.TextIOWrapper(
        _Lossy(_raw()),
        encoding=getattr(sys.stderr, "encoding", "utf-8"),
        errors="backslashreplace",  # as always on stderr
        line_buffering=True,
        write_through=True,
    )


def _raw() -> io.RawIOBase:
    """What stderr is underneath; the null device where there was none when Python started."""
    buffer = getattr(sys.stderr, "buffer", None)
    found = getattr(buffer, "raw", buffer)  # python -u has no buffer between
    if isinstance(found, io.RawIOBase):
        return found
    return io.FileIO(_STDERR, "w", closefd=False)


@final
class _Lossy(io.RawIOBase):
    """Writes what can be written; the rest counts as written."""

    name = "<stderr>"

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, data: "ReadableBuffer", /) -> int:
        left = whole = memoryview(data).cast("B")
        with suppress(OSError, ValueError):  # ValueError: closed meanwhile
            while left and (taken := self._stream.write(left)):
                left = left[taken:]
        return len(whole)

"""A file that is read by place, for as long as it stays what it was when it was opened.

A file that is mapped into memory ends the process (SIGBUS) where it was cut short meanwhile.
"""

import io
import os
import threading
import weakref
from pathlib import Path
from typing import IO, Final, final

import numpy as np

from onnx_affscore.data.drawing import Rows
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

__all__ = ["FileBytes", "FileRows", "runs"]


@final
class FileBytes:
    """The bytes of a file, which the caller may close or remove; errors call it ``path``."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file, self._path = io.FileIO(os.dup(file.fileno())), path
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)
        self.size: Final = os.fstat(file.fileno()).st_size

    @classmethod
    def of(cls, path: Path) -> "FileBytes":
        """Open a file; raises :class:`OSError` where that fails."""
        with path.open("rb") as file:
            return cls(file, path)

    def check(self) -> None:
        """Raise DataError where the file was cut short since it was opened."""
        if os.fstat(self._file.fileno()).st_size < self.size:
            raise self._cut_short()

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` to ``stop``, or to the end where that comes first."""
        content = bytearray(min(stop, self.size) - start)
        self.into(memoryview(content), start=start)
        return bytes(content)

    def into(self, buffer: memoryview, *, start: int) -> None:
        """Fill a buffer of bytes with those from ``start`` on.

        Raises :class:`DataError` where they are no longer there.
        """
        try:
            with self._lock:
                self._file.seek(start)
                at = 0
                while at < len(buffer):
                    count = self._file.readinto(buffer[at:])
                    if not count:
                        raise self._cut_short()
                    at += count
        except OSError as exc:
            raise DataError(
                f"{self._path}: cannot be read any more ({exc.strerror or exc}); see that it stays"
                " where it is until the run has ended, and run it again"
            ) from exc

    def _cut_short(self) -> DataError:
        found = os.fstat(self._file.fileno()).st_size
        return DataError(
            f"{self._path}: found {found} bytes, wanted {self.size} as when it was opened; it was"
            " cut short while it was read: leave it alone until the run has ended, and run it again"
        )


@final
class FileRows:
    """The rows of an array that lies in a file from ``start`` on, the first axis outermost."""

    def __init__(
        self, content: FileBytes, *, start: int, shape: tuple[int, ...], dtype: np.dtype[np.generic]
    ) -> None:
        self._content, self._start = content, start
        self._row, self._dtype = shape[1:], dtype
        self._step = int(np.prod(self._row, dtype=object)) * dtype.itemsize

    def read(self, rows: Rows) -> Array:
        """Return rows as a new array."""
        found = np.empty((len(rows), *self._row), self._dtype)
        content = found.reshape(-1).view(np.uint8).data
        at = 0
        for first, last in runs(rows):
            end = at + (last + 1 - first) * self._step
            self._content.into(content[at:end], start=self._start + first * self._step)
            at = end
        return found


def runs(rows: Rows) -> list[tuple[int, int]]:
    """First and last of each stretch of rows that lie side by side."""
    if not len(rows):
        return []
    cuts = np.flatnonzero(np.diff(rows) != 1) + 1
    firsts, lasts = rows[np.r_[0, cuts]], rows[np.r_[cuts - 1, len(rows) - 1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))

"""Where rows of features are kept: in memory up to a bound, beyond it in one temporary file."""

import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, final

import numpy as np

from onnx_affscore.errors import StorageError
from onnx_affscore.records import Array, FloatArray

__all__ = ["Keeper", "Rows"]


@final
class Keeper:
    """Keeps the rows of many tensors, at most ``bound`` bytes of them in memory.

    When there are more, all go to the end of a temporary file, one stretch a tensor; None never
    writes. The file has no name from the start, or (Windows) goes when it is closed, so that
    nothing stays behind however the process ends. ``TMPDIR`` says where it lies.
    """

    def __init__(self, bound: int | None = None) -> None:
        self.bound, self.written = bound, 0
        self._held = 0
        self._tensors: weakref.WeakSet[Rows] = weakref.WeakSet()
        self._file: BinaryIO | None = None

    def begin(self) -> "Rows":
        """Return an empty table for the rows of one tensor."""
        rows = Rows(self)
        self._tensors.add(rows)
        return rows

    def take(self, size: int) -> None:
        """Count the bytes of rows that a tensor added; write down all where they are too many."""
        self._held += size
        if self.bound is not None and self._held > self.bound:
            for rows in self._tensors:
                rows.write()
            self._held = 0

    def append(self, piece: Array) -> int:
        """Write an array to the end of the file and return where it begins.

        Raises :class:`StorageError` where the disk does not take it.
        """
        start = self.written
        try:
            if self._file is None:
                self._file = self._opened()
            left = np.ascontiguousarray(piece).data.cast("B")
            while left:  # an unbuffered file may take a part
                left = left[self._file.write(left) :]
        except OSError as exc:
            raise StorageError(
                f"found no room for features in the temporary folder {tempfile.gettempdir()}:"
                f" {exc.strerror or exc}, after {start / 1e6:.1f} MB; free some, set TMPDIR to"
                " another folder, or raise --memory-limit"
            ) from exc
        self.written += piece.nbytes
        return start

    def mapped(self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Map a stretch of the file into memory, read-only."""
        if self._file is None:
            raise ValueError("nothing was written")
        return np.memmap(self._file, dtype=dtype, mode="r", offset=start, shape=shape)

    def _opened(self) -> BinaryIO:
        file: BinaryIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with self
        weakref.finalize(self, file.close)
        return file


@final
@dataclass(frozen=True, slots=True)
class _Stretch:
    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@final
class Rows:
    """The rows of one tensor in the order in which they came, wherever they lie."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._stretches: list[_Stretch] = []
        self._pieces: list[Array] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._stretches or self._pieces)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns, nothing being read."""
        count = sum(s.shape[0] for s in self._stretches) + sum(map(len, self._pieces))
        return (count, *(self._stretches or self._pieces)[0].shape[1:])

    def append(self, rows: Array) -> None:
        """Add rows of as many columns and of the same type as those before."""
        self._pieces.append(rows)
        self._keeper.take(rows.nbytes)

    def write(self) -> None:
        """Move what is in memory to the file."""
        if not self._pieces:
            return
        first = self._pieces[0]
        start = self._keeper.append(first)
        for piece in self._pieces[1:]:
            self._keeper.append(piece)
        shape = (sum(map(len, self._pieces)), *first.shape[1:])
        self._stretches.append(_Stretch(start, shape, first.dtype))
        self._pieces.clear()

    def read(self, first: int | None = None) -> FloatArray:
        """Return all rows, or the ``first`` ones, in double precision."""
        count, *columns = self.shape
        count = count if first is None else min(first, count)
        table = np.empty((count, *columns))
        done = 0
        for part in self._parts():
            step = min(len(part), count - done)
            table[done : done + step] = part[:step]
            done += step
        return table

    def _parts(self) -> Iterator[Array]:
        """Yield what there is, the file's stretches mapped one at a time."""
        for stretch in self._stretches:
            yield self._keeper.mapped(stretch.start, stretch.shape, stretch.dtype)
        yield from self._pieces

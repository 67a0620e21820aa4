"""A file that only grows, record by record; what a sudden end left of the last one is cut off."""

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from onnx_affscore.errors import OptionError, StorageError
from onnx_affscore.given_json import parsed
from onnx_affscore.records import Array

__all__ = ["Journal", "Record", "heads"]

_MAGIC: Final = b"onnx-affscore journal 1\n"
_FRAME: Final = struct.Struct("<QI")  # bytes of the content, and their CRC-32
_LENGTH: Final = struct.Struct("<I")  # bytes of the JSON at the start of the content


@final
@dataclass(frozen=True, slots=True)
class Record:
    """Plain data and arrays."""

    head: Mapping[str, Any]
    arrays: Sequence[Array] = field(default=())


@final
class Journal:
    """Records in one file, each with its length and checksum.

    A process that is killed leaves at most one record unfinished, at the end; so does a machine
    that loses power, or several. All from the first one that is not whole is cut off. Read
    :meth:`records` to the end before the first :meth:`append`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | _BINARY, 0o666), "r+b", 0)
        except OSError as exc:
            raise StorageError(f"cannot open {path}: {exc.strerror or exc}") from exc
        self._end = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def records(self) -> Iterator[Record]:
        """Yield the whole records in order, and cut off what is behind them.

        Raises :class:`OptionError` where the file is no journal.
        """
        size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        magic = self._read(len(_MAGIC))
        if not _MAGIC.startswith(magic):
            raise OptionError(f"{self.path} is no journal of this version; give another folder")
        self._end = self._file.tell() if magic == _MAGIC else 0
        while (content := self._next(size)) is not None:
            self._end += _FRAME.size + len(content)
            yield _unpacked(content)
        try:
            self._file.truncate(self._end)
        except OSError as exc:
            raise StorageError(f"cannot go on with {self.path}: {exc.strerror or exc}") from exc
        if not self._end:
            self._write([_MAGIC])

    def append(self, record: Record) -> None:
        """Write a record to the end; where the disk does not take it all, nothing of it stays.

        Raises :class:`StorageError` then.
        """
        content = _packed(record)
        checksum = 0
        for part in content:
            checksum = zlib.crc32(part, checksum)
        frame = _FRAME.pack(sum(len(part) for part in content), checksum)
        self._write([frame, *content])

    def _next(self, size: int) -> memoryview | None:
        """The content of the record that begins here, None where there is no whole one."""
        frame = self._read(_FRAME.size) if self._end else b""
        if len(frame) < _FRAME.size:
            return None
        length, checksum = _FRAME.unpack(frame)
        if not _LENGTH.size <= length <= size - self._end - _FRAME.size:
            return None
        content = self._read(length)
        return memoryview(content) if zlib.crc32(content) == checksum else None

    def _read(self, size: int) -> bytes:
        """So many bytes, fewer at the end: an unbuffered file may give a part."""
        parts = []
        while size and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _write(self, parts: Sequence[bytes | memoryview]) -> None:
        self._file.seek(self._end)
        try:
            for part in parts:
                left = memoryview(part)
                while left:
                    left = left[self._file.write(left) :]
        except OSError as exc:
            with suppress(OSError):  # the next start cuts it off as well
                self._file.truncate(self._end)
            raise StorageError(
                f"cannot keep a finished batch in {self.path}: {exc.strerror or exc}, after"
                f" {self._end / 1e6:.1f} MB; free some room there and give the same command again"
            ) from exc
        self._end = self._file.tell()


def heads(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the plain data of the records as far as their lengths tell: no array is read.

    Nothing where the file cannot be read or is no journal.
    """
    with suppress(OSError, ValueError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        at = len(_MAGIC) if file.read(len(_MAGIC)) == _MAGIC else size
        while len(frame := file.read(_FRAME.size)) == _FRAME.size:
            length, _ = _FRAME.unpack(frame)
            at += _FRAME.size + length
            if at > size or length < _LENGTH.size:
                return
            (head,) = _LENGTH.unpack(file.read(_LENGTH.size))
            yield parsed(file.read(head))[0]
            file.seek(at)


_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would turn line ends


def _packed(record: Record) -> list[bytes | memoryview]:
    arrays = [np.ascontiguousarray(array) for array in record.arrays]
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    head = json.dumps([record.head, shapes], separators=(",", ":")).encode()
    return [_LENGTH.pack(len(head)), head, *(a.reshape(-1).view(np.uint8).data for a in arrays)]


def _unpacked(content: memoryview) -> Record:
    (length,) = _LENGTH.unpack(content[: _LENGTH.size])
    at = _LENGTH.size + length
    head, shapes = json.loads(bytes(content[_LENGTH.size : at]))
    arrays = []
    for name, shape in shapes:
        dtype = np.dtype(name)
        size = dtype.itemsize * int(np.prod(shape, dtype=object))
        # Copied: aligned as any array is, so that no sum takes another way.
        arrays.append(np.frombuffer(content[at : at + size], dtype).reshape(shape).copy())
        at += size
    return Record(head, arrays)

"""idx files, as MNIST and its kin come: pictures, labels in a file beside, or any array."""

import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path
from typing import IO, Final, TypeAlias

import numpy as np

from onnx_affscore.data.arrays import the_input
from onnx_affscore.data.file_bytes import FileBytes
from onnx_affscore.data.fit import fit_array
from onnx_affscore.data.images.choosing import choose
from onnx_affscore.data.images.decoding import as_picture, needs_pillow
from onnx_affscore.data.labelling import check_count
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.unpacking import GUNZIP, MOST, PIECE, refuse_bomb
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, Labels

__all__ = ["is_idx", "open_idx", "read_idx"]

_NAME: Final = re.compile(r".*[.-]idx\d?(-[a-z]+)?(\.gz)?", re.IGNORECASE | re.DOTALL)
_TYPES: Final = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The third byte of a file; numbers are big-endian."""
_Opened: TypeAlias = IO[bytes] | gzip.GzipFile


def is_idx(text: str) -> bool:
    """Whether a name is that of an idx file: train-images-idx3-ubyte, x.idx3.gz."""
    return _NAME.fullmatch(text) is not None


def open_idx(request: Request) -> Table:
    """Bytes of rank 3 are grey pictures; anything else is an array for one input."""
    path = Path(request.text)
    array = read_idx(path)
    labels = _labels(path, request.feeding.label, rows=len(array))
    if array.ndim != 3 or array.dtype != np.uint8:
        hint = the_input(request.hints, where=request.text)
        native = array.astype(array.dtype.newbyteorder("="))
        return Table({hint.spec.name: fit_array(native, hint, where=request.text)}, labels=labels)
    needs_pillow()
    chosen = choose(request, native=(array.shape[1], array.shape[2]))
    channels, content = chosen.prepare.wanted.channels, FileBytes.of(path)

    def read(row: int) -> Array:
        content.check()  # it may be mapped
        return chosen.prepare(as_picture(array[row], channels))

    return chosen.table(
        read,
        count=len(array),
        what=f"grey images of {array.shape[1]}x{array.shape[2]}",
        where=str(path),
        labels=labels,
    )


def read_idx(path: Path) -> Array:
    """The array of an idx file, mapped from it where it is not compressed.

    Raises
    ------
    DataError
        There is no such file, it is no idx file, its size is not what its head says, or it is
        a decompression bomb.
    """
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            shape, dtype = _head(file, path)
            size = prod(shape) * dtype.itemsize
            if packed:
                data, found = _unpacked(file, size, path)
            else:
                data = np.memmap(path, np.uint8, "r")[file.tell() :]
                found = str(len(data))
    except FileNotFoundError as exc:
        raise DataError(f"{path}: found no such file; check the path") from exc
    except DataError:  # a ValueError that says it already
        raise
    except (OSError, EOFError, ValueError, zlib.error) as exc:
        raise DataError(f"{path}: cannot be read ({exc}); fetch it again") from exc
    if found != str(size):
        raise DataError(
            f"{path}: found {found} bytes behind its head, wanted {size} for the shape {shape} that"
            " it tells; it is cut short or damaged, fetch it again"
        )
    return np.frombuffer(data, dtype).reshape(shape)


def _head(file: _Opened, path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """The shape and the type that a file begins with."""
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
        raise DataError(f"{path}: found no idx file (it begins {head.hex()}); give another file")
    sizes = file.read(4 * head[3])
    if not sizes or len(sizes) < 4 * head[3]:
        raise DataError(
            f"{path}: found {len(sizes)} bytes for the {head[3]} sizes in its head, wanted 4 for"
            " each of one or more; it is cut short or damaged, fetch it again"
        )
    return struct.unpack(f">{head[3]}I", sizes), np.dtype(_TYPES[head[2]])


def _unpacked(file: _Opened, size: int, path: Path) -> tuple[Array, str]:
    """The next ``size`` bytes, and how many there are; no more than one is unpacked behind them."""
    packed = path.stat().st_size
    if size > MOST * packed:
        raise DataError(
            f"{path}: found {packed} bytes, wanted the {size} that its head tells packed, which"
            f" takes {-(-size // MOST)} at least; it is cut short or damaged, fetch it again"
        )
    data, at = np.empty(size, np.uint8), 0
    while at < size and (piece := file.read(min(PIECE, size - at))):
        data[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
        at += len(piece)
        refuse_bomb(at, packed=packed, where=str(path), cure=GUNZIP)
    return data, f"more than {at}" if file.read(1) else str(at)


def _labels(path: Path, told: str | None, *, rows: int) -> Labels | None:
    """The labels of the file that the user named, else of the one beside; None without."""
    if told is not None:
        file: Path | None = Path(told) if is_idx(told) else None
    else:
        file = _beside(path)
    if file is None:
        return None
    found = read_idx(file)
    if found.ndim != 1:
        raise DataError(f"{file}: found an array of rank {found.ndim}, wanted one label a row")
    labels = Labels.of(found)
    check_count(labels, rows, where=f"{file}, the labels of {path}")
    return labels


def _beside(path: Path) -> Path | None:
    """train-labels-idx1-ubyte.gz for train-images-idx3-ubyte.gz, packed or not."""
    name = re.sub(r"idx3", "idx1", path.name.replace("images", "labels"))
    if name == path.name or "labels" not in name:
        return None
    bare = name.removesuffix(".gz")
    found = [path.with_name(n) for n in (name, bare, f"{bare}.gz")]
    return next((file for file in found if file.is_file()), None)

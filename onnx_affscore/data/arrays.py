"""NumPy's files: .npy read by rows, .npz by member; pickles are never loaded."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy

from onnx_affscore.data.columns import Column
from onnx_affscore.data.companions import lone_ids
from onnx_affscore.data.file_bytes import FileBytes, FileRows
from onnx_affscore.data.fit import fit, required
from onnx_affscore.data.items import fit_rows
from onnx_affscore.data.labelling import given_labels
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.unpacking import refuse_bomb
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["load_npy", "open_npy", "open_npz", "the_input"]

# What NumPy and zipfile raise for damaged files, of classes that have nothing in common.
_FAULTS = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, SyntaxError, TokenError),
    *(ArithmeticError, RecursionError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)

Header = tuple[tuple[int, ...], np.dtype[np.generic]]


def open_npy(request: Request) -> Table:
    """One array for one input, of which only the rows that are read are loaded."""
    path = Path(request.text)
    array = load_npy(path)
    hint = the_input(request.hints, where=request.text)
    return Table({hint.spec.name: _npy_column(array, hint, path)})


def _npy_column(array: Array, hint: InputHint, path: Path) -> Column:
    """Read the rows where they lie one behind the other, else look at the file's size first."""
    with _translated(path):
        content = FileBytes.of(path)
    declared, count = hint.spec.shape, len(array) if array.ndim else 0
    whole = array.ndim > 0 and (declared is None or len(declared) == array.ndim)
    if (
        isinstance(array, np.memmap)
        and hint.sample_axis == 0
        and whole
        and array.flags.c_contiguous
        and array.nbytes
    ):
        rows = FileRows(content, start=array.offset, shape=array.shape, dtype=array.dtype)
        shape, dtype = array.shape[1:], array.dtype
        return fit_rows(rows.read, hint, count=count, shape=shape, dtype=dtype, where=str(path))

    def load() -> Array:
        content.check()
        return array

    column = fit(array.shape, array.dtype, hint, load=load, where=str(path))
    # Copied at once, while the file is known to be whole.
    return replace(column, read=lambda rows: np.array(column.read(rows)))


def load_npy(path: Path) -> Array:
    """Map a .npy file into memory; DataError for pickles and damaged files."""
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: found a folder, a pipe or a device; wanted a .npy file")
    with _translated(path), path.open("rb") as file:
        shape, dtype = _header(file)
        held = path.stat().st_size - file.tell()
    _refuse_objects(dtype, str(path))
    _check_size(shape, dtype, held, str(path))
    with _translated(path):
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def open_npz(request: Request) -> Table:
    """Arrays by input name; a single array that fits serves a single input.

    The member that ``--label`` names tells the classes. Others named unlike any input are left
    alone with a note. A member is read when its first rows are.
    """
    path = Path(request.text)
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: found a folder, a pipe or a device; wanted a .npz file")
    with _translated(path), zipfile.ZipFile(path) as archive:
        names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
        headers = {name: _member_header(archive, name) for name in names}
    chosen = {h.spec.name: h.spec.name for h in request.hints if h.spec.name in headers}
    notes: tuple[str, ...] = ()
    if not chosen:
        hint = the_input(request.hints, where=request.text)
        chosen = {hint.spec.name: _only_fit(headers, hint, path)}
        if hint.spec.name not in headers:
            notes = (f"{path}: array '{chosen[hint.spec.name]}' feeds '{hint.spec.name}'",)
    label = request.feeding.label
    labelled = label in headers and label not in chosen
    unused = sorted(set(headers) - set(chosen.values()) - ({label} if labelled else set()))
    if unused:
        notes += (f"{path}: not used: {', '.join(unused)}",)
    hints = {h.spec.name: h for h in request.hints}
    columns = {}
    for name, member in chosen.items():
        shape, dtype = headers[member]
        where = f"{path}[{member}]"
        _refuse_objects(dtype, where)
        load = cache(lambda member=member: _read_member(path, member))
        columns[name] = fit(shape, dtype, hints[name], load=load, where=where)
    labels = None
    if labelled and label is not None:
        _refuse_objects(headers[label][1], f"{path}[{label}]")
        labels = given_labels(_read_member(path, label), where=f"{path}[{label}]")
    return Table(columns, notes, labels)


def the_input(hints: tuple[InputHint, ...], *, where: str) -> InputHint:
    """The one input that an array without a name can be for; token ids may have companions."""
    wanted = required(hints)
    ids = lone_ids(hints)
    if len(wanted) == 1 or ids is not None:
        return ids or wanted[0]
    if not wanted:
        raise DataError(f"{where}: the model wants no further input; leave this data out")
    names = ", ".join(f"'{h.spec.name}'" for h in wanted)
    raise DataError(
        f"{where}: found one array without a name, but the model wants {names}; "
        f"say which one it is: --data {wanted[0].spec.name}={where}"
    )


def _only_fit(headers: dict[str, Header], hint: InputHint, path: Path) -> str:
    """The one member of an archive that suits the input; if there is one member, that one."""
    if len(headers) == 1:
        return next(iter(headers))
    suits = [name for name, header in headers.items() if _is_fit(header, hint)]
    if len(suits) == 1:
        return suits[0]
    have = ", ".join(f"'{n}' {d} {s}" for n, (s, d) in headers.items()) or "nothing"
    how_many = "several of them fit" if suits else "none of them fits"
    raise DataError(
        f"{path}: found {have}, but none is named '{hint.spec.name}' and {how_many}; "
        f"save the array under that name: np.savez(path, **{{'{hint.spec.name}': x}})"
    )


def _is_fit(header: Header, hint: InputHint) -> bool:
    shape, dtype = header
    try:
        fit(shape, dtype, hint, load=lambda: np.empty(0), where="")
    except DataError:
        return False
    return True


def _member_header(archive: zipfile.ZipFile, name: str) -> Header:
    member = archive.getinfo(f"{name}.npy")
    where = f"{archive.filename}[{name}]"
    cure = "save it with np.savez, which does not compress"
    refuse_bomb(member.file_size, packed=member.compress_size, where=where, cure=cure)
    with archive.open(member) as file:
        shape, dtype = _header(file)
        if not dtype.hasobject:
            _check_size(shape, dtype, member.file_size - file.tell(), where)
        return shape, dtype


def _read_member(path: Path, name: str) -> Array:
    # NumPy leaves a damaged file open where it opened it itself.
    with _translated(path), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        array: Array = archive[name]
    return array


def _header(file: IO[bytes]) -> Header:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _fortran, dtype = read(file)
    return shape, dtype


def _check_size(shape: Sequence[int], dtype: np.dtype[np.generic], held: int, where: str) -> None:
    """Refuse a header that declares more than follows it, before memory is taken for it."""
    wanted = prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or wanted > held:
        raise DataError(
            f"{where}: found a header that declares {tuple(shape)} of {dtype}, {wanted} bytes, and"
            f" {held} bytes behind it; the file is damaged or cut short: save it again with NumPy"
        )


def _refuse_objects(dtype: np.dtype[np.generic], where: str) -> None:
    if dtype.hasobject:
        raise DataError(
            f"{where}: found pickled Python objects, which can run code when they are loaded; "
            f"save a plain array instead: np.save(path, x.astype('float32'))"
        )


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn the errors of files, zip archives and NumPy's format into DataError."""
    try:
        yield
    except FileNotFoundError as exc:
        raise DataError(f"{path}: found no such file; check the path") from exc
    except DataError:
        raise
    except _FAULTS as exc:
        raise DataError(
            f"{path}: cannot be read as {path.suffix} ({exc}); save it again with NumPy"
        ) from exc

"""Standard input as data: a .npy or .npz file, kept in a temporary one to be read twice."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from typing import Final

from onnx_affscore.data.arrays import open_npy, open_npz
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError
from onnx_affscore.leaving import TemporaryFolder

__all__ = ["STDIN", "kept_stdin", "open_kept", "open_stdin"]

STDIN: Final = "-"

_MAGIC = {b"\x93NUMPY": ".npy", b"PK\x03\x04": ".npz"}
_OPENERS = {".npy": open_npy, ".npz": open_npz}
_STEP = 4 * 2**20
_SAID = "standard input"

_folders: list[TemporaryFolder] = []  # rows are read from them until the process ends


def open_stdin(request: Request) -> Table:
    """One array or an archive of them; raises what :func:`kept_stdin` does."""
    return open_kept(request, kept_stdin())


def kept_stdin() -> Path:
    """Copy what was sent to a file, a .npy or .npz as its first bytes tell.

    Raises
    ------
    DataError
        Standard input is a terminal, empty, something else, or too large for the disk.
    """
    if sys.stdin is None or sys.stdin.isatty():
        raise DataError("--data -: standard input is a terminal; send a .npy or .npz file to it")
    stream = sys.stdin.buffer
    start = stream.read(6)
    suffix = next((s for magic, s in _MAGIC.items() if start.startswith(magic)), None)
    if suffix is None:
        what = "nothing" if not start else f"bytes that begin with {start!r}"
        raise DataError(f"--data -: found {what}; send a .npy or .npz file to standard input")
    try:
        _folders.append(TemporaryFolder())
        path = _folders[-1].path / f"stdin{suffix}"
        with path.open("wb") as file:
            file.write(start)
            copyfileobj(stream, file, _STEP)
    except OSError as exc:
        raise DataError(
            f"--data -: cannot be kept in {tempfile.gettempdir()} ({exc.strerror}); set TMPDIR to a"
            " larger disk"
        ) from exc
    return path


def open_kept(request: Request, path: Path) -> Table:
    """Open the copy for the inputs of one model; it speaks of standard input."""
    try:
        table = _OPENERS[path.suffix](replace(request, text=str(path)))
    except DataError as exc:
        raise DataError(str(exc).replace(str(path), _SAID)) from exc
    columns = {
        name: replace(column, notes=_renamed(column.notes, path))
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns, notes=_renamed(table.notes, path))


def _renamed(notes: tuple[str, ...], path: Path) -> tuple[str, ...]:
    """Notes on standard input, not on a temporary file, whose name is another each time."""
    return tuple(note.replace(str(path), _SAID) for note in notes)

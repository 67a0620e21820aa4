"""Files of named arrays, written one array at a time: a table of kinds by suffix."""

import os
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, final

import numpy as np

from onnx_affscore.errors import DataError, MissingExtraError, StorageError
from onnx_affscore.leaving import TemporaryFolder
from onnx_affscore.records import Array

__all__ = ["KINDS", "ArrayFile", "ArrayKind", "Members"]

_ABOUT = "about"


class ArrayFile(Protocol):
    """A file that is being written. Names are letters, digits and dots."""

    def add(self, name: str, array: Array) -> None:
        """Write an array."""
        ...

    def finish(self, about: str) -> None:
        """Write what the file says of itself; nothing comes behind it."""
        ...

    def __enter__(self) -> "ArrayFile": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@final
@dataclass(frozen=True, slots=True)
class Members:
    """The arrays of an open file; calling it with a name reads one."""

    path: str
    names: frozenset[str]
    read: Callable[[str], Array]

    def __call__(self, name: str) -> Array:
        """Read one array; raises :class:`DataError` where it is not there, or damaged."""
        try:
            return self.read(name)
        except (KeyError, OSError, ValueError, zipfile.BadZipFile) as exc:
            raise DataError(f"{self.path}: cannot read its array {name!r} ({exc})") from exc


@final
class _Npz:
    """NumPy's archive: a zip file of .npy files, uncompressed, nothing pickled."""

    def __init__(self, place: Path) -> None:
        self._file = zipfile.ZipFile(place, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> "_Npz":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, name: str, array: Array) -> None:
        entry = zipfile.ZipInfo(f"{name}.npy")  # of no date: the same features, the same bytes
        with self._file.open(entry, "w", force_zip64=True) as stream:
            np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)

    def finish(self, about: str) -> None:
        self.add(_ABOUT, np.frombuffer(about.encode(), dtype=np.uint8))


def _open_npz(path: str | os.PathLike[str]) -> tuple[str, Members]:
    def read(name: str) -> Array:
        with Path(path).open("rb") as stream, _archive(stream) as file:
            found: Array = file[name]
        return found

    try:
        with Path(path).open("rb") as stream, _archive(stream) as file:
            about, names = file[_ABOUT].tobytes().decode(), frozenset(file.files)
    except OSError as exc:
        raise DataError(f"cannot read the features {path}: {exc.strerror or exc}") from exc
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as exc:
        raise DataError(f"{path} is no .npz file of features ({exc})") from exc
    return about, Members(os.fspath(path), names, read)


def _archive(stream: BinaryIO) -> "np.lib.npyio.NpzFile":
    found = np.load(stream, allow_pickle=False)
    if not isinstance(found, np.lib.npyio.NpzFile):
        raise ValueError("it is a single array")
    return found


@final
class _Safetensors:
    """The format of the package safetensors, which wants all arrays at once.

    They wait in a folder beside the file, mapped into memory, so that few of them take any.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._arrays: dict[str, Array] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "_Safetensors":
        self._folder = self._stack.enter_context(TemporaryFolder(self._place.parent))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._arrays.clear()  # a mapped file cannot be deleted everywhere
        self._stack.close()

    def add(self, name: str, array: Array) -> None:
        place = self._folder / f"{name}.npy"
        np.save(place, array, allow_pickle=False)
        self._arrays[name] = np.load(place, mmap_mode="r") if array.size else array

    def finish(self, about: str) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        try:
            save_file(self._arrays, self._place, metadata={_ABOUT: about})
        except SafetensorError as exc:
            raise StorageError(f"safetensors could not write the features: {exc}") from exc
        made = next(self._folder.glob("*.npy"), None)
        if made is not None:  # its own file is for the user alone, unlike any other
            shutil.copymode(made, self._place)


def _check_safetensors() -> None:
    try:
        import safetensors  # noqa: F401 - only whether it is there
    except ImportError as exc:
        raise MissingExtraError(
            "safetensors", extra="features", purpose="a .safetensors file"
        ) from exc


def _open_safetensors(path: str | os.PathLike[str]) -> tuple[str, Members]:
    _check_safetensors()
    from safetensors import SafetensorError, safe_open

    def read(name: str) -> Array:
        try:
            array: Array = file.get_tensor(name)
        except SafetensorError as exc:
            raise KeyError(str(exc)) from exc
        return array

    try:
        file: Any = safe_open(path, framework="numpy")
        about = (file.metadata() or {})[_ABOUT]
    except OSError as exc:
        raise DataError(f"cannot read the features {path}: {exc.strerror or exc}") from exc
    except (SafetensorError, KeyError) as exc:
        raise DataError(f"{path} is no .safetensors file of features ({exc})") from exc
    return about, Members(os.fspath(path), frozenset(file.keys()), read)


@final
@dataclass(frozen=True, slots=True)
class ArrayKind:
    """A kind of file: what writes it, what opens it, and whether both can be had here."""

    create: Callable[[Path], ArrayFile]
    open: Callable[[str | os.PathLike[str]], tuple[str, Members]]
    check: Callable[[], None] = lambda: None


KINDS: Mapping[str, ArrayKind] = {
    ".npz": ArrayKind(_Npz, _open_npz),
    ".safetensors": ArrayKind(_Safetensors, _open_safetensors, _check_safetensors),
}

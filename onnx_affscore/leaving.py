"""What a process takes with it however it ends: temporary files, and word of what is kept."""

import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, final

__all__ = [
    "PART",
    "TemporaryFolder",
    "in_place",
    "keeping",
    "kept",
    "leave",
    "litter",
    "put_in_place",
]

_PREFIX: Final = "onnx-affscore-"
PART: Final = re.compile(rf"\.{_PREFIX}[0-9a-f]+\.part")
"""The names of files that are not in place yet: short, as those of their places may be long."""
_FOLDER: Final = re.compile(rf"{_PREFIX}[a-z0-9_]+")
_LOCK: Final = "in-use"

_files: set[Path] = set()
_folders: "weakref.WeakSet[TemporaryFolder]" = weakref.WeakSet()
_kept: str | None = None
_swept: set[Path] = set()


def keeping(text: str | None) -> None:
    """Note in a clause what of the work under way would survive now; None where there is none."""
    global _kept  # noqa: PLW0603 - of the process, as its end is
    _kept = text


def kept() -> str | None:
    """Return what was noted last."""
    return _kept


def leave() -> None:
    """Remove all temporary files of this process, for it ends here and now."""
    for path in list(_files):
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in list(_folders):
        folder.remove()


@contextmanager
def litter(path: Path) -> Iterator[Path]:
    """Name a file that is to be gone at the end, however that comes."""
    _files.add(path)
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        _files.discard(path)


@contextmanager
def in_place(path: Path) -> Iterator[Path]:
    """Yield a name in the same folder for a file that is then put in place, if all went well.

    A reader sees the old file or the new one, never half: an ``OSError`` leaves the old one.
    What a process left in the folder that was killed meanwhile is removed.
    """
    _sweep(path.parent)
    with _part(path.parent) as part:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())  # else a power cut may leave the new name and no content
        part.replace(path)


def put_in_place(path: Path, content: bytes) -> None:
    """Write a file in one step."""
    with in_place(path) as part:
        part.write_bytes(content)


@final
class TemporaryFolder:
    """A folder below ``TMPDIR``, or in another folder, that goes with this object or the process.

    A lock says that it is in use: what a process left there that was killed is removed by the next
    one of the same user that makes one in the same place.
    """

    def __init__(self, within: Path | None = None) -> None:
        _sweep(Path(tempfile.gettempdir()) if within is None else within)
        descriptor = None
        while descriptor is None:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
            descriptor = _own(self.path / _LOCK, 0o600)
        self.remove = weakref.finalize(self, _removed, self.path, descriptor)
        _folders.add(self)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def _removed(path: Path, descriptor: int) -> None:
    os.close(descriptor)  # Windows removes no open file
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """Yield a file that is gone at the end, and locked until then."""
    descriptor = None
    with ExitStack() as stack:
        while descriptor is None:
            part = folder / f".{_PREFIX}{os.urandom(4).hex()}.part"
            stack.enter_context(litter(part))
            if sys.platform == "win32":  # an open file can be neither replaced nor removed
                break
            descriptor = _own(part, 0o666)
        try:
            yield part
        finally:
            if descriptor is not None:
                os.close(descriptor)


def _own(path: Path, mode: int) -> int | None:
    """Make a file that is locked; None where another process has swept it away before it was."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
    with suppress(BlockingIOError):
        _locked(descriptor)
        if path.exists():
            return descriptor
    os.close(descriptor)
    return None


def _sweep(place: Path) -> None:
    """Remove files and folders there whose process is gone; each place once a process."""
    if place in _swept or sys.platform == "win32":
        return
    _swept.add(place)
    with suppress(OSError), os.scandir(place) as found:
        for entry in found:
            with suppress(OSError):
                _swept_away(Path(place, entry.name))


def _swept_away(path: Path) -> None:
    is_folder = _FOLDER.fullmatch(path.name) is not None
    if not (is_folder or PART.fullmatch(path.name)):
        return
    about = path.lstat()
    kind = stat.S_ISDIR if is_folder else stat.S_ISREG
    if about.st_uid != os.getuid() or not kind(about.st_mode):
        return
    descriptor = os.open(path / _LOCK if is_folder else path, os.O_RDWR)
    try:
        if not _locked(descriptor):
            return
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take a lock that the system gives back when the process ends; ``BlockingIOError`` if taken.

    False where the file system has none: then nobody sweeps.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True

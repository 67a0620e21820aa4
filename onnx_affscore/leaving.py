"""What a process takes with it however it ends: temporary files, and word of what is kept."""

import os
import re
import shutil
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
_LOCK: Final = "in-use"
_YOUNG: Final = 60.0
"""Seconds in which a folder may not have been locked yet by the process that has made it."""

_files: set[Path] = set()
_folders: "weakref.WeakSet[TemporaryFolder]" = weakref.WeakSet()
_kept: str | None = None
_swept = False


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
    """
    with litter(path.with_name(f".{_PREFIX}{os.urandom(4).hex()}.part")) as part:
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

    A lock says that it is in use: what a process left below ``TMPDIR`` that was killed is removed
    by the next one of the same user.
    """

    def __init__(self, within: Path | None = None) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=within))
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        _locked(descriptor)
        self.remove = weakref.finalize(self, _removed, self.path, descriptor)
        _folders.add(self)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def _removed(path: Path, descriptor: int) -> None:
    os.close(descriptor)  # Windows removes no open file
    shutil.rmtree(path, ignore_errors=True)


def _sweep() -> None:
    """Remove folders whose process is gone; once a process."""
    global _swept  # noqa: PLW0603
    if _swept or sys.platform == "win32":
        return
    _swept = True
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            _swept_away(path)


def _swept_away(path: Path) -> None:
    about = path.lstat()
    if about.st_uid != os.getuid() or time.time() - about.st_mtime < _YOUNG or path.is_symlink():
        return
    descriptor = os.open(path / _LOCK, os.O_RDWR)
    try:
        if _locked(descriptor):
            shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take a lock that the system gives back when the process ends; False where it is taken.

    False, too, where the file system has none: then nobody sweeps.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

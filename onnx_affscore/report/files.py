"""Write a finished file in one step: a reader sees the old file or the new one, never half."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from onnx_affscore.errors import AffscoreError, OptionError
from onnx_affscore.leaving import in_place

__all__ = ["STDOUT", "replacing", "unwritten", "write"]

STDOUT = "-"


def write(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write ``content`` to ``path``, text as UTF-8 with its own line ends; ``-`` is stdout.

    The file is made under another name in the same folder and then put in place. A symbolic link
    stays one; a pipe or a device is written directly.
    """
    if os.fspath(path) == STDOUT:
        with _told("standard output"):
            _to_stdout(content)
        return
    data = content.encode() if isinstance(content, str) else content
    with _told(path):
        target = Path(path).resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            target.write_bytes(data)
            return
    with replacing(path) as place:
        place.write_bytes(data)


def unwritten(attempts: Iterable[Callable[[], object]]) -> list[str]:
    """Write one file after the other, and return a sentence for each that cannot be written.

    Where nobody reads stdout any more, that is raised when the others are written: it is no error.
    """
    failed: dict[str, None] = {}
    gone: BrokenPipeError | None = None
    for attempt in attempts:
        try:
            attempt()
        except BrokenPipeError as exc:
            gone = exc
        except (AffscoreError, OSError) as exc:
            failed[str(exc)] = None
    if gone is not None and not failed:
        raise gone
    return list(failed)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a place in the same folder for a file that is then put in place, if all went well."""
    with _told(path):
        target = Path(path).resolve()
        if target.is_dir():  # os.replace says so with another error on each platform
            raise IsADirectoryError(target)
        with in_place(target) as part:
            yield part


@contextmanager
def _told(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say in our words why a path cannot be written."""
    try:
        yield
    except (AffscoreError, BrokenPipeError):
        raise
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise OptionError(
            f"cannot write {path}: the folder {Path(path).resolve().parent} does not exist; "
            "make it first, or choose another place"
        ) from exc
    except IsADirectoryError as exc:
        raise OptionError(f"cannot write {path}: it is a folder; a file name is wanted") from exc
    except OSError as exc:
        raise AffscoreError(f"cannot write {path}: {exc.strerror or exc}") from exc


def _to_stdout(content: str | bytes) -> None:
    if isinstance(content, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        sys.stdout.write(content)
    except UnicodeEncodeError:  # a console that is not UTF-8: a name shown by its escapes
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(content.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()

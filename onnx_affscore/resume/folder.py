"""The folder of ``--resume``: one journal a pass, and the run that they are of."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

from onnx_affscore.errors import OptionError, StorageError
from onnx_affscore.given_json import parsed
from onnx_affscore.leaving import PART, keeping, put_in_place
from onnx_affscore.records import InputHint
from onnx_affscore.resume.holdings import BESIDES, GROUP, SUFFIX
from onnx_affscore.resume.journal import Journal
from onnx_affscore.resume.pass_log import PassLog
from onnx_affscore.taps import TapKey

__all__ = ["Kept", "open_kept"]

_RUN: Final = "run.json"
_LOCK: Final = "lock"
_GOES_ON: Final = "the same command goes on"
_FORMAT: Final = {"journal": 2}
_MACHINE: Final = "machine"


@final
class Kept:
    """The journals of one run, or none: without a folder nothing is kept.

    ``warnings`` say where this start is not quite like the earlier ones.
    """

    def __init__(self, folder: Path | None = None, *, warnings: tuple[str, ...] = ()) -> None:
        self.folder, self.warnings = folder, warnings
        self._open: list[PassLog] = []

    def begin(self, name: str, taps: Sequence[TapKey], hints: Sequence[InputHint]) -> PassLog:
        """Return the log of a pass; its name is the same at every start of a run."""
        journal = None if self.folder is None else Journal(self.folder / f"{name}{SUFFIX}")
        log = PassLog(journal, taps, hints)
        self._open.append(log)
        return log

    def told(self, name: str, samples: int, total: int | None) -> None:
        """Note how many samples of a pass are kept, for the last words of the process."""
        if self.folder is None or name.endswith(BESIDES):
            return
        group = GROUP.match(name)
        of_all = f" of {total}" if total is not None else ""
        sites = f" (group {group[1]} of the sites)" if group else ""
        keeping(f"{samples}{of_all} samples{sites} are kept in {self.folder}; {_GOES_ON}")

    def close(self) -> None:
        """Close the journals."""
        for log in self._open:
            log.close()


@contextmanager
def open_kept(
    folder: str | os.PathLike[str] | None, run: Callable[[], Mapping[str, Any]]
) -> Iterator[Kept]:
    """Open the folder of a run, which is made where there is none, for this process alone.

    ``run`` returns all that its results hang on, as plain data. Raises :class:`OptionError` where
    the folder is of another run or holds other things, and :class:`StorageError` where it cannot
    be used.
    """
    if folder is None:
        yield Kept()
        return
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        _written(path)  # what is not ours stays as it is: no lock is put there
        descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except FileExistsError as exc:
        raise OptionError(f"--resume {path}: it is a file; wanted a folder") from exc
    except OSError as exc:
        raise StorageError(f"--resume {path}: {exc.strerror or exc}; choose another place") from exc
    try:
        _lock(descriptor, path)
        kept = Kept(path, warnings=tuple(_same_run(path, json.loads(json.dumps(run())))))
        try:
            yield kept
        finally:
            kept.close()
    finally:
        os.close(descriptor)  # and with it the lock


def _same_run(path: Path, run: dict[str, Any]) -> Iterator[str]:
    """Write down the run, or compare it with the one that was: yield what may be as it is."""
    run = _FORMAT | run
    kept = _written(path)
    if kept is None:
        _write(path / _RUN, json.dumps(run, indent=1))
        return
    names = [n for n in dict.fromkeys([*kept, *run]) if n != _MACHINE]
    off = [
        f"{n} {_shown(run.get(n))}, kept {_shown(kept.get(n))}"
        for n in names
        if kept.get(n) != run.get(n)
    ]
    if off:
        raise OptionError(
            f"--resume {path}: it keeps another run: {'; '.join(off)}; give the command of the"
            " earlier start, or another folder"
        )
    if kept.get(_MACHINE) != run.get(_MACHINE):
        yield (
            f"went on with what another machine had run ({_shown(kept.get(_MACHINE))}): scores may"
            " differ by rounding from those of one machine"
        )


def _written(path: Path) -> dict[str, Any] | None:
    """What an earlier start wrote of its run, None where there was none.

    Raises :class:`OptionError` where the folder holds what no start has put there.
    """
    try:
        kept = parsed((path / _RUN).read_text("utf-8"))
    except FileNotFoundError:
        strangers = sorted(p.name for p in path.iterdir() if not _ours(p))
        if strangers and not (path / _RUN).exists():  # another process may have just begun
            raise OptionError(
                f"--resume {path}: the folder holds other things ({strangers[0]}); wanted an empty"
                " folder, a new one, or that of an earlier start"
            ) from None
        return None
    except (OSError, ValueError) as exc:
        raise OptionError(
            f"--resume {path}: {_RUN} there cannot be read ({exc}); give another folder"
        ) from exc
    if not isinstance(kept, dict) or not kept.keys() >= _FORMAT.keys():
        raise OptionError(
            f"--resume {path}: {_RUN} there holds {_shown(kept)}, which is no record of a run;"
            " wanted what an earlier start wrote, give another folder"
        )
    return kept


def _ours(path: Path) -> bool:
    """Whether a start may have put this there before it wrote of its run; a lock holds nothing."""
    if path.name == _LOCK:
        about = path.lstat()
        return stat.S_ISREG(about.st_mode) and not about.st_size
    return PART.fullmatch(path.name) is not None


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _write(path: Path, text: str) -> None:
    """Write a small file; raises :class:`StorageError` where that fails."""
    try:
        put_in_place(path, text.encode())
    except OSError as exc:
        raise StorageError(f"cannot write {path}: {exc.strerror or exc}") from exc


def _lock(descriptor: int, path: Path) -> None:
    """Take the folder; the system gives it back however the process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as exc:
        raise OptionError(
            f"--resume {path}: another process is at work there; wait for it, or give another"
            " folder"
        ) from exc
    except OSError:  # a file system without locks: go on without one
        return

"""From a signature to files: one format or figure, or every format into a folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import final

from onnx_affscore.errors import (
    AffscoreError,
    MissingExtraError,
    OptionError,
    PluginError,
)
from onnx_affscore.fields import NOT_ASKED
from onnx_affscore.records import Signature, Status
from onnx_affscore.report import FORMATS, Format, added_formats, write
from onnx_affscore.report.figures import histogram, image_bytes
from onnx_affscore.report.files import STDOUT, unwritten
from onnx_affscore.report.planning import planned_files

__all__ = ["Outputs", "format_of", "incomplete", "planned", "write_all", "write_as"]

PLOT, HISTOGRAM = "plot", "histogram"


def planned(files: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Return format and path of each file asked for, to be called before the long work.

    ``plot`` takes the format that its path's suffix says; ``histogram`` keeps its name. Raises as
    :func:`~onnx_affscore.report.planning.planned_files` does.
    """
    plan = planned_files(files, figures=(PLOT, HISTOGRAM))
    return [(Path(path).suffix[1:] if name == PLOT else name, path) for name, path in plan]


@final
@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the signatures of models go: ``files`` by model, and a ``folder`` for everything."""

    files: Mapping[str, Sequence[tuple[str, str]]]
    folder: str | None

    @classmethod
    def planned(
        cls, files: Mapping[str, Mapping[str, str | None]], folder: str | None
    ) -> "Outputs":
        """Check what each model is to write, by its name; raises as :func:`planned` does."""
        return cls({name: planned(own) for name, own in files.items()}, folder)

    @property
    def to_stdout(self) -> bool:
        """Whether stdout is a file's."""
        return any(path == STDOUT for own in self.files.values() for _, path in own)

    def write(self, name: str, signature: Signature) -> list[str]:
        """Write the files of one model; of several each has a folder of its own.

        Returns what went wrong, a sentence a file: one that cannot be written takes no other along.
        """
        wanted: list[Callable[[], object]] = [
            partial(write_as, signature, kind, path) for kind, path in self.files[name]
        ]
        if self.folder is not None:
            folder = Path(self.folder) / name if len(self.files) > 1 else Path(self.folder)
            wanted += [partial(write_all, signature, folder, [kind]) for kind in FORMATS]
        return unwritten(wanted)


def format_of(path: str, *, name: str | None = None) -> str:
    """Return the format called ``name``, without one that of the file's suffix; stdout is html.

    Raises :class:`OptionError` where there is no such format.
    """
    if name is None and path == STDOUT:
        return "html"
    if name is not None:
        _format(name, path)
        return name
    fitting = _with_suffix(path, FORMATS)
    longest = max(fitting.values(), default=0)
    if not fitting or "." in Path(path).name[:-longest]:  # else no plug-in has a longer one
        fitting |= _with_suffix(path, added_formats().rows)
    if fitting:  # of .json and .netron.json the longer one
        return max(fitting, key=fitting.__getitem__)
    raise OptionError(
        f"{path}: no format has such a suffix; name one with --format: {', '.join(FORMATS)}"
    )


def write_as(signature: Signature, name: str, path: str | PathLike[str]) -> None:
    """Write a signature in the format called ``name``, ``-`` being stdout.

    ``histogram`` is a figure of the kind that the path's suffix says. Raises
    :class:`OptionError` where there is no such format.
    """
    if name == HISTOGRAM:
        write(path, image_bytes(histogram(signature), Path(path).suffix))
        return
    write(path, _rendered(signature, name, path))


def _with_suffix(path: str, table: Mapping[str, Format]) -> dict[str, int]:
    """The formats whose suffix the path has, and how long that is."""
    return {key: len(kind.suffix) for key, kind in table.items() if path.endswith(kind.suffix)}


def _format(name: str, path: str | PathLike[str]) -> Format:
    """The format called ``name``, of this package or of another; OptionError without one."""
    if name in FORMATS:
        return FORMATS[name]
    added = added_formats()
    added.refuse(name)
    if name not in added.rows:
        known = ", ".join([*FORMATS, *added.rows])
        raise OptionError(f"{path}: no format {name!r}; wanted one of {known}")
    return added.rows[name]


def _rendered(signature: Signature, name: str, path: str | PathLike[str]) -> str | bytes:
    """What the format makes of the signature; PluginError where another package's code fails."""
    made = _format(name, path).render
    if name in FORMATS:
        return made(signature)
    try:
        return made(signature)
    except (AffscoreError, MemoryError):
        raise
    except Exception as exc:
        who = added_formats().packages[name]
        raise PluginError(
            f"{path}: the plug-in '{name}' of {who} failed: {type(exc).__name__}: {exc}"
        ) from exc


def write_all(
    signature: Signature, folder: str | PathLike[str], names: Sequence[str] = tuple(FORMATS)
) -> list[Path]:
    """Write the named formats into a folder, those whose extra is not installed left out."""
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise AffscoreError(f"cannot make the folder {target}: {exc.strerror or exc}") from exc
    written = []
    for name in names:
        try:
            content = FORMATS[name].render(signature)
        except MissingExtraError:
            continue
        stem = "report" if name == "html" else "signature"
        path = target / f"{stem}{FORMATS[name].suffix}"
        write(path, content)
        written.append(path)
    return written


def incomplete(signature: Signature) -> bool:
    """Whether a site that was to be scored has no score for want of usable numbers."""
    return any(
        s.status == Status.UNDEFINED or (s.status == Status.UNSCORED and s.reason not in NOT_ASKED)
        for s in signature.sites
    )

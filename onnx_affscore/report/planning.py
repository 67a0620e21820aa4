"""Where files are to go, checked before the long work."""

from collections.abc import Collection, Mapping
from pathlib import Path

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures import SUFFIXES
from onnx_affscore.report.files import STDOUT

__all__ = ["planned_files"]


def planned_files(
    files: Mapping[str, str | None], *, figures: Collection[str]
) -> list[tuple[str, str]]:
    """Return kind and path of each file asked for; a kind is named like its option.

    Raises :class:`OptionError` where the suffix of one of ``figures`` is no image's, a folder
    does not exist, or two files are to go to one place.
    """
    plan = [(name, path) for name, path in files.items() if path is not None]
    for name, path in plan:
        option, suffix = f"--{name.replace('_', '-')}", Path(path).suffix
        if name in figures and suffix not in SUFFIXES:
            raise OptionError(
                f"{option} {path}: found the suffix {suffix!r}; wanted one of {', '.join(SUFFIXES)}"
            )
        if path != STDOUT and not Path(path).parent.is_dir():
            raise OptionError(
                f"{option} {path}: the folder {Path(path).parent} does not exist; make it first"
            )
    paths = [path if path == STDOUT else str(Path(path).resolve()) for _, path in plan]
    if paths.count(STDOUT) > 1:
        raise OptionError("found two files for stdout ('-'); give at most one of them")
    for (name, path), whole in zip(plan, paths, strict=True):
        device = Path(whole).exists() and not Path(whole).is_file()  # /dev/null takes many
        if paths.count(whole) > 1 and not device:
            option = f"--{name.replace('_', '-')}"
            raise OptionError(
                f"{option} {path}: found another file for the same path; give it another"
            )
    return plan

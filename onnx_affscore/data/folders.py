"""Folders of files of one kind: their order, and the classes that their names tell."""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from onnx_affscore.errors import DataError
from onnx_affscore.records import Labels

__all__ = ["below", "file_labels", "files_in", "holds"]


def below(folder: Path, *, depth: int | None = None) -> Iterator[str]:
    """Every file in a folder, however deep, by its path from there; hidden ones are left out.

    So many folders in one another as ``depth`` are looked into, where it is given. Links are
    followed, out of the folder too, but no folder is looked into twice.
    """
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        way = Path(place).relative_to(folder).parts
        if len(way) == depth:
            folders.clear()
        for name in names:
            if not name.startswith("."):
                yield "/".join((*way, name))


def files_in(folder: Path, suffixes: Collection[str], *, depth: int | None = None) -> list[str]:
    """The files below a folder with one of the suffixes, in lower case; by their paths, sorted."""
    return sorted(_ending(below(folder, depth=depth), suffixes))


def holds(folder: Path, suffixes: Collection[str], *, depth: int | None = None) -> bool:
    """Whether a folder has such a file, looking no further than to the first."""
    return any(True for _ in _ending(below(folder, depth=depth), suffixes))


def _ending(names: Iterator[str], suffixes: Collection[str]) -> Iterator[str]:
    ends = tuple(suffixes)  # a Path for each of a million files would take its time
    return (name for name in names if name.lower().endswith(ends))


def file_labels(files: Sequence[str], *, pattern: str | None, where: str) -> Labels | None:
    """The class of every file by the first group of ``pattern`` in its path, else by its folder.

    None where no pattern is given and not every file lies in a folder of its own class.

    Raises
    ------
    DataError
        The pattern is found in some path of none.

    Examples
    --------
    >>> file_labels(["cat/1.png", "dog/1.png"], pattern=None, where="photos").names
    ('cat', 'dog')
    >>> file_labels(["0_ann.wav", "7_bob.wav"], pattern=r"^(\\d)_", where="sounds").names
    ('0', '7')
    """
    if pattern is None:
        if not all("/" in name for name in files):
            return None
        return Labels.of([name.partition("/")[0] for name in files])
    found = [re.search(pattern, name) for name in files]
    texts = [match[1] for match in found if match is not None and match[1] is not None]
    if len(texts) < len(files):
        strange = next(n for n, m in zip(files, found, strict=True) if m is None or m[1] is None)
        raise DataError(
            f"--label-pattern {pattern}: not found in '{strange}' of {where}, nor in"
            f" {len(files) - len(texts) - 1} other(s) of {len(files)} files; give one that suits"
            " every path"
        )
    return Labels.of(texts)

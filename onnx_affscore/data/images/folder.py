"""A folder of pictures, its sub-folders being classes: the layout that torchvision reads."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from onnx_affscore.data.images.choosing import choose
from onnx_affscore.data.images.decoding import needs_pillow
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError
from onnx_affscore.records import Labels

__all__ = ["SUFFIXES", "image_files", "is_image_folder", "open_image_folder"]

SUFFIXES: Final = {
    ".bmp": "BMP", ".gif": "GIF", ".jfif": "JPEG", ".jpe": "JPEG", ".jpeg": "JPEG", ".jpg": "JPEG",
    ".pbm": "PNM", ".pgm": "PNM", ".png": "PNG", ".pnm": "PNM", ".ppm": "PNM", ".tif": "TIFF",
    ".tiff": "TIFF", ".webp": "WebP",
}  # fmt: skip
"""What is read, by the end of its name."""


def is_image_folder(text: str) -> bool:
    """Whether a path is a folder with some picture in it or below."""
    path = Path(text)
    return path.is_dir() and any(_is_image(file) for file in _below(path))


def image_files(folder: Path) -> list[Path]:
    """All picture files in a folder and below, by their paths in it; DataError where none is."""
    found = _found(folder)[0]
    if not found:
        raise DataError(f"found no {', '.join(SUFFIXES)} file below {folder}")
    return found


def open_image_folder(request: Request) -> Table:
    """One row a picture, in the order of their paths; read when its batch is."""
    folder = Path(request.text)
    files, others = _found(folder)
    needs_pillow()
    chosen = choose(request)
    kinds = Counter(SUFFIXES[file.suffix.lower()] for file in files)
    what = " and ".join(
        kind if len(kinds) == 1 else f"{kind} ({n})" for kind, n in kinds.most_common()
    )
    labels = None if request.feeding.label is not None else _classes(folder, files)
    notes: tuple[str, ...] = ()
    if labels is not None:
        notes = (f"{folder}: {len(labels.names)} classes by sub-folder",)
    if others:
        notes += (f"{folder}: {others} other files left alone",)
    return chosen.table(
        lambda row: chosen.prepare.of_file(files[row]),
        count=len(files),
        what=f"images, {what}",
        where=str(folder),
        labels=labels,
        notes=notes,
    )


def _found(folder: Path) -> tuple[list[Path], int]:
    """The pictures below a folder, sorted, and the number of other files."""
    every = list(_below(folder))
    images = [file for file in every if _is_image(file)]
    return sorted(images, key=lambda f: f.relative_to(folder).as_posix()), len(every) - len(images)


def _below(folder: Path) -> Iterator[Path]:
    """Files below a folder whose names are not hidden; links are followed, circles are not."""
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here, name) for name in names if not name.startswith("."))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _classes(folder: Path, files: list[Path]) -> Labels | None:
    """The first folder on the way to each picture, None where some lie in none."""
    parts = [file.relative_to(folder).parts for file in files]
    return Labels.of([p[0] for p in parts]) if all(len(p) > 1 for p in parts) else None

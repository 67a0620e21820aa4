"""A folder of pictures, its sub-folders being classes: the layout that torchvision reads."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from onnx_affscore.data.folders import below, file_labels, files_in, holds
from onnx_affscore.data.images.choosing import choose
from onnx_affscore.data.images.decoding import needs_pillow
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError

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
    return path.is_dir() and holds(path, SUFFIXES)


def image_files(folder: Path) -> list[Path]:
    """All picture files in a folder and below, by their paths in it; DataError where none is."""
    found = files_in(folder, SUFFIXES)
    if not found:
        raise DataError(f"found no {', '.join(SUFFIXES)} file below {folder}")
    return [folder / name for name in found]


def open_image_folder(request: Request) -> Table:
    """One row a picture, in the order of their paths; read when its batch is."""
    folder, said = Path(request.text), request.feeding
    names = files_in(folder, SUFFIXES)
    others = sum(1 for _ in below(folder)) - len(names)
    needs_pillow()
    chosen = choose(request)
    kinds = Counter(SUFFIXES[Path(name).suffix.lower()] for name in names)
    what = " and ".join(
        kind if len(kinds) == 1 else f"{kind} ({n})" for kind, n in kinds.most_common()
    )
    labels = None
    if said.label is None:
        labels = file_labels(names, pattern=said.label_pattern, where=request.text)
    notes: tuple[str, ...] = ()
    if labels is not None:
        source = "sub-folder" if said.label_pattern is None else "--label-pattern"
        notes = (f"{folder}: {len(labels.names)} classes by {source}",)
    if others:
        notes += (f"{folder}: {others} other files left alone",)
    table = chosen.table(
        lambda row: chosen.prepare.of_file(folder / names[row]),
        count=len(names),
        what=f"images, {what}",
        where=str(folder),
        labels=labels,
        notes=notes,
    )
    return replace(table, heeded=table.heeded | {"label_pattern"})

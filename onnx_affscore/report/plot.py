"""The signature over depth as a figure file."""

import os
from collections.abc import Sequence
from pathlib import Path

from onnx_affscore.records import Signature
from onnx_affscore.report.figures.frame import SUFFIXES, image_bytes
from onnx_affscore.report.figures.over_depth import depth as draw
from onnx_affscore.report.files import STDOUT, write

__all__ = ["SUFFIXES", "draw", "save_plot", "to_image"]


def save_plot(
    signatures: Signature | Sequence[Signature],
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
) -> None:
    """Draw one or several signatures into a file; its suffix says which kind.

    ``labels`` title the panels, the file names of the models where it is None. ``-`` writes a PNG
    to stdout.
    """
    suffix = ".png" if os.fspath(path) == STDOUT else Path(path).suffix.lower()
    write(path, to_image(signatures, suffix, labels=labels))


def to_image(
    signatures: Signature | Sequence[Signature],
    suffix: str,
    *,
    labels: Sequence[str] | None = None,
) -> bytes:
    """Return the bytes of a figure file of the kind that ``suffix`` names."""
    return image_bytes(draw(signatures, labels=labels), suffix)

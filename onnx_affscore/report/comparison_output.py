"""From a comparison to files: one table of kinds, one file or all of them into a folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, final

from onnx_affscore.comparison import Comparison
from onnx_affscore.errors import MissingExtraError, OptionError
from onnx_affscore.report import comparison_figures as drawn
from onnx_affscore.report.comparison_csv import comparison_to_csv
from onnx_affscore.report.comparison_json import comparison_to_json
from onnx_affscore.report.comparison_text import comparison_to_text
from onnx_affscore.report.figures import image_bytes
from onnx_affscore.report.files import write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FIGURES", "KINDS", "Kind", "write_all_kinds", "write_kind"]

Draw: TypeAlias = Callable[[Comparison], "Figure"]


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: the name it gets in a folder, and what renders or draws it."""

    name: str
    render: Callable[[Comparison], str] | None = None
    draw: Draw | None = None


# By option of the command line.
KINDS: Mapping[str, Kind] = {
    "json": Kind("comparison.json", render=comparison_to_json),
    "csv": Kind("differences.csv", render=comparison_to_csv),
    "text": Kind("comparison.txt", render=comparison_to_text),
    "plot": Kind("signatures.svg", draw=drawn.overlay),
    "dendrogram": Kind("dendrogram.svg", draw=drawn.dendrogram),
    "heat_map": Kind("heat_map.svg", draw=drawn.heat_map),
    "curves": Kind("curves.svg", draw=drawn.curves),
    "scatter": Kind("scatter.svg", draw=drawn.scatter),
}
FIGURES = tuple(name for name, kind in KINDS.items() if kind.draw is not None)


def write_kind(comparison: Comparison, name: str, path: str | PathLike[str]) -> None:
    """Write a comparison as one of :data:`KINDS`; a figure as its suffix says."""
    kind = KINDS[name]
    if kind.render is not None:
        write(path, kind.render(comparison))
    if kind.draw is not None:
        write(path, image_bytes(kind.draw(comparison), suffix=Path(path).suffix))


def write_all_kinds(comparison: Comparison, folder: str | PathLike[str]) -> list[Path]:
    """Write all kinds into a folder, those left out that the comparison or the machine has not."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, kind in KINDS.items():
        path = target / kind.name
        try:
            write_kind(comparison, name, path)
        except (MissingExtraError, OptionError):
            continue
        written.append(path)
    return written

"""Figures for a paper: plain data in, a Matplotlib figure out, one file here for each kind.

A file has another name than its function: a submodule of the same name would shadow it. They are
drawn in one style (``frame.py``), readable in grey and with any colour vision (``styles.py``).
Needs the extra ``plot``, and only when one is drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from onnx_affscore.report.figures.agreements import agreement
from onnx_affscore.report.figures.comparisons import comparison
from onnx_affscore.report.figures.dendrograms import dendrogram
from onnx_affscore.report.figures.frame import ONE_COLUMN, SUFFIXES, TWO_COLUMNS, image_bytes
from onnx_affscore.report.figures.heat_maps import heat_map
from onnx_affscore.report.figures.histograms import histogram
from onnx_affscore.report.figures.over_depth import depth
from onnx_affscore.report.figures.over_steps import curves
from onnx_affscore.report.figures.scatters import scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "FIGURES",
    "ONE_COLUMN",
    "SUFFIXES",
    "TWO_COLUMNS",
    "FigureKind",
    "agreement",
    "comparison",
    "curves",
    "dendrogram",
    "depth",
    "heat_map",
    "histogram",
    "image_bytes",
    "scatter",
]


@final
@dataclass(frozen=True, slots=True)
class FigureKind:
    """A kind of figure: what draws it, and a line about it."""

    draw: Callable[..., "Figure"]
    description: str


FIGURES: Mapping[str, FigureKind] = {
    "depth": FigureKind(depth, "the score of each activation, in execution order"),
    "histogram": FigureKind(histogram, "how the scores of a signature are spread"),
    "comparison": FigureKind(comparison, "several signatures over depth, or over aligned sites"),
    "dendrogram": FigureKind(dendrogram, "which signatures are alike, as a tree"),
    "heat_map": FigureKind(heat_map, "a matrix of distances or correlations"),
    "scatter": FigureKind(scatter, "one figure of a network against another"),
    "curves": FigureKind(curves, "named series over steps, with published values"),
    "agreement": FigureKind(agreement, "our values against published ones and their tolerances"),
}

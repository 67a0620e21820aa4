"""A square matrix of distances or correlations as a field of cells, darker where it is less."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures.frame import (
    SOFT,
    TWO_COLUMNS,
    canvas,
    framed,
    harmless,
    legend,
    message,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

__all__ = ["heat_map"]

_COLOURS = "cividis"  # even to the eye, its lightness only grows; the same without red or green


@framed
def heat_map(
    matrix: npt.ArrayLike | Sequence[Sequence[float | None]],
    labels: Sequence[str],
    *,
    title: str | None = None,
    order: Sequence[int] | None = None,
    unit: str | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw a square matrix, its rows and columns named by ``labels``, in ``order`` if given.

    Values are written into the cells where they fit; None and NaN are hatched. ``unit`` names
    what the bar of colours measures.
    """
    cells = np.array(matrix, dtype=object).astype(np.float64)
    count = len(labels)
    if cells.size == 0:
        cells = cells.reshape(count, count) if count == 0 else cells
    if cells.shape != (count, count):
        raise OptionError(
            f"found a matrix of shape {cells.shape} for {count} label(s); wanted ({count}, {count})"
        )
    places = list(range(count)) if order is None else list(order)
    if sorted(places) != list(range(count)):
        raise OptionError(f"found the order {places}; wanted each of 0 to {count - 1} once")
    cells = cells[np.ix_(places, places)]
    names = [harmless(labels[place], 24) for place in places]
    figure, (axes,) = canvas(width, min(0.85 * width, 0.5 * count + 1.6))
    if not count:
        message(axes, "there is nothing to compare")
        return figure
    known = np.isfinite(cells)
    shown = np.ma.masked_array(cells, ~known)
    mesh = axes.pcolormesh(shown, cmap=_COLOURS, rasterized=count > 64)
    axes.set_aspect("equal")
    axes.set_ylim(count, 0)
    size = max(3.0, min(7.0, 0.6 * width / count * 72))
    axes.set_xticks(np.arange(count) + 0.5, names, rotation=90, fontsize=size)
    axes.set_yticks(np.arange(count) + 0.5, names, fontsize=size)
    axes.tick_params(length=0, colors=SOFT)
    axes.spines[:].set_visible(False)
    if np.ptp(cells[known]) > 0 if known.any() else False:
        bar = figure.colorbar(mesh, ax=axes, shrink=0.8)
        bar.set_label(harmless(unit or "", 60))
        bar.ax.tick_params(length=0, colors=SOFT)
        bar.outline.set_visible(False)
    if not known.all():
        _hatch(axes, known)
        look = {"patch": True, "facecolor": "white", "edgecolor": SOFT, "hatch": "////"}
        legend(figure, [("no value", look)], loc="outside upper right")
    if title is not None:
        axes.set_title(harmless(title, 60), loc="left")
    _write(axes, cells, mesh)
    return figure


def _write(axes: "Axes", cells: npt.NDArray[np.float64], mesh: "QuadMesh") -> None:
    """Write values into their cells, where letters of four points and more fit."""
    figure = axes.get_figure(root=True)
    figure.draw_without_rendering()  # type: ignore[union-attr]
    room = axes.get_window_extent().width / figure.dpi / len(cells)  # type: ignore[union-attr]
    size = min(7.0, 0.85 * room / text_width("-0.00" if (cells < 0).any() else "0.00", points=1))
    if size < 4:
        return
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            colour = mesh.to_rgba(np.array(value))
            axes.text(
                column + 0.5,
                row + 0.5,
                f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=size,
                color="black" if _lightness(colour) > 0.18 else "white",
            )


def _lightness(colour: npt.NDArray[np.float64]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2); at 0.18 black and white contrast alike."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def _hatch(axes: "Axes", known: npt.NDArray[np.bool_]) -> None:
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(~known):
        axes.add_patch(
            Rectangle(
                (column, row), 1, 1, facecolor="white", edgecolor=SOFT, hatch="////", linewidth=0
            )
        )

"""Named lines in one panel with their names at their ends; more than twelve, a panel each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.report.figures.end_labels import End, name_ends
from onnx_affscore.report.figures.frame import (
    INK,
    RULE,
    SOFT,
    canvas,
    grid,
    harmless,
    message,
    plain_axes,
)
from onnx_affscore.report.figures.styles import MOST, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_lines", "name_lines", "numbers", "shows_bands"]

_BANDS = 4  # more bands than this lie over one another and say nothing
_DENSE = 30  # points of a line beyond which not every one has a marker


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A named series; NaN is a gap. ``low`` and ``high`` bound its band where it has one."""

    name: str
    x: FloatArray
    y: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None

    @property
    def drawn(self) -> bool:
        """Whether there is any point to draw."""
        return bool(np.isfinite(self.y).any())


def numbers(values: Sequence[float | None]) -> FloatArray:
    """Return values as an array for drawing, a gap where there is none."""
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def shows_bands(lines: Sequence[Line]) -> bool:
    """Whether bands are drawn: of four lines at most in one panel, of all in panels of their own.

    More of them would cover one another.
    """
    banded = sum(line.low is not None and line.high is not None for line in lines)
    return banded > 0 and (banded <= _BANDS or len(lines) > MOST)


def draw_lines(
    lines: Sequence[Line], *, width: float, x_label: str, y_label: str, empty: str
) -> tuple["Figure", list["Axes"]]:
    """Draw lines, in one panel up to twelve of them; return the figure and its panels.

    Beyond twelve each line has a panel of its own, with all the others in light grey behind it.
    ``empty`` is what a panel without a point says. What else goes into a panel is drawn after
    this and before :func:`name_lines`.
    """
    if len(lines) <= MOST:
        figure, panels = canvas(width, max(2.4, 0.46 * width))
        _one_panel(panels[0], lines)
        panels[0].set_xlabel(harmless(x_label, 80))
        panels[0].set_ylabel(harmless(y_label, 45))
        if not any(line.drawn for line in lines):
            panels[0].set(xlim=(0, 1), ylim=(0, 1))
            message(panels[0], empty)
    else:
        figure, panels = grid(width, len(lines), each=1.1, spare=0.5, sharex=True, sharey=True)
        for position, axes in enumerate(panels):
            _own_panel(axes, lines, position)
            if not lines[position].drawn:
                message(axes, empty)
        figure.supxlabel(harmless(x_label, 80), fontsize=8, color=SOFT)
        figure.supylabel(harmless(y_label, 45), fontsize=8, color=SOFT)
    for axes in panels:
        plain_axes(axes)
    return figure, panels


def name_lines(panels: Sequence["Axes"], lines: Sequence[Line]) -> None:
    """Write the names of lines that share a panel at their ends."""
    if len(lines) <= MOST:
        ends = [_end(line, position) for position, line in enumerate(lines) if line.drawn]
        name_ends(panels[0], ends)


def _one_panel(axes: "Axes", lines: Sequence[Line]) -> None:
    bands = shows_bands(lines)
    for position, line in enumerate(lines):
        style = look(position)
        if bands and line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=style.colour, alpha=0.15, lw=0)
        axes.plot(line.x, line.y, markevery=_marked(line, position), **style.both())
    axes.margins(x=0.02)
    _whole_steps(axes, lines)


def _whole_steps(axes: "Axes", lines: Sequence[Line]) -> None:
    """Let whole numbers be counted by whole numbers, each of them where they are few."""
    from matplotlib.ticker import FixedLocator, MaxNLocator

    steps = np.unique(np.concatenate([line.x for line in lines])) if lines else np.empty(0)
    if len(steps) and (steps == np.round(steps)).all():
        few = len(steps) <= 12 and len(steps) > np.ptp(steps) / 2
        place = FixedLocator(steps.tolist()) if few else MaxNLocator(integer=True, min_n_ticks=1)
        axes.xaxis.set_major_locator(place)


def _own_panel(axes: "Axes", lines: Sequence[Line], position: int) -> None:
    line = lines[position]
    for other in lines if line.drawn else []:
        axes.plot(other.x, other.y, color=RULE, linewidth=0.7, zorder=1)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=SOFT, alpha=0.25, lw=0, zorder=2)
    style: dict[str, Any] = {
        "color": INK,
        "linewidth": 1.0,
        "marker": "o",
        "markersize": 2,
        "zorder": 3,
    }
    axes.plot(line.x, line.y, markevery=_marked(line, 0), **style)
    axes.set_title(harmless(line.name, 24), loc="left", fontsize=7)


def _marked(line: Line, position: int) -> list[int]:
    """Return which points have markers: all of few, some of many, and those between two gaps."""
    count = len(line.x)
    step = 1 if count <= _DENSE else math.ceil(count / 12)
    known = np.pad(np.isfinite(line.y), 1)
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    return sorted({*range(position % step, count, step), *np.flatnonzero(alone).tolist()})


def _end(line: Line, position: int) -> End:
    last = np.flatnonzero(np.isfinite(line.y))[-1]
    return line.name, look(position), float(line.x[last]), float(line.y[last])

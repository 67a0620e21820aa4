"""Named lines in one panel with their names at their ends; more than twelve, a panel each."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.report.figures.frame import (
    INK,
    RULE,
    SOFT,
    canvas,
    harmless,
    message,
    plain_axes,
)
from onnx_affscore.report.figures.styles import MOST, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Line", "draw_lines", "numbers"]

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


def draw_lines(
    lines: Sequence[Line], *, width: float, x_label: str, y_label: str, empty: str
) -> tuple["Figure", list["Axes"]]:
    """Draw lines, in one panel up to twelve of them; return the figure and its panels in use.

    Beyond twelve each line has a panel of its own, with all the others in light grey behind it.
    ``empty`` is what a panel without a point says.
    """
    if len(lines) <= MOST:
        figure, (axes,) = canvas(width, max(2.4, 0.46 * width))
        panels = [axes]
        _one_panel(axes, lines)
        if not any(line.drawn for line in lines):
            message(axes, empty)
    else:
        columns = 4 if width > 5 else 2
        rows = math.ceil(len(lines) / columns)
        figure, every = canvas(
            width, 1.15 * rows + 0.5, lines=rows, columns=columns, sharex=True, sharey=True
        )
        panels = every[: len(lines)]
        for axes in every[len(lines) :]:
            axes.set_axis_off()
        for position, axes in enumerate(panels):
            _own_panel(axes, lines, position)
            if not lines[position].drawn:
                message(axes, empty)
    for axes in panels:
        plain_axes(axes)
    figure.supxlabel(harmless(x_label, 80), fontsize=8, color=SOFT)
    figure.supylabel(harmless(y_label, 60), fontsize=8, color=SOFT)
    return figure, panels


def _one_panel(axes: "Axes", lines: Sequence[Line]) -> None:
    banded = [line for line in lines if line.low is not None and line.high is not None]
    for position, line in enumerate(lines):
        style = look(position)
        if len(banded) <= _BANDS and line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=style.colour, alpha=0.15, lw=0)
        axes.plot(line.x, line.y, markevery=_every(line, position), **style.both())
    _end_labels(axes, lines)


def _own_panel(axes: "Axes", lines: Sequence[Line], position: int) -> None:
    for other in lines:
        axes.plot(other.x, other.y, color=RULE, linewidth=0.7, zorder=1)
    line = lines[position]
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=SOFT, alpha=0.2, lw=0, zorder=2)
    axes.plot(line.x, line.y, color=INK, linewidth=1.2, marker="o", markersize=2, zorder=3)
    axes.set_title(harmless(line.name, 24), loc="left", fontsize=7)


def _every(line: Line, position: int) -> Any:
    count = len(line.x)
    if count <= _DENSE:
        return None
    step = math.ceil(count / 12)
    return (position % step, step)


def _end_labels(axes: "Axes", lines: Sequence[Line]) -> None:
    """Write each name at the right of the panel, at the height of its line's end."""
    ends = [(i, *_end(line)) for i, line in enumerate(lines) if line.drawn]
    if not ends:
        return
    axes.margins(x=0.02)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    _, tall = axes.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    # Lines of text in the height of the panel, some of which its axis takes.
    room = 1.3 * 7 / 72 / (tall - 0.6)
    shares = [(y - low) / (high - low) for _, _, y in ends]
    inside = axes.get_yaxis_transform()
    for (position, x, y), share in zip(ends, _spread(shares, room), strict=True):
        style = look(position)
        at = low + share * (high - low)
        leader: dict[str, Any] = {"color": SOFT, "lw": 0.5, "clip_on": False}
        right = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0]
        axes.plot([right, 1.0, 1.02], [y, y, at], transform=inside, **leader, zorder=1)
        axes.plot([1.03, 1.09], [at, at], transform=inside, clip_on=False, **style.stroke())
        axes.plot([1.06], [at], transform=inside, clip_on=False, **style.points(size=4))
        name = harmless(lines[position].name, 26)
        axes.text(1.10, at, name, transform=inside, va="center", fontsize=7)


def _end(line: Line) -> tuple[float, float]:
    last = np.flatnonzero(np.isfinite(line.y))[-1]
    return float(line.x[last]), float(line.y[last])


def _spread(shares: Sequence[float], room: float) -> list[float]:
    """Move heights apart to ``room`` between neighbours, as little as that takes.

    Heights that would touch become a block around their mean, and blocks that touch join.
    """
    order = sorted(range(len(shares)), key=lambda i: shares[i])
    blocks: list[list[float]] = []  # of each block the wanted centre and the number of labels
    for i in order:
        blocks.append([shares[i], 1])
        while len(blocks) > 1 and _touch(blocks[-2], blocks[-1], room):
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [[(a * n + b * m) / (n + m), n + m]]
    placed = list(_places(blocks, room))
    result = [0.0] * len(shares)
    for i, place in zip(order, placed, strict=True):
        result[i] = place
    return result


def _touch(below: Sequence[float], above: Sequence[float], room: float) -> bool:
    return above[0] - below[0] < room * (below[1] + above[1]) / 2


def _places(blocks: Sequence[Sequence[float]], room: float) -> Iterator[float]:
    for centre, count in blocks:
        for k in range(int(count)):
            yield centre + room * (k - (count - 1) / 2)

"""Names beside points, placed so that they cover neither one another nor the points.

Greedy: each name takes the free place nearest to its point; with no free place, the one that
covers least. A name that stands off is tied to its point by a thin line.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from onnx_affscore.report.figures.frame import SOFT, harmless

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Box", "name_points", "overlap"]

Box = tuple[float, float, float, float]  # left, bottom, right, top, in points of the page

_POINTS = 7.0
_MARK = 3.0  # half the width of a marker and its edge
_DISTANCES = (5.0, 11.0, 19.0, 28.0)
# Directions by preference, with the alignment that each asks for.
_SIDES: tuple[tuple[float, float, str, str], ...] = (
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0.7, 0.7, "left", "bottom"),
    (-0.7, 0.7, "right", "bottom"),
    (0.7, -0.7, "left", "top"),
    (-0.7, -0.7, "right", "top"),
)


def name_points(
    axes: "Axes", points: npt.NDArray[np.float64], names: Sequence[str], *, bars: Sequence[Any] = ()
) -> None:
    """Write names beside ``points``, (n, 2); ``bars`` are corners, (2, 2), of what else is drawn.

    Call it when everything else is drawn.
    """
    figure: Any = axes.get_figure(root=True)
    figure.draw_without_rendering()
    scale = 72 / figure.dpi
    places = axes.transData.transform(points) * scale if len(points) else points
    frame: Box = tuple(axes.get_window_extent().extents * scale)
    taken: list[Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places]
    for bar in bars:
        (left, bottom), (right, top) = axes.transData.transform(bar) * scale
        taken.append((left - 0.5, bottom - 0.5, right + 0.5, top + 0.5))
    for point, at, name in zip(points, places, names, strict=True):
        shown = harmless(name, 24)
        text = axes.annotate(shown, point, (0, 0), textcoords="offset points", fontsize=_POINTS)
        text.set_in_layout(False)
        extent = text.get_window_extent(figure._get_renderer())
        size = (extent.width * scale, extent.height * scale)
        side, distance, box = _best(at, size, taken, frame)
        taken.append(box)
        dx, dy, across, up = _SIDES[side]
        text.set(x=dx * distance, y=dy * distance, ha=across, va=up)
        if distance > _DISTANCES[0]:
            start = (dx * distance, dy * distance)
            leader = {"arrowstyle": "-", "color": SOFT, "linewidth": 0.5, "shrinkB": _MARK}
            tie = axes.annotate(
                "", point, start, textcoords="offset points", arrowprops=leader, zorder=1
            )
            tie.set_in_layout(False)


def _best(
    at: Sequence[float], size: tuple[float, float], taken: Sequence[Box], frame: Box
) -> tuple[int, float, Box]:
    best: tuple[float, int, float, Box] | None = None
    for distance in _DISTANCES:
        for side, (dx, dy, across, up) in enumerate(_SIDES):
            x, y = at[0] + dx * distance, at[1] + dy * distance
            left = x - {"left": 0.0, "center": 0.5, "right": 1.0}[across] * size[0]
            bottom = y - {"bottom": 0.0, "center": 0.5, "top": 1.0}[up] * size[1]
            box = (left, bottom, left + size[0], bottom + size[1])
            inside = overlap(box, frame)
            cost = size[0] * size[1] - inside + sum(overlap(box, other) for other in taken)
            if cost < 1e-6:
                return side, distance, box
            if best is None or cost < best[0]:
                best = (cost, side, distance, box)
    return best[1:] if best else (0, 0.0, frame)


def overlap(one: Box, two: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one[2], two[2]) - max(one[0], two[0])
    height = min(one[3], two[3]) - max(one[1], two[1])
    return max(0.0, width) * max(0.0, height)

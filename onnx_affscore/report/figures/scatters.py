"""One figure of a network against another, such as its score against its accuracy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures.frame import (
    SOFT,
    TWO_COLUMNS,
    canvas,
    framed,
    harmless,
    legend,
    message,
    plain_axes,
)
from onnx_affscore.report.figures.grouping import group_looks
from onnx_affscore.report.figures.point_names import name_points
from onnx_affscore.report.figures.styles import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["scatter"]

_LABELLED = 30  # points beyond which names would cover them


@framed
def scatter(  # noqa: PLR0913
    x: Sequence[float | None],
    y: Sequence[float | None],
    labels: Sequence[str],
    *,
    x_label: str,
    y_label: str,
    note: str | None = None,
    groups: Sequence[str] | None = None,
    x_intervals: Sequence[tuple[float, float] | None] | None = None,
    y_intervals: Sequence[tuple[float, float] | None] | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw a point for each network, by name where there are at most thirty.

    ``note`` is written into the panel: the number of networks and the correlation, say.
    ``groups`` name the family of each. Intervals are the ends (low, high), None where unknown.
    """
    count = len(labels)
    for name, row in {
        "x": x, "y": y, "groups": groups, "x_intervals": x_intervals, "y_intervals": y_intervals,
    }.items():  # fmt: skip
        if row is not None and len(row) != count:
            raise OptionError(f"found {len(row)} of {name} for {count} label(s)")
    figure, (axes,) = canvas(width, max(2.6, 0.55 * width))
    points = [
        (i, a, b)
        for i, (a, b) in enumerate(zip(x, y, strict=True))
        if a is not None and b is not None
    ]
    looks = group_looks(groups or [])
    bars = []
    for i, a, b in points:
        if x_intervals is not None and (ends := x_intervals[i]) is not None:
            bars.append(((ends[0], b), (ends[1], b)))
        if y_intervals is not None and (ends := y_intervals[i]) is not None:
            bars.append(((a, ends[0]), (a, ends[1])))
        style = looks[groups[i]] if groups else look(1)
        axes.plot([a], [b], **style.points(size=5))
    for bar in bars:
        axes.plot(*zip(*bar, strict=True), color=SOFT, linewidth=0.8, zorder=1)
    if not points:
        message(axes, "no network has both values")
    plain_axes(axes, grid="both")
    axes.set_xlabel(harmless(x_label, 80))
    axes.set_ylabel(harmless(y_label, 45))
    if note is not None:
        axes.set_title(harmless(note, 100), loc="right", fontsize=7, color=SOFT)
    axes.margins(0.08)
    if looks:
        entries = [(harmless(name, 20), each.points()) for name, each in looks.items()]
        legend(figure, entries, loc="outside upper center")
    if len(points) <= _LABELLED:
        places = np.array([(a, b) for _, a, b in points], dtype=float).reshape(-1, 2)
        name_points(axes, places, [labels[i] for i, *_ in points], bars=bars)
    return figure

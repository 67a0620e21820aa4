"""Our values against published ones: do they agree within the tolerance of each?"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures.frame import (
    INK,
    SOFT,
    TWO_COLUMNS,
    Entry,
    canvas,
    framed,
    harmless,
    legend,
    message,
    plain_axes,
)
from onnx_affscore.report.figures.styles import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["agreement"]

_PUBLISHED: dict[str, Any] = {
    "linestyle": "none", "marker": "o", "color": SOFT, "markerfacecolor": "white",
    "markersize": 6.5,
}  # fmt: skip
_INSIDE: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": COLOURS[1], "markersize": 3}
_OUTSIDE: dict[str, Any] = {
    "linestyle": "none", "marker": "X", "color": COLOURS[2], "markersize": 5.5,
}  # fmt: skip
_ROUNDING = 1e-9  # of a difference of two floats, in tolerances of 1e-6 and more
_EDGE = 4.0  # tolerances at which the right panel ends; what lies farther sits on its edge


@framed
def agreement(
    names: Sequence[str],
    ours: Sequence[float | None],
    published: Sequence[float],
    tolerances: Sequence[float],
    *,
    title: str | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw our values beside the published ones, and how many tolerances lie between.

    At the left the values; at the right (ours - published) / tolerance, where the band from -1 to
    1 is agreement. What lies outside is a cross, what has no value of ours is named so.
    """
    count = len(names)
    if not len(ours) == len(published) == len(tolerances) == count:
        raise OptionError(
            f"found {len(ours)} values, {len(published)} published ones and {len(tolerances)} "
            f"tolerances for {count} name(s); wanted one of each"
        )
    figure, panels = canvas(
        width, min(9.5, max(1.8, 0.17 * count + 0.9)), columns=2, sharey=True,
        gridspec_kw={"width_ratios": [3 if width > 5 else 2, 2]},
    )  # fmt: skip
    left, right = panels
    if not count:
        message(left, "there is nothing to compare")
    right.axvspan(-1, 1, color="#E4ECF3", linewidth=0, zorder=0)
    for row in range(count):
        _row(left, right, row, ours[row], published[row], tolerances[row])
    plain_axes(left, grid="both")
    plain_axes(right, grid="both")
    left.set_yticks(range(count), [harmless(name, 32) for name in names])
    left.set_ylim(max(count, 1) - 0.5, -0.5)
    right.set_xlim(-_EDGE - 0.3, _EDGE + 0.3)
    left.set_xlabel("value")
    right.set_xlabel("difference / tolerance")
    if title is not None:
        left.set_title(harmless(title, 60), loc="left")
    entries: list[Entry] = [
        ("published, with tolerance", _PUBLISHED),
        ("ours, within", _INSIDE),
        ("ours, outside", _OUTSIDE),
    ]
    legend(figure, entries, loc="outside upper center")
    return figure


def _row(
    left: "Axes", right: "Axes", row: int, ours: float | None, published: float, tolerance: float
) -> None:
    left.hlines(row, published - tolerance, published + tolerance, color=INK, linewidth=0.9)
    left.plot([published], [row], **_PUBLISHED)
    if ours is None or not math.isfinite(ours):
        right.text(0.0, row, "no value", ha="center", va="center", fontsize=7, color=SOFT)
        return
    apart = _ratio(ours - published, tolerance)
    style = _INSIDE if abs(apart) <= 1 + _ROUNDING else _OUTSIDE
    left.plot([ours], [row], **style)
    place = max(-_EDGE, min(_EDGE, apart))
    right.plot([place], [row], **style)
    if place != apart:
        side = "right" if apart > 0 else "left"
        right.text(place * 0.9, row, f"{apart:.3g}", ha=side, va="center", fontsize=7)


def _ratio(difference: float, tolerance: float) -> float:
    if tolerance > 0:
        return difference / tolerance
    return 0.0 if difference == 0 else math.copysign(math.inf, difference)

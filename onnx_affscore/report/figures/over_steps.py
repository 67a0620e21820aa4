"""Named series over steps: checkpoints, or whatever was swept, with what is published."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import FloatArray
from onnx_affscore.report.figures.frame import (
    INK,
    SOFT,
    TWO_COLUMNS,
    Entry,
    framed,
    harmless,
    legend,
)
from onnx_affscore.report.figures.lines import Line, draw_lines, name_lines, numbers
from onnx_affscore.report.figures.styles import MOST, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Bands", "References", "curves"]

References = Mapping[str, float | Mapping[float, float]]
Bands = Mapping[str, tuple[Sequence[float | None], Sequence[float | None]]]

_OWN = ("1", "2", "3", "4", "+", "x")  # markers that no series has
_LEVELS = ((0, (6, 2, 1, 2)), (0, (6, 2, 1, 2, 1, 2)), (0, (9, 3)))
_HOLLOW: Mapping[str, Any] = {
    "linestyle": "none", "marker": "o", "color": SOFT, "markerfacecolor": "none", "markersize": 6.5,
}  # fmt: skip


@framed
def curves(
    steps: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    *,
    x_label: str,
    y_label: str,
    references: References | None = None,
    bands: Bands | None = None,
    log_x: bool = False,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw each of ``series`` over ``steps``; None is a gap, ``log_x`` spaces steps by ratio.

    ``bands`` are the lower and the upper ends for the series of that name; ``y_label`` should say
    what they are. ``references`` are values to hold against: a number is a level, a mapping from
    steps to values are points. One with the name of a series counts as that series' published
    value: its marker, hollow, or its colour.
    """
    x = np.array(steps, dtype=float)
    if log_x and not (x > 0).all():
        raise OptionError("found a step of 0 or less; wanted steps above 0 on a logarithmic axis")
    lines = [
        Line(name, x, _row(row, name, len(x)), *_ends(bands or {}, name, len(x)))
        for name, row in series.items()
    ]
    if strange := sorted(set(bands or {}) - set(series)):
        raise OptionError(f"found a band for {strange[0]!r}; wanted one of {', '.join(series)}")
    figure, panels = draw_lines(
        lines, width=width, x_label=x_label, y_label=y_label, empty="there is no value"
    )
    if log_x and len(x):
        _logarithmic(panels, x)
    entries = _references(panels, list(series), references or {})
    legend(figure, entries, loc="outside upper center")
    name_lines(panels, lines)
    return figure


def _row(values: Sequence[float | None], name: str, count: int) -> FloatArray:
    if len(values) != count:
        raise OptionError(f"found {len(values)} value(s) of {name!r} for {count} step(s)")
    return numbers(values)


def _ends(bands: Bands, name: str, count: int) -> tuple[FloatArray | None, FloatArray | None]:
    if name not in bands:
        return None, None
    low, high = bands[name]
    return _row(low, name, count), _row(high, name, count)


def _logarithmic(panels: Sequence["Axes"], steps: FloatArray) -> None:
    from matplotlib.ticker import NullLocator, StrMethodFormatter

    for axes in panels:
        axes.set_xscale("log")
        # Plain numbers: powers would be formulas.
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        if len(steps) <= (10 if len(panels) == 1 else 4):
            axes.set_xticks(steps)


def _references(
    panels: Sequence["Axes"], names: Sequence[str], references: References
) -> list[Entry]:
    """Draw what is published, and return what the legend says of it."""
    entries: dict[str, Mapping[str, Any]] = {}
    for number, (name, reference) in enumerate(references.items()):
        place = names.index(name) if name in names else None
        alone = len(names) > MOST  # every series has a panel, and is black there
        shown = panels if place is None or not alone else [panels[place]]
        style: Mapping[str, Any]
        if isinstance(reference, Mapping):
            if place is None:
                style = {"linestyle": "none", "marker": _OWN[number % len(_OWN)], "color": INK}
                entries[harmless(name, 30)] = style
            else:
                style = _HOLLOW if alone else look(place).points(size=6.5, filled=False)
                entries["published: hollow"] = _HOLLOW
            for axes in shown:
                axes.plot(list(reference), list(reference.values()), **{**style, "zorder": 4})
            continue
        colour = SOFT if place is None or alone else look(place).colour
        style = {"linestyle": _LEVELS[number % len(_LEVELS)], "color": colour, "linewidth": 0.9}
        entries[harmless(name, 30) + ("" if place is None else ", published")] = style
        for axes in shown:
            axes.axhline(reference, **{**style, "zorder": 1})
    return list(entries.items())

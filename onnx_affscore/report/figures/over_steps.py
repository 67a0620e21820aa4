"""Named series over steps: checkpoints, or whatever was swept, with what is published."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures.frame import (
    INK,
    SOFT,
    TWO_COLUMNS,
    Entry,
    framed,
    harmless,
    legend,
)
from onnx_affscore.report.figures.lines import Line, draw_lines, numbers
from onnx_affscore.report.figures.styles import MOST, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves"]

_OWN = ("1", "2", "3", "4", "+", "x")  # markers that no series has
_LEVELS = ((0, (6, 2, 1, 2)), (0, (6, 2, 1, 2, 1, 2)), (0, (9, 3)))


@framed
def curves(
    steps: Sequence[float],
    series: Mapping[str, Sequence[float | None]],
    *,
    x_label: str,
    y_label: str,
    references: Mapping[str, float | Mapping[float, float]] | None = None,
    bands: Mapping[str, tuple[Sequence[float | None], Sequence[float | None]]] | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw each of ``series`` over ``steps``; None in it is a gap.

    ``bands`` are the lower and the upper end for the series of that name. ``references`` are
    values to hold against: a number is a level, a mapping from steps to values are points. One
    with the name of a series has its colour and marker, hollow, and counts as its published value.
    """
    x = np.array(steps, dtype=float)
    for name, values in (bands or {}).items():
        if name not in series:
            raise OptionError(f"found a band for {name!r}; wanted one of {', '.join(series)}")
        _check(len(x), name, *values)
    for name, row in series.items():
        _check(len(x), name, row)
    lines = [Line(name, x, numbers(row), *_ends(bands, name)) for name, row in series.items()]
    figure, panels = draw_lines(
        lines, width=width, x_label=x_label, y_label=y_label, empty="there is no value"
    )
    entries: list[Entry] = []
    places = {name: place for place, name in enumerate(series)}
    for number, (name, reference) in enumerate((references or {}).items()):
        place = places.get(name)
        shown = panels if len(lines) <= MOST or place is None else [panels[place]]
        if isinstance(reference, Mapping):
            style: dict[str, Any] = {
                "linestyle": "none",
                "marker": _OWN[number % len(_OWN)],
                "color": INK,
            }
            if place is not None:
                style = dict(look(place).points(size=6.5, filled=False))
            for axes in shown:
                axes.plot(list(reference), list(reference.values()), zorder=4, **style)
        else:
            style = {"linestyle": _LEVELS[number % len(_LEVELS)], "color": SOFT, "linewidth": 0.9}
            for axes in shown:
                axes.axhline(reference, zorder=1, **style)
        title = harmless(name, 30)
        entries.append((title if place is None else f"{title}, published", style))
    if entries:
        columns = max(1, int(width / 1.7))
        legend(figure, entries, loc="outside upper center", ncols=min(len(entries), columns))
    return figure


def _check(count: int, name: str, *rows: Sequence[float | None]) -> None:
    for row in rows:
        if len(row) != count:
            raise OptionError(f"found {len(row)} value(s) of {name!r} for {count} step(s)")


def _ends(
    bands: Mapping[str, tuple[Sequence[float | None], Sequence[float | None]]] | None, name: str
) -> tuple[np.ndarray | None, np.ndarray | None]:
    if bands is None or name not in bands:
        return None, None
    low, high = bands[name]
    return numbers(low), numbers(high)

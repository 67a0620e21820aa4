"""How named series are told apart: by marker and line style in grey, by colour besides.

Four colours of widely different lightness (L* 14, 38, 55, 75) that also differ along the
blue-yellow axis, which colour-blind readers see; each comes with three line styles.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

__all__ = ["COLOURS", "MOST", "SERIES", "Look", "look"]

COLOURS = ("#1F2240", "#00609C", "#D35F0B", "#E6B020")
_LINES: tuple[Any, ...] = ("solid", (0, (4.5, 1.6)), (0, (1.2, 1.3)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">", "*", "h")
_HATCHES = ("", "////", "....")


@final
@dataclass(frozen=True, slots=True)
class Look:
    """Colour, line style, marker and hatch of one series."""

    colour: str
    line: Any
    marker: str
    hatch: str

    def points(self, *, size: float = 4.5, filled: bool = True) -> Mapping[str, Any]:
        """Return the properties of a line that shows the markers alone."""
        face = self.colour if filled else "none"
        edge = 0.4 if filled else 1.0
        return {
            "linestyle": "none",
            "marker": self.marker,
            "markersize": size,
            "color": self.colour,
            "markerfacecolor": face,
            "markeredgecolor": self.colour,
            "markeredgewidth": edge,
        }

    def stroke(self, *, width: float = 1.2) -> Mapping[str, Any]:
        """Return the properties of a line without markers."""
        return {"linestyle": self.line, "linewidth": width, "color": self.colour}

    def both(self, *, width: float = 1.2, size: float = 4.0) -> Mapping[str, Any]:
        """Return the properties of a line with its markers."""
        return {**self.points(size=size), **self.stroke(width=width)}


# Colour and line style run at different paces: twelve pairs, neighbours differ in both.
SERIES = tuple(
    Look(COLOURS[i % 4], _LINES[(i + i // 4) % 3], _MARKERS[i], _HATCHES[(i + i // 4) % 3])
    for i in range(12)
)
MOST = len(SERIES)


def look(position: int) -> Look:
    """Return the look of the series at ``position``; past the last they start again."""
    return SERIES[position % MOST]

"""Names at the ends of lines, moved apart where the ends lie close: no legend to look up."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from onnx_affscore.report.figures.frame import SOFT, harmless
from onnx_affscore.report.figures.styles import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["End", "name_ends", "spread"]

# The name of a line, how it looks, and where it ends.
End = tuple[str, Look, float, float]

_POINTS = 7.0
_LEADER, _SAMPLE, _GAP = 0.12, 0.3, 0.05  # inches from the panel to a name


def name_ends(axes: "Axes", ends: Sequence[End]) -> None:
    """Write each name at the right of the panel; call it when everything else is drawn."""
    if not ends:
        return
    low, high = axes.get_ylim()
    axes.set_xlim(axes.get_xlim())
    axes.set_ylim(low, high)
    texts = [
        axes.text(0, 0, harmless(name, 26), fontsize=_POINTS, va="center") for name, *_ in ends
    ]
    across, tall = _reserve(axes, texts)
    room = 1.3 * _POINTS / 72 / tall
    inside = axes.get_yaxis_transform()
    free: dict[str, Any] = {"transform": inside, "clip_on": False, "in_layout": False}
    first, second = 1 + _LEADER / across, 1 + (_LEADER + _SAMPLE) / across
    shares = spread([(y - low) / (high - low) for *_, y in ends], room)
    for text, (_, look, x, y), share in zip(texts, ends, shares, strict=True):
        at = low + share * (high - low)
        end = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))[0]
        axes.plot([end, 1.0, first], [y, y, at], color=SOFT, linewidth=0.5, zorder=1, **free)
        axes.plot([first, second], [at, at], **free, **look.stroke())
        axes.plot([(first + second) / 2], [at], **free, **look.points(size=4))
        text.set(x=second + _GAP / across, y=at, transform=inside)


def _reserve(axes: "Axes", texts: Sequence["Text"]) -> tuple[float, float]:
    """Keep room for the names at the right; return how wide and tall the panel is, in inches."""
    figure: Any = axes.get_figure(root=True)
    renderer = figure._get_renderer()
    for text in texts:
        text.set_in_layout(False)
    widest = max(text.get_window_extent(renderer).width for text in texts) / figure.dpi
    taken = (_LEADER + _SAMPLE + _GAP + widest + 0.04) / figure.get_size_inches()[0]
    figure.get_layout_engine().set(rect=(0.0, 0.0, 1.0 - taken, 1.0))
    figure.draw_without_rendering()
    panel = axes.get_window_extent()
    return panel.width / figure.dpi, panel.height / figure.dpi


def spread(shares: Sequence[float], room: float) -> list[float]:
    """Move heights apart to ``room`` between neighbours, as little as that takes.

    Heights that would touch become a block around their mean, blocks that touch join, and a block
    stays between 0 and 1 while it fits there.
    """
    order = sorted(range(len(shares)), key=lambda i: shares[i])
    blocks: list[tuple[float, int]] = []  # the mean that is wanted, and how many stand there
    for i in order:
        blocks.append((shares[i], 1))
        while len(blocks) > 1 and _touch(blocks[-2], blocks[-1], room):
            (a, n), (b, m) = blocks[-2:]
            blocks[-2:] = [((a * n + b * m) / (n + m), n + m)]
    result = [0.0] * len(shares)
    for i, place in zip(order, _places(blocks, room), strict=True):
        result[i] = place
    return result


def _centre(block: tuple[float, int], room: float) -> float:
    wanted, count = block
    half = min(0.5, room * count / 2)
    return min(1 - half, max(half, wanted))


def _touch(below: tuple[float, int], above: tuple[float, int], room: float) -> bool:
    apart = _centre(above, room) - _centre(below, room)
    return apart < room * (below[1] + above[1]) / 2 * (1 - 1e-9)


def _places(blocks: Sequence[tuple[float, int]], room: float) -> Iterator[float]:
    for block in blocks:
        for k in range(block[1]):
            yield _centre(block, room) + room * (k - (block[1] - 1) / 2)

"""How the scores of a signature are spread: bars, a density where there are enough, the values."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from onnx_affscore.records import FloatArray, Signature
from onnx_affscore.report.figures.frame import (
    INK,
    SOFT,
    TWO_COLUMNS,
    Entry,
    framed,
    grid,
    harmless,
    legend,
    message,
    plain_axes,
)
from onnx_affscore.report.figures.naming import titled
from onnx_affscore.report.figures.styles import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["histogram"]

_ENOUGH = 8  # values below which a density would show the kernel rather than the data
_ALONE = 0.05  # the width of a bin where all values are one
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@framed
def histogram(
    signatures: Signature | Sequence[Signature],
    *,
    labels: Sequence[str] | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw how many activations have which affinity, one panel a signature, with common bins.

    The curve is a Gaussian kernel density, its width by Scott's rule, scaled to the bars; there
    is none where fewer than eight values or no spread would make it up. Ticks at the foot are the
    values themselves, the dashed line is their median.
    """
    many = titled(signatures, labels)
    each = max(1.6, 0.32 * width) if len(many) == 1 else 1.15
    figure, panels = grid(width, len(many), each=each, spare=0.7, sharex=True, sharey=True)
    edges = _edges(np.concatenate([signature.values for _, signature in many]))
    step = edges[1] - edges[0]
    panels[0].set_xlim(edges[0] - step / 2, edges[-1] + step / 2)
    curve = False
    for axes, (title, signature) in zip(panels, many, strict=True):
        curve |= _panel(axes, signature.values, edges)
        axes.set_title(harmless(title, 60 if len(many) == 1 else 24), loc="left")
    figure.supxlabel("affinity score (1 = affine)", fontsize=8, color=SOFT)
    figure.supylabel("activations", fontsize=8, color=SOFT)
    # One axis for all panels; the values stand below the bars and above the axis.
    panels[0].set_ylim(-0.1 * panels[0].get_ylim()[1])
    legend(figure, _entries(edges, curve=curve), loc="outside upper center")
    return figure


def _edges(values: FloatArray) -> FloatArray:
    """Common bins: the finest round step that leaves at most 20 of them from end to end."""
    if not len(values):
        return np.linspace(0.0, 1.0, 11)
    low, high = float(values.min()), float(values.max())
    step = next((s for s in _STEPS if (high - low) / s <= 20), (high - low) / 20)
    # A value on an edge may round to either side of it: the bins reach a hair beyond both ends.
    first, last = math.floor(low / step - 1e-9), math.floor(high / step + 1e-9) + 1
    if high - low < step:
        step = _ALONE
        first, last = math.floor(low / step) - 2, math.floor(high / step) + 3
    return np.asarray(step * np.arange(first, last + 1), dtype=np.float64)


def _panel(axes: "Axes", values: FloatArray, edges: FloatArray) -> bool:
    """Draw one panel; tell whether it has a density."""
    from matplotlib.ticker import MaxNLocator

    plain_axes(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    if not len(values):
        message(axes, "no activation has a score")
        return False
    counts, _ = np.histogram(values, edges)
    axes.bar(
        edges[:-1], counts, np.diff(edges), align="edge", color="#C9D6E4", edgecolor=SOFT, lw=0.6
    )
    axes.axvline(float(np.median(values)), color=INK, linestyle=(0, (4, 2)), linewidth=0.9)
    across = axes.get_xaxis_transform()
    feet = np.full(len(values), 0.045)
    axes.plot(values, feet, "|", color=INK, markersize=5, mew=0.7, transform=across)
    density = _density(values, edges)
    if density is None:
        return False
    axes.plot(*density, color=COLOURS[2], linewidth=1.4)
    return True


def _density(values: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    from scipy.stats import gaussian_kde

    spread = float(values.max() - values.min())
    if len(values) < _ENOUGH or spread <= 1e-9 * max(1.0, abs(float(values.max()))):
        return None
    step = edges[1] - edges[0]
    # Half a bin beyond the bars, and not beyond 1 where no score is.
    end = edges[-1] + step / 2
    x = np.linspace(edges[0] - step / 2, min(end, 1.0) if values.max() <= 1 else end, 301)
    scale = len(values) * step
    return x, scale * gaussian_kde(values)(x)


def _entries(edges: FloatArray, *, curve: bool) -> list[Entry]:
    entries: list[Entry] = [
        (
            f"activations in a bin of {edges[1] - edges[0]:.2g}",
            {"patch": True, "facecolor": "#C9D6E4", "edgecolor": SOFT},
        ),
        ("values", {"linestyle": "none", "marker": "|", "color": INK}),
        ("median", {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 0.9}),
    ]
    if curve:
        entries.insert(1, ("density (Gaussian kernel)", {"color": COLOURS[2], "linewidth": 1.4}))
    return entries

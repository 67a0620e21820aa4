"""The tree of a hierarchical clustering: what joins what, and at which distance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt

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

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["dendrogram"]


@final
@dataclass(frozen=True, slots=True)
class _Node:
    """Where a cluster is drawn, and the one group of all its leaves, if there is one."""

    place: float
    distance: float
    group: str | None


@framed
def dendrogram(
    linkage_matrix: npt.ArrayLike,
    labels: Sequence[str],
    *,
    groups: Sequence[str] | None = None,
    title: str | None = None,
    distance: str = "DTW distance",
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw a SciPy linkage matrix with its leaves by name, the root at the right.

    ``groups`` name the family of each leaf: it gives the leaf its symbol, and a branch that holds
    one family alone that family's colour and line style.
    """
    merges = _checked(linkage_matrix, labels, groups)
    looks = group_looks(groups or [])
    count = len(labels)
    figure, (axes,) = canvas(width, min(9.0, max(1.6, 0.17 * count + 0.7)))
    if not count:
        message(axes, "there is nothing to cluster")
        return figure
    order = _leaves(merges, count)
    nodes = [_Node(0.0, 0.0, None)] * count
    for place, leaf in enumerate(order):
        nodes[leaf] = _Node(float(place), 0.0, groups[leaf] if groups else None)
    for row in merges:
        one, two = nodes[int(row[0])], nodes[int(row[1])]
        joined = one.group if one.group == two.group else None
        for child in (one, two):
            style: dict[str, Any] = {"color": SOFT, "linewidth": 1.0}
            if child.group is not None:
                style = dict(looks[child.group].stroke())
            axes.plot([child.distance, row[2]], [child.place, child.place], **style)
        style = {"color": SOFT, "linewidth": 1.0} if joined is None else looks[joined].stroke()  # type: ignore[assignment]
        axes.plot([row[2], row[2]], [one.place, two.place], **style)
        nodes.append(_Node((one.place + two.place) / 2, float(row[2]), joined))
    for leaf, name in enumerate(groups or []):
        point: dict[str, Any] = dict(looks[name].points(size=5))
        axes.plot([0.0], [nodes[leaf].place], clip_on=False, zorder=4, **point)
    size = min(7.0, 9.0 / count * 72 / 1.25)
    names = [harmless(labels[leaf], 36) for leaf in order]
    plain_axes(axes, grid="x")
    axes.set_yticks(range(count), names, fontsize=size)
    axes.tick_params(axis="y", pad=6)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xlim(0.0, 1.03 * (merges[:, 2].max(initial=0.0) or 1.0))
    axes.set_xlabel(harmless(distance, 80))
    if title is not None:
        axes.set_title(harmless(title, 80), loc="left")
    if looks:
        entries = [(harmless(name, 20), each.both()) for name, each in looks.items()]
        legend(figure, entries, loc="outside upper center")
    return figure


def _checked(
    linkage_matrix: npt.ArrayLike, labels: Sequence[str], groups: Sequence[str] | None
) -> npt.NDArray[np.float64]:
    merges = np.array(linkage_matrix, dtype=np.float64)
    count = len(labels)
    if groups is not None and len(groups) != count:
        raise OptionError(f"found {len(groups)} group(s) for {count} label(s); wanted one for each")
    if count < 2:
        return np.empty((0, 4))
    if merges.shape != (count - 1, 4):
        raise OptionError(
            f"found a linkage matrix of shape {merges.shape} for {count} label(s); "
            f"wanted ({count - 1}, 4)"
        )
    free = set(range(count))
    for number, row in enumerate(merges):
        joined = {float(row[0]), float(row[1])}
        if len(joined) < 2 or not joined <= free or not np.isfinite(row[2]):
            raise OptionError(
                f"found the merge {number}: {row[:3].tolist()}; wanted two clusters that exist and "
                "are not merged yet, and their distance"
            )
        free = free - joined | {count + number}
    return merges


def _leaves(merges: npt.NDArray[np.float64], count: int) -> list[int]:
    """Return the leaves from top to bottom, so that no two branches cross."""
    below = [[leaf] for leaf in range(count)]
    for row in merges:
        below.append(below[int(row[0])] + below[int(row[1])])
    return below[-1]

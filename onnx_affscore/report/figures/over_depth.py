"""The signature over depth: a mark for each activation, its interval, one panel a model."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from onnx_affscore.records import Role, ScoredSite, Signature
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
from onnx_affscore.report.marks import KINS, is_filled, mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["depth"]

_INTERVAL: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "marker": "_", "zorder": 1.9}
_TRUNK = (Role.HIDDEN, Role.RECURRENT)


@framed
def depth(
    signatures: Signature | Sequence[Signature],
    *,
    labels: Sequence[str] | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw affinity over execution order, one panel a signature, on one axis of the affinity.

    Colour tells the kind of function, shape the function, a hollow mark a role beside the trunk;
    bars are the 95 % intervals of sampling, crosses at the foot sites without a score. ``labels``
    title the panels, the models' file names where it is None.
    """
    many = titled(signatures, labels)
    each = max(2.0, 0.4 * width) if len(many) == 1 else 1.3
    figure, panels = grid(width, len(many), each=each, spare=0.9, sharey=True)
    for axes, (title, signature) in zip(panels, many, strict=True):
        _panel(axes, signature, small=len(many) > 1)
        axes.set_title(harmless(title, 60 if len(many) == 1 else 24), loc="left")
    figure.supxlabel("activation, in execution order", fontsize=8, color=SOFT)
    figure.supylabel("affinity score (1 = affine)", fontsize=8, color=SOFT)
    entries = list(_entries([site for _, signature in many for site in signature.sites]))
    legend(figure, entries, loc="outside upper center")
    return figure


def _panel(axes: "Axes", signature: Signature, *, small: bool) -> None:
    sites = signature.sites
    _limits(axes, signature)
    if not len(signature.values):
        message(axes, "no activation has a score")
    trunk = [(s.index, s.affinity) for s in sites if s.affinity is not None and s.role in _TRUNK]
    line: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "alpha": 0.5}
    axes.plot([index for index, _ in trunk], [value for _, value in trunk], **line)
    size = min(6.0, max(2.5, (120 if small else 300) / max(len(sites), 1)))
    for site in sites:
        if site.affinity is None:
            cross: dict[str, Any] = {"color": SOFT, "markersize": 3.5}
            axes.plot([site.index], [0.05], "x", transform=axes.get_xaxis_transform(), **cross)
            continue
        low, high = (site.scores.get(name) for name in ("affinity_low", "affinity_high"))
        if isinstance(low, float) and isinstance(high, float):
            axes.plot([site.index] * 2, [low, high], **_INTERVAL, markersize=0.8 * size)
        look = _look(site.activation, filled=is_filled(site))
        axes.plot([site.index], [site.affinity], markersize=size, clip_on=False, **look)


def _limits(axes: "Axes", signature: Signature) -> None:
    from matplotlib.ticker import MaxNLocator

    low = min([0.0, *signature.values.tolist()])
    axes.set_ylim(min(axes.get_ylim()[0], low - 0.04 if low < 0 else 0.0), 1.04)
    last = max([0, *(site.index for site in signature.sites)])
    beside = 0.04 * last + 0.1 if last else 0.9
    axes.set_xlim(-beside, last + beside)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    plain_axes(axes)


def _look(activation: str, *, filled: bool) -> dict[str, Any]:
    style = mark(activation)
    colour = KINS[style.kin].light
    return {
        "linestyle": "none",
        "marker": style.shape,
        "color": colour,
        "markerfacecolor": colour if filled else "white",
        # A light mark stands out of the paper by its edge.
        "markeredgecolor": INK if filled else colour,
        "markeredgewidth": 0.4 if filled else 1.1,
    }


def _entries(sites: Sequence[ScoredSite]) -> Iterator[Entry]:
    scored = [site for site in sites if site.affinity is not None]
    for activation in dict.fromkeys(site.activation for site in scored):
        filled = any(is_filled(site) for site in scored if site.activation == activation)
        yield harmless(activation, 20), _look(activation, filled=filled)
    hollow = [role for role in Role if any(s.role == role and not is_filled(s) for s in scored)]
    if hollow:
        look = {"linestyle": "none", "marker": "h", "color": SOFT, "markerfacecolor": "white"}
        yield f"hollow: {' or '.join(hollow)}", look
    if any(site.scores.get("affinity_low") is not None for site in scored):
        yield "95 % interval", {**_INTERVAL, "marker": "|", "linestyle": "none", "markersize": 7}
    if len(scored) < len(sites):
        yield "no score", {"linestyle": "none", "marker": "x", "color": SOFT}

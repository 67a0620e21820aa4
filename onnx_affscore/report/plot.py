"""The signature as a figure file: one panel per model, affinity over depth."""

import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnx_affscore.errors import MissingExtraError, OptionError
from onnx_affscore.records import Role, ScoredSite, Signature
from onnx_affscore.report.files import STDOUT, write
from onnx_affscore.report.marks import KINS, is_filled, mark
from onnx_affscore.report.names import printable, shorten
from onnx_affscore.report.notes import model_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "draw", "save_plot", "to_image"]

SUFFIXES = (".png", ".svg", ".pdf")
_COLUMNS = 4
_INK, _SOFT, _RULE = "#1C2026", "#5B6470", "#DDE1E6"
_TRUNK = (Role.HIDDEN, Role.RECURRENT)
# A file is the same for the same signature: no date, and ids that do not depend on chance.
_NO_DATE: dict[str, dict[str, Any]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def save_plot(
    signatures: Signature | Sequence[Signature],
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] | None = None,
) -> None:
    """Draw one or several signatures into a file; its suffix says which kind.

    ``labels`` title the panels, the file names of the models where it is None. ``-`` writes a PNG
    to stdout.
    """
    suffix = ".png" if os.fspath(path) == STDOUT else Path(path).suffix.lower()
    write(path, to_image(signatures, suffix, labels=labels))


def to_image(
    signatures: Signature | Sequence[Signature],
    suffix: str,
    *,
    labels: Sequence[str] | None = None,
) -> bytes:
    """Return the bytes of a figure file of the kind that ``suffix`` names."""
    if suffix not in SUFFIXES:
        raise OptionError(
            f"cannot draw a file with the suffix {suffix!r}; use one of {', '.join(SUFFIXES)}"
        )
    figure = draw(signatures, labels=labels)
    import matplotlib as mpl

    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "onnx-affscore"}), warnings.catch_warnings():
        # A name in a script that the font lacks shows boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="(?s).*[Gg]lyph", category=UserWarning)
        figure.savefig(stream, format=suffix[1:], metadata=_NO_DATE[suffix])
    return stream.getvalue()


def draw(
    signatures: Signature | Sequence[Signature], *, labels: Sequence[str] | None = None
) -> "Figure":
    """Return the Matplotlib figure: a grid of panels that share the axis of the affinity."""
    many = [signatures] if isinstance(signatures, Signature) else list(signatures)
    titles = [model_name(s) for s in many] if labels is None else list(labels)
    if not many or len(titles) != len(many):
        raise OptionError(
            f"cannot draw {len(many)} signature(s) with {len(titles)} label(s); "
            "give at least one signature, and one label for each"
        )
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingExtraError("matplotlib", extra="plot", purpose="drawing a signature") from exc
    columns = min(len(many), _COLUMNS)
    lines = math.ceil(len(many) / columns)
    size = (8.0, 4.2) if len(many) == 1 else (3.1 * columns, 2.25 * lines + 0.6)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for position, axes in enumerate(grid.flat):
        if position >= len(many):
            axes.set_axis_off()
            continue
        _panel(axes, many[position], small=len(many) > 1)
        title = shorten(printable(titles[position]), 60 if len(many) == 1 else 30)
        axes.set_title(title, fontsize=9, color=_INK, loc="left", parse_math=False)
    figure.supxlabel("activation, in execution order", fontsize=9, color=_SOFT)
    figure.supylabel("affinity score (1 = affine)", fontsize=9, color=_SOFT)
    _legend(figure, many)
    return figure


def _panel(axes: "Axes", signature: Signature, *, small: bool) -> None:
    sites = signature.sites
    _frame(axes, signature, label_size=7 if small else 8)
    trunk = [(s.index, s.affinity) for s in sites if s.affinity is not None and s.role in _TRUNK]
    line: dict[str, Any] = {"color": _SOFT, "linewidth": 0.8, "alpha": 0.5}
    axes.plot([index for index, _ in trunk], [value for _, value in trunk], **line)
    size = min(6.5, max(3.0, (150 if small else 300) / max(len(sites), 1)))
    for site in sites:
        if site.affinity is None:
            cross: dict[str, Any] = {"color": _SOFT, "markersize": 4, "clip_on": False}
            axes.plot([site.index], [0.0], "x", transform=axes.get_xaxis_transform(), **cross)
            continue
        low, high = (site.scores.get(name) for name in ("affinity_low", "affinity_high"))
        if isinstance(low, float) and isinstance(high, float):
            axes.vlines(site.index, low, high, colors=_INK, linewidth=0.8, alpha=0.6)
        look = _look(site.activation, filled=is_filled(site))
        axes.plot([site.index], [site.affinity], markersize=size, **look)


def _frame(axes: "Axes", signature: Signature, *, label_size: float) -> None:
    from matplotlib.ticker import MaxNLocator

    low = min([0.0, *signature.values.tolist()])
    axes.set_ylim(min(axes.get_ylim()[0], low - 0.04 if low < 0 else 0.0), 1.04)
    last = max([1, *(site.index for site in signature.sites)])
    axes.set_xlim(-0.04 * last, 1.04 * last)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=_RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_SOFT, labelsize=label_size, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_RULE)


def _look(activation: str, *, filled: bool) -> dict[str, Any]:
    style = mark(activation)
    colour = KINS[style.kin].light
    return {
        "linestyle": "none",
        "marker": style.shape,
        "color": colour,
        "markerfacecolor": colour if filled else "white",
        "markeredgewidth": 0.0 if filled else 1.2,
    }


def _legend(figure: "Figure", signatures: Sequence[Signature]) -> None:
    from matplotlib.lines import Line2D

    entries = list(_entries([site for signature in signatures for site in signature.sites]))
    if not entries:
        return
    legend = figure.legend(
        handles=[Line2D([], [], label=str(i), **look) for i, (_, look) in enumerate(entries)],
        loc="outside upper center",
        ncols=min(len(entries), 4 if len(signatures) < 3 else 8),
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )
    # Set afterwards: as labels, a leading underscore would hide and a dollar start a formula.
    for text, (label, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(label)
        text.set_parse_math(False)


def _entries(sites: Sequence[ScoredSite]) -> Iterator[tuple[str, dict[str, Any]]]:
    scored = [site for site in sites if site.affinity is not None]
    for activation in dict.fromkeys(site.activation for site in scored):
        filled = any(is_filled(site) for site in scored if site.activation == activation)
        yield shorten(printable(activation), 20), _look(activation, filled=filled)
    hollow = [role for role in Role if any(s.role == role and not is_filled(s) for s in scored)]
    if hollow:
        look = {"linestyle": "none", "marker": "h", "color": _SOFT, "markerfacecolor": "white"}
        yield f"hollow: {' or '.join(hollow)}", look
    if any(site.scores.get("affinity_low") is not None for site in scored):
        yield "95 % interval", {"linestyle": "none", "marker": "|", "color": _INK}
    if len(scored) < len(sites):
        yield "no score", {"linestyle": "none", "marker": "x", "color": _SOFT}

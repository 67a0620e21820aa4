"""What every figure shares: its size and fonts, harmless names, and a file that is always the same.

Sizes are inches, text is in points, so that a figure set at its own width reads like its page.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from onnx_affscore.errors import MissingExtraError, OptionError
from onnx_affscore.report.names import cells, printable, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

__all__ = [
    "INK",
    "ONE_COLUMN",
    "RULE",
    "SOFT",
    "SUFFIXES",
    "TWO_COLUMNS",
    "Entry",
    "canvas",
    "framed",
    "grid",
    "harmless",
    "image_bytes",
    "legend",
    "message",
    "plain_axes",
    "text_width",
]

P = ParamSpec("P")
Entry = tuple[str, Mapping[str, Any]]

SUFFIXES = (".png", ".svg", ".pdf")
# Within 8 % of the columns of CVPR, IEEE, ACM and Nature (3.25 to 3.5 and 6.9 to 7.2 inches).
ONE_COLUMN, TWO_COLUMNS = 3.5, 7.0
INK, SOFT, RULE = "#1C2026", "#5B6470", "#DDE1E6"

_STYLE: Mapping[str, Any] = {
    "figure.dpi": 150,
    "savefig.dpi": 300,  # what publishers ask of pixels, at the least
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.labelcolor": SOFT,
    "axes.titlecolor": INK,
    "axes.edgecolor": RULE,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.labelcolor": INK,
    "text.color": INK,
    "hatch.linewidth": 0.6,
    # A dollar in a name starts no formula, and no name reaches TeX.
    "text.parse_math": False,
    "text.usetex": False,
    # TrueType, which publishers accept where they refuse Type 3.
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    # Words stay words: an SVG is searched, edited and read aloud. PDF is the one for print.
    "svg.fonttype": "none",
    "svg.hashsalt": "onnx-affscore",
}
# A file is the same for the same figure: no date, and ids that do not depend on chance.
_NO_DATE: Mapping[str, dict[str, Any]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


@contextmanager
def _style() -> Iterator[None]:
    """Matplotlib's own defaults and ours, whatever the user has set."""
    try:
        import matplotlib.figure
        import matplotlib.style
    except ImportError as exc:
        raise MissingExtraError("matplotlib", extra="plot", purpose="drawing a figure") from exc
    with matplotlib.style.context(["default", dict(_STYLE)]), warnings.catch_warnings():
        # A name in a script that the font lacks shows boxes; that is no reason to fail.
        warnings.filterwarnings("ignore", message="(?s).*[Gg]lyph", category=UserWarning)
        yield


def framed(draw: Callable[P, "Figure"]) -> Callable[P, "Figure"]:
    """Let a function draw in the common style; without Matplotlib it says what to install."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        with _style():
            figure = draw(*args, **kwargs)
            # Laid out once: each further pass would move things by hairs, and so change the file.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
            return figure

    return drawn


def image_bytes(figure: "Figure", suffix: str) -> bytes:
    """Return the bytes of a figure's file, the same each time: ``.png``, ``.svg`` or ``.pdf``."""
    if suffix not in SUFFIXES:
        raise OptionError(
            f"cannot draw a file with the suffix {suffix!r}; use one of {', '.join(SUFFIXES)}"
        )
    stream = io.BytesIO()
    with _style():
        figure.savefig(stream, format=suffix[1:], metadata=_NO_DATE[suffix])
    return stream.getvalue()


def harmless(text: object, width: int) -> str:
    """Make a name from outside fit to be shown, in at most ``width`` cells."""
    return shorten(printable(str(text)), width)


def canvas(
    width: float, height: float, *, lines: int = 1, columns: int = 1, **shared: Any
) -> tuple["Figure", list["Axes"]]:
    """Return an empty figure and its panels, line by line; call it inside :func:`framed`."""
    from matplotlib.figure import Figure

    if not width > 0:
        raise OptionError(f"found a width of {width} inches; wanted one above 0")
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(lines, columns, squeeze=False, **shared).flat)


def grid(
    width: float, count: int, *, each: float, spare: float, **shared: Any
) -> tuple["Figure", list["Axes"]]:
    """Return a figure with ``count`` panels of the height ``each``, in lines of about one length.

    ``spare`` is the height beside the panels, for the legend and the axis.
    """
    lines = math.ceil(count / min(count, max(1, int(width / 1.7))))
    columns = math.ceil(count / lines)
    figure, panels = canvas(width, each * lines + spare, lines=lines, columns=columns, **shared)
    for axes in panels[count:]:
        axes.set_axis_off()
    # Where the last line is short, the panels above its gap bear the axis.
    for axes in panels[max(0, count - columns) : count]:
        axes.tick_params(labelbottom=True)
    return figure, panels[:count]


def text_width(text: str, *, points: float) -> float:
    """Return about how many inches a text takes; its letters are 0.56 em wide."""
    return 0.56 * points / 72 * cells(text)


def plain_axes(axes: "Axes", *, grid: str = "y") -> None:
    """Leave of the frame what is needed to read values: a soft grid along ``grid``."""
    axes.grid(axis=grid, color=RULE, linewidth=0.6)  # type: ignore[arg-type]
    axes.set_axisbelow(True)
    axes.tick_params(colors=SOFT, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)


def legend(
    owner: "Figure | Axes", entries: Sequence[Entry], *, loc: str, **options: Any
) -> "Legend | None":
    """Put a legend of names and looks; None where there is nothing to tell apart.

    A look holds the properties of a line; ``patch`` in it makes it those of an area instead. The
    legend of a figure has as many columns as go into its width.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if not entries:
        return None
    handles = [
        Patch(**{name: value for name, value in look.items() if name != "patch"})
        if "patch" in look
        else Line2D([], [], **look)
        for _, look in entries
    ]
    # Numbers first, names afterwards: as labels, names with a leading underscore would hide.
    numbers = [str(position) for position in range(len(entries))]
    widest = max(text_width(name, points=7) for name, _ in entries)
    width = owner.get_figure(root=True).get_size_inches()[0]  # type: ignore[union-attr]
    fitting = max(1, int(width / (widest + 0.5)))
    lines = math.ceil(len(entries) / fitting)
    options = {"loc": loc, "frameon": False, "ncols": math.ceil(len(entries) / lines), **options}
    made: Legend = owner.legend(handles, numbers, **options)
    for text, (name, _) in zip(made.get_texts(), entries, strict=True):
        text.set_text(name)
    return made


def message(axes: "Axes", text: str) -> None:
    """Say in the middle of a panel why nothing is drawn there."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=SOFT)

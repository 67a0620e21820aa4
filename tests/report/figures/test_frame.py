"""The common frame: a user's settings change nothing, names are text, fonts are embedded."""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from matplotlib.text import Text

from onnx_affscore.errors import MissingExtraError, OptionError
from onnx_affscore.records import Signature
from onnx_affscore.report import figures
from onnx_affscore.report.figures.frame import text_width
from tests.report.conftest import HOSTILE, LONG
from tests.report.figures.examples import EXAMPLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ODD = ["$\\frac{", "_hidden", "活性化", "\x1b[31m", HOSTILE, LONG, "\ud800", ""]
COUNT = len(ODD)
X = [0.1 * k for k in range(COUNT)]
# Each merge takes in the next leaf.
TREE = [[0.0, 1.0, 0.1, 2.0], *([COUNT + k - 2.0, k, 0.1 * k, k + 1.0] for k in range(2, COUNT))]

HARD: Mapping[str, Callable[[Signature], "Figure"]] = {
    "depth": lambda s: figures.depth([s] * COUNT, labels=ODD),
    "histogram": lambda s: figures.histogram([s] * COUNT, labels=ODD),
    "comparison": lambda s: figures.comparison([s] * COUNT, labels=ODD),
    "dendrogram": lambda s: figures.dendrogram(
        TREE, ODD, groups=ODD, title=HOSTILE, distance=HOSTILE
    ),
    "heat_map": lambda s: figures.heat_map([X] * COUNT, ODD, title=HOSTILE, unit=HOSTILE),
    "scatter": lambda s: figures.scatter(
        X, X, ODD, x_label=HOSTILE, y_label=HOSTILE, note=HOSTILE, groups=ODD
    ),
    "curves": lambda s: figures.curves(
        [1, 2],
        {name: [0.1, 0.2] for name in ODD},
        x_label=HOSTILE,
        y_label=HOSTILE,
        references={HOSTILE: {1: 0.1}, "$level": 0.4},
    ),
    "agreement": lambda s: figures.agreement(ODD, X, X, X, title=HOSTILE),
}


def test_every_figure_meets_hostile_names() -> None:
    assert list(HARD) == list(figures.FIGURES)


@pytest.mark.parametrize("name", HARD)
def test_a_hostile_name_is_printable_text_and_no_formula(name: str, signature: Signature) -> None:
    figure = HARD[name](signature)
    ET.fromstring(figures.image_bytes(figure, ".svg"))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        assert text.get_text().isprintable()
        assert not text.get_parse_math()


@pytest.mark.parametrize("name", HARD)
def test_an_endless_name_leaves_room_for_the_drawing(name: str, signature: Signature) -> None:
    figure = HARD[name](signature)
    figures.image_bytes(figure, ".png")
    assert max(axes.get_position().width for axes in figure.axes) > 0.2
    assert max(axes.get_position().height for axes in figure.axes) > 0.1


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_drawn_outside_the_page(name: str, signature: Signature) -> None:
    figure = EXAMPLES[name](signature)
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    # Half a line width and the bearing of a letter may stand out: 2 points are 0.03 inches.
    assert box.x0 > -0.03
    assert box.y0 > -0.03
    assert box.x1 < width + 0.03
    assert box.y1 < height + 0.03


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_settings_of_the_user_change_nothing(name: str, signature: Signature) -> None:
    plain = figures.image_bytes(EXAMPLES[name](signature), ".svg")
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert figures.image_bytes(EXAMPLES[name](signature), ".svg") == plain
        assert mpl.rcParams["font.size"] == 20


def test_fonts_in_print_are_truetype() -> None:
    # Type 42 is embedded as a CID font; Type 3, which publishers refuse, would be named here.
    printed = figures.image_bytes(figures.agreement(["relu"], [0.6], [0.6], [0.1]), ".pdf")
    assert b"/CIDFontType2" in printed
    assert b"/Type3" not in printed


@pytest.mark.parametrize("width", [figures.ONE_COLUMN, figures.TWO_COLUMNS])
def test_a_figure_is_as_wide_as_asked_for(width: float) -> None:
    figure = figures.heat_map([[0.0]], ["a"], width=width)
    assert figure.get_size_inches()[0] == width


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match="width of 0 inches"):
        figures.heat_map([[0.0]], ["a"], width=0)


def test_an_unknown_kind_of_file_is_refused() -> None:
    with pytest.raises(OptionError, match=r"use one of \.png, \.svg, \.pdf"):
        figures.image_bytes(figures.heat_map([[0.0]], ["a"]), ".gif")


@pytest.mark.parametrize("name", EXAMPLES)
def test_without_matplotlib_every_figure_says_what_to_install(
    name: str, signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[plot\]"):
        EXAMPLES[name](signature)


def test_the_width_of_text_is_near_what_is_drawn() -> None:
    figure = figures.heat_map([[0.0]], ["torch_efficientnet"])
    text = figure.axes[0].get_yticklabels()[0]
    drawn = text.get_window_extent().width / figure.dpi
    estimate = text_width(text.get_text(), points=float(text.get_fontsize()))
    assert drawn == pytest.approx(estimate, rel=0.15)

"""Series, activations and cells are told apart in grey and with any colour vision.

Bounds are in CIE L*a*b* units, where 2.3 is just noticeable side by side; marks lie apart on the
page, so several times as much is asked for.
"""

from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex

from onnx_affscore.report.figures.agreements import _INSIDE, _OUTSIDE, _PUBLISHED
from onnx_affscore.report.figures.heat_maps import _COLOURS
from onnx_affscore.report.figures.styles import COLOURS, MOST, SERIES, look
from onnx_affscore.report.marks import KINS, MARKS
from tests.report.figures.sight import EYES, distance, lab, lightness

IN_GREY = 13.0  # L*: white to black is 100
IN_COLOUR = 20.0  # CIE 1976


def test_lightness_of_known_colours() -> None:
    assert lab("#ffffff") == pytest.approx([100, 0, 0], abs=0.02)
    assert lightness("#777777") == pytest.approx(50.03, abs=0.05)
    assert lab("#ff0000") == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


def test_red_and_green_of_one_lightness_are_one_to_a_deuteranope() -> None:
    # The tooth of the bound: a palette like this one must not pass.
    assert distance("#c0392b", "#5e7a00", eye="normal") > 3 * IN_COLOUR
    assert distance("#c0392b", "#5e7a00", eye="deuteranopia") < IN_COLOUR


def test_two_series_differ_in_marker_and_in_line_style_or_lightness() -> None:
    for a, b in combinations(SERIES, 2):
        assert a.marker != b.marker
        grey = abs(lightness(a.colour) - lightness(b.colour))
        assert a.line != b.line or grey >= IN_GREY, (a, b)


def test_neighbouring_series_differ_in_everything() -> None:
    for a, b in pairwise(SERIES):
        assert (a.colour != b.colour, a.line != b.line, a.marker != b.marker) == (True,) * 3


@pytest.mark.parametrize("eye", EYES)
def test_colours_of_series_stay_apart_in_any_eye(eye: str) -> None:
    for one, two in combinations(COLOURS, 2):
        assert distance(one, two, eye=eye) >= IN_COLOUR, (one, two)


@pytest.mark.parametrize("colour", COLOURS)
def test_series_stand_out_of_the_paper(colour: str) -> None:
    assert 100 - lightness(colour) >= 20


@pytest.mark.parametrize("position", [MOST, 2 * MOST + 3])
def test_looks_start_again_past_the_last(position: int) -> None:
    assert look(position) == SERIES[position % MOST]


def test_two_activations_differ_in_grey_by_shape_or_by_lightness() -> None:
    for one, two in combinations(MARKS.values(), 2):
        grey = abs(lightness(KINS[one.kin].light) - lightness(KINS[two.kin].light))
        assert one.shape != two.shape or grey >= IN_GREY, (one, two)


@pytest.mark.parametrize("eye", EYES)
def test_activations_of_one_shape_differ_in_colour_in_any_eye(eye: str) -> None:
    for one, two in combinations(MARKS.values(), 2):
        if one.shape == two.shape:
            apart = distance(KINS[one.kin].light, KINS[two.kin].light, eye=eye)
            assert apart >= IN_COLOUR, (one, two)


def test_the_heat_map_only_grows_lighter() -> None:
    shades = [lightness(to_hex(mpl.colormaps[_COLOURS](i))) for i in range(256)]
    # One step is 0.3 of L*; rounding to 8 bits a channel takes less than 0.1 away.
    assert np.diff(shades).min() > -0.1
    assert np.diff(shades[::8]).min() > 1.0
    rainbow = [lightness(to_hex(mpl.colormaps["jet"](i))) for i in range(0, 256, 8)]
    assert np.diff(rainbow).min() < 0


def test_agreement_is_told_by_shape() -> None:
    looks = [(each["marker"], each.get("markerfacecolor")) for each in (_INSIDE, _OUTSIDE)]
    assert looks[0][0] != looks[1][0]
    assert _PUBLISHED["markerfacecolor"] == "white"

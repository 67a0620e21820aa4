"""Scatter, curves and agreement: points, lines and what is published."""

import math

import numpy as np
import pytest

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures import agreement, curves, image_bytes, scatter
from onnx_affscore.report.figures.lines import Line, _marked
from onnx_affscore.report.figures.styles import MOST, look


def test_points_have_their_names_and_the_note_stands_above() -> None:
    figure = scatter(
        [0.1, 0.2, None], [0.5, 0.6, 0.7], "abc", x_label="x", y_label="y", note="n = 2, r = 1"
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["a", "b"]
    assert axes.get_title(loc="right") == "n = 2, r = 1"


def test_many_points_go_without_names() -> None:
    x = np.linspace(0, 1, 31).tolist()
    assert not scatter(x, x, [str(v) for v in x], x_label="x", y_label="y").axes[0].texts


def test_families_have_their_markers_and_intervals_their_ends() -> None:
    figure = scatter(
        [0.1, 0.2], [0.5, 0.6], "ab", x_label="x", y_label="y", groups=["cnn", "vit"],
        x_intervals=[(0.0, 0.2), None], y_intervals=[None, (0.4, 0.7)],
    )  # fmt: skip
    lines = figure.axes[0].lines
    assert [line.get_marker() for line in lines[:2]] == [look(0).marker, look(1).marker]
    ends = [np.asarray(line.get_xydata()).tolist() for line in lines[2:]]
    assert ends == [[[0.0, 0.5], [0.2, 0.5]], [[0.2, 0.4], [0.2, 0.7]]]


def test_a_scatter_without_a_point_says_so() -> None:
    axes = scatter([None], [0.5], ["a"], x_label="x", y_label="y").axes[0]
    assert axes.texts[0].get_text() == "no network has both values"


def test_columns_of_a_scatter_are_of_one_length() -> None:
    with pytest.raises(OptionError, match=r"found 1 of y for 2 label\(s\)"):
        scatter([1, 2], [1], "ab", x_label="x", y_label="y")


def test_a_missing_value_is_a_gap_and_a_lone_point_has_a_marker() -> None:
    y = np.full(100, 0.5)
    y[[48, 50]] = np.nan
    line = Line("a", np.arange(100.0), y)
    assert 49 in _marked(line, 0)
    assert len(_marked(line, 0)) < 20
    assert _marked(Line("b", np.arange(3.0), np.zeros(3)), 1) == [0, 1, 2]


def test_a_published_value_has_the_marker_of_its_series_hollow() -> None:
    figure = curves(
        [1, 2],
        {"relu": [0.6, 0.62], "tanh": [0.8, 0.81]},
        x_label="d",
        y_label="affinity",
        references={"tanh": {2: 0.812}, "elsewhere": {1: 0.7}, "population": 0.6211},
    )
    axes = figure.axes[0]
    [hollow] = [line for line in axes.lines if list(np.asarray(line.get_ydata())) == [0.812]]
    assert (hollow.get_marker(), hollow.get_markerfacecolor()) == (look(1).marker, "none")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["published: hollow", "elsewhere", "population"]
    low, high = axes.get_ylim()
    assert low < 0.6
    assert high > 0.82


def test_a_level_beyond_the_series_is_in_the_panel() -> None:
    figure = curves([1, 2], {"a": [0.6, 0.7]}, x_label="", y_label="", references={"low": 0.1})
    assert figure.axes[0].get_ylim()[0] < 0.1


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("count", [0, 1, MOST, MOST + 3])
def test_any_number_of_series_is_drawn(count: int, log_x: bool) -> None:
    figure = curves(
        [1, 10, 100],
        {f"s{i}": [0.1, None, 0.3] for i in range(count)},
        x_label="n",
        y_label="affinity",
        bands={f"s{i}": ([0.0] * 3, [1.0] * 3) for i in range(count)},
        references={"s0": {10: 0.2}, "level": 0.5},
        log_x=log_x,
    )
    assert sum(axes.axison for axes in figure.axes) == (count if count > MOST else 1)
    assert image_bytes(figure, ".svg") == image_bytes(figure, ".svg")


@pytest.mark.parametrize("count", [2, 40])
def test_ticks_of_a_logarithmic_axis_are_plain_numbers(count: int) -> None:
    steps = np.geomspace(1, 1e4, count).tolist()
    axes = curves(steps, {"a": steps}, x_label="", y_label="", log_x=True).axes[0]
    shown = {tick.get_text() for tick in axes.get_xticklabels()}
    assert {"1", "10000"} <= shown
    assert all(float(each) for each in shown)


@pytest.mark.parametrize(
    ("knobs", "found"),
    [
        ({"series": {"a": [1.0]}}, r"1 value\(s\) of 'a' for 2 step"),
        ({"bands": {"a": ([1.0], [1.0, 2.0])}}, r"1 value\(s\) of 'a' for 2 step"),
        ({"bands": {"b": ([1.0, 2.0], [1.0, 2.0])}}, "band for 'b'; wanted one of a"),
        ({"steps": [0, 1], "log_x": True}, "step of 0 or less"),
    ],
)
def test_series_that_do_not_fit_are_refused(knobs: dict[str, object], found: str) -> None:
    known: dict[str, object] = {"steps": [1, 2], "series": {"a": [1.0, 2.0]}}
    with pytest.raises(OptionError, match=found):
        curves(x_label="x", y_label="y", **{**known, **knobs})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ours", "tolerance", "marker", "place"),
    [
        (0.5, 0.01, "o", 0.0),
        (0.51, 0.01, "o", 1.0),  # 0.51 - 0.5 is a rounding above 0.01
        (0.52, 0.01, "X", 2.0),
        (0.9, 0.01, "X", 4.0),
        (0.1, 0.01, "X", -4.0),
        (0.5, 0.0, "o", 0.0),
        (0.6, 0.0, "X", 4.0),
    ],
)
def test_agreement_is_a_dot_and_disagreement_a_cross(
    ours: float, tolerance: float, marker: str, place: float
) -> None:
    right = agreement(["relu"], [ours], [0.5], [tolerance]).axes[1]
    assert right.lines[0].get_marker() == marker
    assert np.asarray(right.lines[0].get_xdata())[0] == pytest.approx(place)


@pytest.mark.parametrize("ours", [None, math.nan])
def test_no_value_of_ours_is_said_and_not_drawn(ours: float | None) -> None:
    right = agreement(["relu"], [ours], [0.5], [0.1]).axes[1]
    assert not right.lines
    assert right.texts[0].get_text() == "no value"


def test_an_agreement_of_nothing_is_drawn() -> None:
    assert image_bytes(agreement([], [], [], []), ".png")


def test_each_published_value_wants_a_tolerance() -> None:
    with pytest.raises(OptionError, match="wanted one of each"):
        agreement(["a"], [0.5], [0.5], [])

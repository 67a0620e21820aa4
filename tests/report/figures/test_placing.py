"""Names at line ends and beside points: none covers another where there is room."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Text

from onnx_affscore.report.figures.end_labels import spread
from onnx_affscore.report.figures.point_names import Box, name_points, overlap

HEIGHTS = st.lists(st.floats(0, 1), min_size=1, max_size=12)
ROOM = 0.08  # twelve names take less than the panel


@given(HEIGHTS)
def test_names_at_ends_keep_their_distance_and_stay_in_the_panel(heights: list[float]) -> None:
    placed = sorted(spread(heights, ROOM))
    # Sums of a dozen numbers below 1 round by less than 1e-9.
    assert all(b - a >= ROOM - 1e-9 for a, b in pairwise(placed))
    assert placed[0] >= -1e-9
    assert placed[-1] <= 1 + 1e-9


@given(HEIGHTS)
def test_names_at_ends_keep_the_order_of_the_ends(heights: list[float]) -> None:
    placed = spread(heights, ROOM)
    assert [placed[i] for i in np.argsort(heights, kind="stable")] == sorted(placed)


def test_names_that_are_apart_stay_where_their_lines_end() -> None:
    assert spread([0.9, 0.1, 0.5], ROOM) == [0.9, 0.1, 0.5]


def test_names_at_one_height_stand_around_it() -> None:
    assert np.allclose(spread([0.5, 0.5, 0.5], 0.1), [0.4, 0.5, 0.6])


def test_more_names_than_fit_are_still_apart() -> None:
    placed = sorted(spread([0.5] * 30, ROOM))
    assert np.allclose(np.diff(placed), ROOM)


def test_boxes_share_the_area_that_both_cover() -> None:
    assert overlap((0, 0, 2, 2), (1, 1, 3, 4)) == 1
    assert overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def _named(points: list[tuple[float, float]]) -> list[Box]:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points, strict=True), "o")
    axes.margins(0.1)
    name_points(axes, np.array(points), [f"network_{i}" for i in range(len(points))])
    texts = [text for text in axes.texts if text.get_text()]
    return [(box.x0, box.y0, box.x1, box.y1) for box in map(Text.get_window_extent, texts)]


def test_names_of_close_points_do_not_overlap() -> None:
    boxes = _named([(0.5 + 0.01 * (i % 3), 0.5 + 0.01 * (i // 3)) for i in range(9)] + [(0, 0)])
    assert len(boxes) == 10
    assert all(overlap(a, b) < 1e-6 for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_name_at_the_edge_stays_in_the_panel() -> None:
    boxes = _named([(0.0, 0.0), (1.0, 1.0)])
    assert all(left >= 0 and right <= 7 * 100 for left, _, right, _ in boxes)

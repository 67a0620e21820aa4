"""Trees and fields of distances: dendrogram and heat map."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from scipy.cluster.hierarchy import dendrogram as scipy_dendrogram
from scipy.cluster.hierarchy import linkage

from onnx_affscore.errors import OptionError
from onnx_affscore.report.figures import ONE_COLUMN, dendrogram, heat_map, image_bytes
from onnx_affscore.report.figures.styles import look

NAMES = [f"network_{i}" for i in range(9)]
MERGES = linkage(np.random.default_rng(0).random((9, 3)), "average")


def test_the_tree_is_that_of_scipy() -> None:
    axes = dendrogram(MERGES, NAMES).axes[0]
    theirs = scipy_dendrogram(MERGES, no_plot=True)
    ups = [line for line in axes.lines if len(set(np.asarray(line.get_xdata()))) == 1]
    heights = sorted(float(np.asarray(line.get_xdata())[0]) for line in ups)
    assert heights == pytest.approx(sorted(row[1] for row in theirs["dcoord"]))
    assert {text.get_text() for text in axes.get_yticklabels()} == set(NAMES)


def test_branches_do_not_cross() -> None:
    # Each cluster takes neighbouring places: the span of its leaves is their number.
    axes = dendrogram(MERGES, NAMES).axes[0]
    order = [NAMES.index(text.get_text()) for text in axes.get_yticklabels()]
    clusters = [{leaf} for leaf in range(9)]
    for row in MERGES:
        clusters.append(clusters[int(row[0])] | clusters[int(row[1])])
        places = [order.index(leaf) for leaf in clusters[-1]]
        assert max(places) - min(places) + 1 == len(places)


def test_a_branch_of_one_family_has_its_look() -> None:
    merges = [[0, 1, 0.1, 2], [2, 3, 0.2, 2], [4, 5, 0.9, 4]]
    figure = dendrogram(merges, "abcd", groups=["cnn", "cnn", "vit", "cnn"])
    colours = {line.get_color() for line in figure.axes[0].lines if line.get_marker() == "None"}
    assert {look(0).colour, look(1).colour} < colours
    joined = [
        line
        for line in figure.axes[0].lines
        if set(np.asarray(line.get_xdata())) == {0.1} and line.get_color() == look(0).colour
    ]
    assert len(joined) == 1
    marks = [line.get_marker() for line in figure.axes[0].lines if line.get_marker() != "None"]
    assert marks == [look(k).marker for k in (0, 0, 1, 0)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cnn", "vit"]


@pytest.mark.parametrize("names", [[], ["alone"]])
def test_a_tree_of_no_merge_is_drawn(names: list[str]) -> None:
    assert image_bytes(dendrogram(np.empty((0, 4)), names), ".png")


@pytest.mark.parametrize("merges", [MERGES[:-1], MERGES[:, :3], np.zeros((8, 5))])
def test_a_matrix_that_is_no_linkage_of_the_labels_is_refused(merges: np.ndarray) -> None:
    with pytest.raises(OptionError, match=r"wanted \(8, 4\)"):
        dendrogram(merges, NAMES)


@pytest.mark.parametrize("child", [-1.0, 0.5, 9.0, 99.0, np.nan])
def test_a_merge_of_what_is_not_there_is_refused(child: float) -> None:
    broken = MERGES.copy()
    broken[0, 0] = child
    with pytest.raises(OptionError, match="merge 0"):
        dendrogram(broken, NAMES)


def test_groups_are_one_for_each_leaf() -> None:
    with pytest.raises(OptionError, match=r"2 group\(s\) for 9 label\(s\)"):
        dendrogram(MERGES, NAMES, groups=["a", "b"])


FIELD = [[0.0, 0.1, 1.0], [0.1, 0.0, 0.5], [1.0, 0.5, 0.0]]


def test_cells_hold_their_values_in_the_order_asked_for() -> None:
    axes = heat_map(FIELD, "abc", order=[2, 0, 1]).axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["0.00", "1.00", "0.50", "1.00", "0.00", "0.10", "0.50", "0.10", "0.00"]
    assert [text.get_text() for text in axes.get_yticklabels()] == list("cab")


def test_values_are_written_in_the_tone_that_reads_best() -> None:
    axes = heat_map(FIELD, "abc").axes[0]
    mesh = next(each for each in axes.collections if isinstance(each, QuadMesh))
    for text, value in zip(axes.texts, np.ravel(FIELD), strict=True):
        ground = np.array(mesh.to_rgba(np.array(value)))[:3]
        linear = np.where(ground <= 0.04045, ground / 12.92, ((ground + 0.055) / 1.055) ** 2.4)
        y = float(linear @ [0.2126, 0.7152, 0.0722])
        ink = 0.0 if to_rgb(text.get_color()) == (0, 0, 0) else 1.0
        contrast = (max(y, ink) + 0.05) / (min(y, ink) + 0.05)
        assert contrast >= 4.5  # WCAG 2, level AA


@pytest.mark.parametrize("count", [1, 2, 12, 40])
def test_values_are_written_only_where_they_fit(count: int) -> None:
    values = np.random.default_rng(0).random((count, count))
    figure = heat_map(values, [f"n{i}" for i in range(count)], width=ONE_COLUMN)
    axes = figure.axes[0]
    room = axes.get_window_extent().width / count
    assert len(axes.texts) in (0, count * count)
    assert bool(axes.texts) == (count <= 12)
    for text in axes.texts:
        assert text.get_window_extent().width < room


NULLS: list[list[float | None]] = [[0.0, None], [float("nan"), 0.0]]


def test_what_has_no_value_is_hatched() -> None:
    figure = heat_map(NULLS, "ab")
    axes = figure.axes[0]
    assert len(axes.texts) == 2
    assert [patch.get_hatch() for patch in axes.patches] == ["////"] * 2
    assert figure.legends[0].get_texts()[0].get_text() == "no value"


@pytest.mark.parametrize("field", [[], [[np.nan]], [[0.5]], [[np.inf, 0.0], [0.0, 1.0]]])
def test_odd_fields_are_drawn(field: list[list[float]]) -> None:
    labels = [str(i) for i in range(len(field))]
    assert image_bytes(heat_map(field, labels), ".svg").startswith(b"<?xml")


@pytest.mark.parametrize(
    ("field", "order", "found"),
    [
        ([[0.0, 1.0]], None, r"shape \(1, 2\) for 2"),
        ([[0.0], [1.0]], None, r"shape \(2, 1\) for 2"),
        (np.zeros((2, 2)), [0, 0], r"order \[0, 0\]"),
        (np.zeros((2, 2)), [0, 2], r"order \[0, 2\]"),
    ],
)
def test_a_field_that_does_not_fit_its_labels_is_refused(
    field: list[list[float]], order: list[int] | None, found: str
) -> None:
    with pytest.raises(OptionError, match=found):
        heat_map(field, "ab", order=order)

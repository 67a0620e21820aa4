"""Figures of signatures: depth, histogram and comparison, with none, one and many scores."""

from dataclasses import replace

import matplotlib.colors as mcolors
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from onnx_affscore.errors import OptionError
from onnx_affscore.records import Signature
from onnx_affscore.report.figures import comparison, depth, histogram, image_bytes
from onnx_affscore.report.figures.histograms import _edges
from onnx_affscore.report.figures.styles import MOST

NOTHING = "no activation has a score"


def _scored(signature: Signature, scores: list[float]) -> Signature:
    """A signature with these scores and intervals of ± .01."""
    site = signature.sites[1]
    return replace(
        signature,
        sites=tuple(
            replace(
                site,
                index=i,
                scores={
                    **site.scores,
                    "affinity": score,
                    "affinity_low": score - 0.01,
                    "affinity_high": score + 0.01,
                },
            )
            for i, score in enumerate(scores)
        ),
    )


def _words(axes: Axes) -> set[str]:
    return {text.get_text() for text in axes.texts}


@pytest.mark.parametrize("draw", [depth, histogram, comparison])
@pytest.mark.parametrize("count", [0, 1, 2, 200])
def test_any_number_of_activations_is_drawn(draw: type, count: int, signature: Signature) -> None:
    scores = np.linspace(0.4, 0.9, count).tolist()
    figure = draw(_scored(signature, scores))
    assert (NOTHING in _words(figure.axes[0])) == (count == 0)
    assert image_bytes(figure, ".png").startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", [depth, histogram, comparison])
def test_each_signature_wants_its_label(draw: type, signature: Signature) -> None:
    with pytest.raises(OptionError, match=r"1 signature\(s\) with 2 label\(s\)"):
        draw([signature], labels=["a", "b"])


def test_each_interval_of_depth_spans_its_ends(signature: Signature) -> None:
    axes = depth(_scored(signature, [0.5, 0.7])).axes[0]
    bars = [line for line in axes.lines if line.get_marker() == "_"]
    assert [list(np.asarray(bar.get_ydata())) for bar in bars] == [[0.49, 0.51], [0.69, 0.71]]


def test_roles_beside_the_trunk_are_hollow_in_depth(signature: Signature) -> None:
    axes = depth(signature).axes[0]
    places = {
        int(np.asarray(line.get_xdata())[0]): line.get_markerfacecolor()
        for line in axes.lines
        if line.get_marker() not in ("x", "_", "None")
    }
    for site in signature.sites:
        if site.affinity is not None:
            hollow = mcolors.same_color(places[site.index], "white")
            assert hollow == (site.role != "hidden"), site.index


@given(st.lists(st.floats(-30, 1), min_size=1, max_size=60))
def test_every_value_lies_in_one_bin(values: list[float]) -> None:
    edges = _edges(np.array(values))
    assert np.histogram(values, edges)[0].sum() == len(values)
    assert 1 <= len(edges) - 1 <= 22


def test_bars_and_ticks_of_a_histogram_are_the_values(signature: Signature) -> None:
    values = [0.41, 0.44, 0.62, 0.63, 0.64, 0.9]
    axes = histogram(_scored(signature, values)).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(values)  # type: ignore[attr-defined]
    ticks = next(line for line in axes.lines if line.get_marker() == "|")
    assert list(np.asarray(ticks.get_xdata())) == values


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        (np.linspace(0.4, 0.9, 8), True),
        (np.linspace(0.4, 0.9, 7), False),
        (np.full(20, 0.6), False),
        (0.6 + 1e-12 * np.arange(20), False),
    ],
    ids=["enough", "too few", "all one", "all one but for rounding"],
)
def test_a_density_is_drawn_where_values_bear_it(
    values: np.ndarray, drawn: bool, signature: Signature
) -> None:
    figure = histogram(_scored(signature, values.tolist()))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("density (Gaussian kernel)" in names) == drawn


def test_a_density_holds_as_many_activations_as_the_bars(signature: Signature) -> None:
    values = np.random.default_rng(0).normal(0.5, 0.05, 200)
    axes = histogram(_scored(signature, values.tolist())).axes[0]
    x, y = next(line for line in axes.lines if len(np.asarray(line.get_xdata())) > 200).get_data()
    step = axes.patches[0].get_width()  # type: ignore[attr-defined]
    # The panel ends half a bin beyond the values: at most 2 % of the kernels lie outside.
    assert np.trapezoid(np.asarray(y), np.asarray(x)) / step == pytest.approx(200, rel=0.02)


def test_a_comparison_draws_every_signature_from_0_to_1(signature: Signature) -> None:
    two = [_scored(signature, [0.5, 0.6, 0.7]), _scored(signature, [0.9, 0.4])]
    axes = comparison(two, labels=["long", "short"]).axes[0]
    assert _words(axes) == {"long", "short"}
    found = [tuple(np.asarray(line.get_xdata())) for line in axes.lines[:1]]
    assert found == [(0.0, 0.5, 1.0)]


@pytest.mark.parametrize("count", [1, 4, 5, MOST])
def test_up_to_twelve_signatures_share_a_panel(count: int, signature: Signature) -> None:
    figure = comparison([_scored(signature, [0.5, 0.6])] * count)
    assert len(figure.axes) == 1
    assert len(figure.axes[0].texts) == count
    assert bool(figure.axes[0].collections) == bool(figure.legends) == (count <= 4)


def test_more_than_twelve_signatures_have_a_panel_each(signature: Signature) -> None:
    names = [f"m{i}" for i in range(MOST + 1)]
    figure = comparison([_scored(signature, [0.5, 0.6])] * len(names), labels=names)
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.axison] == names


def test_aligned_sites_stand_at_their_places(signature: Signature) -> None:
    two = [_scored(signature, [0.5, 0.7]), _scored(signature, [0.5, 0.6, 0.7])]
    axes = comparison(two, aligned=[(0, 0), (None, 1), (1, 2)]).axes[0]
    first = np.asarray(axes.lines[0].get_ydata())
    assert first[[0, 2]].tolist() == [0.5, 0.7]
    assert np.isnan(first[1])


@pytest.mark.parametrize(
    ("aligned", "found"), [([(0,)], "a row of 1"), ([(0, 99)], "site 99"), ([(-1, 0)], "site -1")]
)
def test_an_alignment_that_does_not_fit_is_refused(
    aligned: list[tuple[int, ...]], found: str, signature: Signature
) -> None:
    with pytest.raises(OptionError, match=f"found .*{found}"):
        comparison([_scored(signature, [0.5, 0.6])] * 2, aligned=aligned)

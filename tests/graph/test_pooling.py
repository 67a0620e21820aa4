"""Every pooling turns a tensor into the rows that a person would write down by hand."""

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onnx_affscore.errors import OptionError
from onnx_affscore.graph.pooling import POOLINGS, raw_reader, reader
from onnx_affscore.records import Array, FloatArray, TensorLayout

# A mean of some numbers below 100, and a mean of means of them, in float64.
_ROUNDING = 1e-12


def layout(rank: int, sample: int | None, feature: int | None, *, stacked: int = 0) -> TensorLayout:
    return TensorLayout("float64", rank, sample, feature, stacked)


def by_hand(array: Array, axes: TensorLayout, samples: int) -> FloatArray:
    """Elements by sample, position and feature; the sample axis is batch-major."""
    groups: dict[tuple[int, int], list[float]] = {}
    for index in np.ndindex(array.shape):
        at = axes.sample_axis
        sample = 0 if at is None else index[at] * samples // array.shape[at]
        feature = 0 if axes.feature_axis is None else index[axes.feature_axis]
        groups.setdefault((sample, feature), []).append(float(array[index]))
    columns = 1 + max(feature for _sample, feature in groups)
    return np.array([[groups[s, c] for c in range(columns)] for s in range(samples)]).swapaxes(1, 2)


def pooled(array: Array, axes: TensorLayout, pool: str, *, samples: int, seed: int = 0) -> Array:
    """What the graph averages, then what is read outside."""
    inside, read = reader(axes, pool, seed)
    shifted = tuple(a + axes.stacked for a in inside)
    return read({"x": array.mean(axis=shifted) if shifted else array}, samples)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Array, TensorLayout, int]:
    """A tensor, its layout and the number of samples, windows folded into some batches."""
    rank = draw(st.integers(1, 5))
    stacked = draw(st.integers(0, min(2, rank - 1)))
    free = st.sampled_from([None, *range(stacked, rank)])
    sample, feature = draw(free), draw(free)
    if feature == sample:
        feature = None
    samples = 1 if sample is None else draw(st.integers(1, 3))
    shape = [draw(st.integers(1, 3)) for _ in range(rank)]
    if sample is not None:
        shape[sample] *= samples
    array = draw(hnp.arrays(np.float64, tuple(shape), elements=st.floats(-100, 100)))
    return array, layout(rank, sample, feature, stacked=stacked), samples


@given(tensors())
def test_the_mean_is_that_of_each_samples_positions(case: tuple[Array, TensorLayout, int]) -> None:
    array, axes, samples = case
    expected = by_hand(array, axes, samples).mean(axis=1)
    rows = pooled(array, axes, "mean", samples=samples)
    np.testing.assert_allclose(rows, expected, rtol=_ROUNDING, atol=_ROUNDING * 100)


@given(tensors())
def test_rows_are_means_of_all_elements(case: tuple[Array, TensorLayout, int]) -> None:
    array, axes, samples = case
    expected = by_hand(array, axes, samples).mean(axis=(1, 2))[:, None]
    rows = pooled(array, axes, "rows", samples=samples)
    np.testing.assert_allclose(rows, expected, rtol=_ROUNDING, atol=_ROUNDING * 100)


@given(tensors())
def test_positions_are_rows_of_features(case: tuple[Array, TensorLayout, int]) -> None:
    array, axes, samples = case
    table = by_hand(array, axes, samples)
    rows = pooled(array, axes, "positions", samples=samples)
    kept = min(table.shape[1], 16)
    assert rows.shape == (samples * kept, table.shape[2])
    for s, block in enumerate(rows.reshape(samples, kept, -1)):
        if kept == table.shape[1]:
            np.testing.assert_array_equal(np.sort(block, axis=0), np.sort(table[s], axis=0))
        else:
            assert all(any((row == place).all() for place in table[s]) for row in block)


@given(tensors())
def test_flatten_keeps_every_element_of_its_sample(case: tuple[Array, TensorLayout, int]) -> None:
    array, axes, samples = case
    table = by_hand(array, axes, samples).reshape(samples, -1)
    rows = pooled(array, axes, "flatten", samples=samples)
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.sort(table, axis=1))


@given(tensors(), st.sampled_from(["mean", "rows", "flatten", "positions"]))
def test_reading_the_whole_tensor_gives_the_same_rows(
    case: tuple[Array, TensorLayout, int], pool: str
) -> None:
    array, axes, samples = case
    whole = raw_reader(axes, pool, 0)({"x": array}, samples)
    np.testing.assert_allclose(
        whole, pooled(array, axes, pool, samples=samples), rtol=_ROUNDING, atol=_ROUNDING * 100
    )


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((2, 3, 4, 5), (2, 3)), ((2, 3, 4), (2,)), ((2, 3), ()), ((2, 1, 2, 1, 2), ())],
)
def test_reference_is_the_published_codes_choice(
    shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    expected = (array.mean(axis=axes) if axes else array).reshape(shape[0], -1)
    # whatever the graph says of the axes
    rows = pooled(array, layout(len(shape), 1, 0), "reference", samples=shape[0])
    np.testing.assert_array_equal(rows, expected)


def test_at_most_sixteen_positions_are_kept_and_both_sides_keep_the_same() -> None:
    places = np.arange(49.0)
    channels_first = np.broadcast_to(places.reshape(1, 1, 7, 7), (3, 2, 7, 7))
    channels_last = np.moveaxis(channels_first, 1, -1)
    x = pooled(channels_first, layout(4, 0, 1), "positions", samples=3, seed=5)
    y = pooled(channels_last, layout(4, 0, 3), "positions", samples=3, seed=5)
    np.testing.assert_array_equal(x, y)
    kept = x[:16, 0]
    assert len(set(kept)) == 16
    edges = np.linspace(0, 49, 17)  # one of each of 16 equal stretches
    assert ((edges[:-1] - 1 < kept) & (kept < edges[1:])).all()
    other = pooled(channels_first, layout(4, 0, 1), "positions", samples=3, seed=6)
    assert (other != x).any()


def test_a_branch_that_did_not_run_gives_no_rows() -> None:
    _axes, read = reader(layout(3, 1, 2, stacked=1), "mean", 0)
    assert read({"x": np.empty((0, 0, 0))}, 4).shape[0] == 0


def test_masked_elements_do_not_count() -> None:
    values = np.ma.masked_array(
        [[[1.0], [5.0]], [[3.0], [4.0]]], [[[False], [True]], [[False], [False]]]
    )
    fetched: Mapping[str, Array] = {"x": values}
    rows = raw_reader(layout(3, 0, 2), "mean", 0)(fetched, 2)
    np.testing.assert_array_equal(rows, [[1.0], [3.5]])


def test_only_poolings_of_the_table_are_taken() -> None:
    with pytest.raises(OptionError, match="no pooling 'median'; wanted one of flatten, mean"):
        reader(layout(2, 0, 1), "median", 0)
    assert set(POOLINGS) == {"mean", "positions", "flatten", "reference", "rows"}

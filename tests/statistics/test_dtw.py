"""Dynamic time warping: its laws, the recursion itself, and the published values."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.statistics.dtw import dtw_distances, dtw_path
from tests.statistics.makers import ALEXNET, VGG16, VGG19

VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=9).map(np.array)
ROUNDING = 1e-12  # sums of at most 20 squares below 1, and a root


def dtw(a: FloatArray, b: FloatArray) -> float:
    return float(dtw_distances(a, [b])[0])


def by_recursion(a: FloatArray, b: FloatArray) -> float:
    @cache
    def cost(i: int, j: int) -> float:
        steps = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
        before = [cost(p, q) for p, q in steps if p >= 0 and q >= 0]
        return float((a[i] - b[j]) ** 2) + min(before, default=0.0)

    return float(np.sqrt(cost(len(a) - 1, len(b) - 1)))


@given(VALUES, st.lists(VALUES, max_size=4))
def test_it_is_the_recursion_for_each_of_many(a: FloatArray, others: list[FloatArray]) -> None:
    expected = [by_recursion(a, b) for b in others]
    np.testing.assert_allclose(dtw_distances(a, others), expected, atol=ROUNDING)


@given(VALUES, VALUES)
def test_it_is_symmetric_and_zero_on_itself(a: FloatArray, b: FloatArray) -> None:
    assert dtw(a, b) == pytest.approx(dtw(b, a), abs=ROUNDING)
    assert dtw(a, a) == 0


@given(VALUES, st.data())
def test_it_is_at_most_the_euclidean_distance(a: FloatArray, data: st.DataObject) -> None:
    size = len(a)
    b = np.array(data.draw(st.lists(st.floats(0, 1), min_size=size, max_size=size)))
    assert dtw(a, b) <= np.linalg.norm(a - b) + ROUNDING


@given(VALUES, VALUES, st.integers(1, 4))
def test_a_value_that_stays_for_a_while_in_one_of_two_alike_costs_nothing(
    a: FloatArray, b: FloatArray, times: int
) -> None:
    assert dtw(a, np.repeat(a, times)) == 0
    assert dtw(a, b) >= abs(a[0] - b[0]) - ROUNDING  # first goes with first


@given(VALUES, VALUES)
def test_the_path_goes_from_end_to_end_and_costs_the_distance(a: FloatArray, b: FloatArray) -> None:
    path = dtw_path(a, b)
    assert (path[0], path[-1]) == ((0, 0), (len(a) - 1, len(b) - 1))
    steps = np.diff(np.array(path), axis=0)
    assert {tuple(step) for step in steps.tolist()} <= {(0, 1), (1, 0), (1, 1)}
    assert sum((a[i] - b[j]) ** 2 for i, j in path) ** 0.5 == pytest.approx(dtw(a, b), abs=ROUNDING)


def test_arguments_are_left_alone() -> None:
    a, b = np.array([0.1, 0.9]), np.array([0.2, 0.8, 0.7])
    a.flags.writeable = b.flags.writeable = False
    dtw_distances(a, [b, b[:1]])
    dtw_path(a, b)


# The tolerances are what reading the plots to 0.002 leaves open.
@pytest.mark.parametrize(
    ("a", "b", "expected", "tolerance"),
    [(ALEXNET, VGG16, 0.170, 0.006), (VGG16, VGG19, 0.045, 0.004)],
    ids=["alexnet-vgg16", "vgg16-vgg19"],
)
def test_published_signatures_are_as_far_apart_as_published(
    a: tuple[float, ...], b: tuple[float, ...], expected: float, tolerance: float
) -> None:
    found = dtw(np.array(a), np.array(b))
    assert found == pytest.approx(expected, abs=tolerance)
    # neither the sum of absolute costs nor a value divided by the length would pass
    assert found / np.sqrt(len(a) + len(b)) != pytest.approx(expected, abs=tolerance)
    assert sum(abs(a[i] - b[j]) for i, j in dtw_path(np.array(a), np.array(b))) != pytest.approx(
        expected, abs=tolerance
    )

"""Accuracy against statistics: coefficients of SciPy, exact p values, and honest limits."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from onnx_affscore.statistics.association import COEFFICIENTS, associations, correlate
from onnx_affscore.statistics.summaries import STATISTICS, summary
from tests.statistics.makers import signature, waves

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=12)
SCIPY: dict[str, Any] = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}


@pytest.mark.parametrize("name", COEFFICIENTS)
@given(points=POINTS)
def test_coefficients_are_those_of_scipy(name: str, points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, dtype=float).T
    found = correlate(x, y, coefficient=name)
    if found.value is None:
        assert len(set(x)) == 1 or len(set(y)) == 1
        assert found.reason is not None
    else:
        assert found.value == pytest.approx(SCIPY[name](x, y).statistic, abs=1e-12)
        assert found.p is not None
        assert 0 < found.p <= 1


@pytest.mark.parametrize("name", COEFFICIENTS)
@given(points=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=5))
def test_p_counts_every_order_of_few_points(name: str, points: list[tuple[int, int]]) -> None:
    x, y = np.array(points, dtype=float).T
    assume(len(set(x)) > 1)
    assume(len(set(y)) > 1)
    found = correlate(x, y, coefficient=name)
    all_orders = [abs(SCIPY[name](x, order).statistic) for order in permutations(y)]
    assert found.value is not None
    share = np.mean(np.array(all_orders) >= abs(found.value) - 1e-9)
    assert found.p == pytest.approx(share, abs=1e-12)


def test_p_of_many_points_is_near_that_of_the_t_distribution() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal(30)
    y = 0.4 * x + random.standard_normal(30)
    found = correlate(x, y)
    # 9,999 random orders: three standard errors of a share near 0.05 are 0.0065
    assert found.p == pytest.approx(stats.pearsonr(x, y).pvalue, abs=0.0065)
    assert correlate(x, y).p == found.p  # the seed is fixed


def test_a_perfect_line_through_four_points_proves_nothing() -> None:
    found = correlate(np.arange(4.0), np.arange(4.0))
    assert found.value == pytest.approx(1)
    assert found.p == pytest.approx(2 / 24)  # the least that four points can give


def test_leaving_one_out_shows_what_hangs_on_a_single_model() -> None:
    x, y = np.array([0.0, 0.1, 0.2, 0.3, 5.0]), np.array([0.3, 0.1, 0.2, 0.0, 5.0])
    found = correlate(x, y)
    each = [stats.pearsonr(np.delete(x, k), np.delete(y, k)).statistic for k in range(5)]
    assert (found.low, found.high) == pytest.approx((min(each), max(each)))
    assert found.low is not None
    assert found.low < 0 < (found.value or 0)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [], "0 points; a correlation needs three"),
        ([1, 2], [3, 4], "2 points; a correlation needs three"),
        ([1, 1, 1], [3, 4, 5], "the statistic is the same for all models"),
        ([1, 2, 3], [4, 4, 4], "the accuracy is the same for all models"),
    ],
)
def test_where_there_is_no_coefficient_the_reason_is_told(
    x: list[float], y: list[float], reason: str
) -> None:
    found = correlate(np.array(x, dtype=float), np.array(y, dtype=float))
    assert (found.value, found.low, found.high, found.p) == (None, None, None, None)
    assert found.reason == reason


def test_without_one_of_three_points_there_is_no_range() -> None:
    found = correlate(np.array([1.0, 2, 4]), np.array([1.0, 3, 2]))
    assert found.value is not None
    assert (found.low, found.high) == (None, None)


def test_every_statistic_is_tried_and_paid_for() -> None:
    rows = associations([summary(s) for s in waves()], [0.9, 0.92, 0.91, 0.8, 0.81, 0.79])
    tried = [(row.statistic, row.coefficient) for row in rows]
    assert tried == [(s, c) for s in STATISTICS for c in COEFFICIENTS]
    assert all(row.n == 6 for row in rows)
    least = min(rows, key=lambda row: row.p or 1)
    assert least.p_corrected == pytest.approx(len(rows) * (least.p or 0))
    assert least.value is not None
    assert abs(least.value) > 0.9


def test_an_empty_signature_is_left_out() -> None:
    rows = associations(
        [summary(s) for s in [*waves(), signature([])]], [0.1 * i for i in range(7)]
    )
    assert {row.n for row in rows} == {6}

"""Dual potentials: what they prove, and that they prove nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import Costs, Indices
from onnx_affscore.score.exchange import Exchanged, exchange
from onnx_affscore.score.plan import lower_bound


def problem(seed: int, n: int, k: int, *, ties: bool = False) -> Costs:
    draw = np.random.default_rng(seed)
    source, target = draw.standard_normal((2, n, k))
    return (
        Costs.between(np.round(source), np.round(target)) if ties else Costs.between(source, target)
    )


def optimum(costs: Costs) -> Indices:
    columns: Indices = linear_sum_assignment(costs.matrix())[1]
    return columns


def proved(costs: Costs, columns: Indices, prices: FloatArray | None = None) -> Exchanged:
    return exchange(
        costs,
        columns,
        prices=np.zeros(len(costs)) if prices is None else prices,
        margin=0.0,
        edges=len(costs) ** 2,
        work=1e9,
    )


def violation(costs: Costs, found: Exchanged) -> float:
    """By how much the worst row would rather have another column."""
    priced = costs.matrix() + found.prices
    own = priced[np.arange(len(costs)), found.columns]
    return float((own - priced.min(axis=1)).max())


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), k=st.integers(1, 4), ties=st.booleans()
)
def test_an_optimal_pairing_is_proved_and_stays(seed: int, n: int, k: int, ties: bool) -> None:
    costs = problem(seed, n, k, ties=ties)
    columns = optimum(costs)
    found = proved(costs, columns)
    assert found.optimal
    assert costs.mean(found.columns) == pytest.approx(costs.mean(columns), rel=1e-13)
    # Edges are settled to twice the rounding of a cost, and each cost rounds once more here.
    assert violation(costs, found) <= 4.0 * costs.tolerance


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), k=st.integers(1, 4), ties=st.booleans()
)
def test_any_pairing_is_improved_to_the_optimum(seed: int, n: int, k: int, ties: bool) -> None:
    costs = problem(seed, n, k, ties=ties)
    start = np.random.default_rng(seed).permutation(n)
    found = proved(costs, start)
    assert found.optimal
    assert sorted(found.columns) == list(range(n))
    assert costs.mean(found.columns) == pytest.approx(costs.mean(optimum(costs)), rel=1e-12)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 1e3))
def test_any_prices_are_right_to_start_from(seed: int, size: float) -> None:
    costs = problem(seed, 30, 3)
    guess = size * np.random.default_rng(seed).standard_normal(30)
    found = proved(costs, optimum(costs), guess)
    assert found.optimal
    # Prices of this size round in proportion.
    assert violation(costs, found) <= 4.0 * costs.tolerance + 1e-14 * size


def test_a_pairing_that_is_not_optimal_is_never_proved_as_it_stands() -> None:
    costs = problem(0, 60, 3)
    worse = optimum(costs)
    worse[[0, 1]] = worse[[1, 0]]
    assert costs.mean(proved(costs, worse).columns) < costs.mean(worse)


def test_perturbed_potentials_prove_less() -> None:
    costs = problem(0, 60, 3)
    found = proved(costs, optimum(costs))
    cost = costs.mean(found.columns)
    assert lower_bound(costs, found.prices) == pytest.approx(cost, rel=1e-12)
    perturbed = found.prices + 1e-3 * np.random.default_rng(1).standard_normal(60)
    assert lower_bound(costs, perturbed) < cost * (1 - 1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(0.0, 10.0))
def test_the_bound_of_any_prices_is_one(seed: int, size: float) -> None:
    costs = problem(seed, 25, 2)
    prices = size * np.random.default_rng(seed + 1).standard_normal(25)
    assert lower_bound(costs, prices) <= costs.mean(optimum(costs))


@pytest.mark.parametrize("limits", [{"edges": 30, "work": 1e9}, {"edges": 3600, "work": 100}])
def test_beyond_its_limits_it_gives_up_and_says_so(limits: dict[str, float]) -> None:
    costs = problem(0, 60, 3)
    start = np.arange(60)
    found = exchange(costs, start, prices=np.zeros(60), margin=0.0, **limits)
    assert not found.optimal
    assert costs.mean(found.columns) <= costs.mean(start)

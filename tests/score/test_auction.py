"""The auction: how near its pairings and prices come to the optimum."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FloatArray
from onnx_affscore.score import auction as module
from onnx_affscore.score import shortlists
from onnx_affscore.score.auction import Auctioned, auction
from onnx_affscore.score.costs import Costs
from onnx_affscore.score.plan import lower_bound


def normal(seed: int, n: int, k: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, k))


PROBLEMS = {
    "unrelated": Costs.between(normal(0, 300, 4), normal(1, 300, 4)),
    "equal targets": Costs.between(normal(0, 300, 4), np.maximum(normal(0, 300, 4) - 1.5, 0.0)),
    "few targets": Costs.between(normal(0, 300, 2), np.sign(normal(1, 300, 2))),
    "fewer than a list": Costs.between(normal(0, 20, 3), normal(1, 20, 3)),
}


def best(costs: Costs) -> float:
    return costs.mean(linear_sum_assignment(costs.matrix())[1])


def contentment(costs: Costs, sold: Auctioned) -> float:
    """By how much the worst row would rather have another column."""
    priced = costs.matrix() + sold.prices
    own = priced[np.arange(len(costs)), sold.columns]
    return float((own - priced.min(axis=1)).max())


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_row_is_content_but_for_a_step(name: str) -> None:
    costs = PROBLEMS[name]
    sold = auction(costs, unsold=0.0, rounds=10**6)
    assert sorted(sold.columns) == list(range(len(costs)))
    rounding = 1e-5  # costs of a size of 10 in single precision, a few of them in a price
    assert contentment(costs, sold) <= sold.step + rounding
    assert contentment(costs, sold) > 1e-2 * sold.step  # and not because steps are huge
    assert best(costs) <= costs.mean(sold.columns) <= best(costs) + sold.step + rounding
    assert sold.step <= module.LAST_STEP * best(costs)


@pytest.mark.parametrize("name", PROBLEMS)
def test_prices_bound_the_optimum_to_a_step(name: str) -> None:
    costs = PROBLEMS[name]
    sold = auction(costs, unsold=0.0, rounds=10**6)
    bound = lower_bound(costs, sold.prices)
    assert best(costs) - sold.step - 1e-5 <= bound <= best(costs)  # single precision, as above


def test_a_few_rows_may_stay_without_a_column() -> None:
    costs = PROBLEMS["unrelated"]
    sold = auction(costs, unsold=0.02, rounds=10**6)
    without = np.count_nonzero(sold.columns < 0)
    assert 0 < without <= 6
    assert len(np.unique(sold.columns[sold.columns >= 0])) == 300 - without


def test_patience_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = auction(PROBLEMS["unrelated"], unsold=0.0, rounds=1)
    assert np.count_nonzero(hasty.columns < 0) > 0
    monkeypatch.setattr(module, "BIDS", 1)
    poor = auction(PROBLEMS["unrelated"], unsold=0.0, rounds=10**6)
    assert np.count_nonzero(poor.columns < 0) > 0


@pytest.mark.parametrize("length", [1, 3, 1000])
def test_short_lists_of_any_length_find_the_best_columns(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shortlists, "LENGTH", length)
    costs = PROBLEMS["unrelated"]
    lists = shortlists.ShortLists(costs)
    raised = np.random.default_rng(2)
    for _ in range(20):
        lists.prices += raised.exponential(0.1, 300) * (raised.random(300) < 0.1)
        columns, first, second = lists.best(np.arange(300))
        true = np.sort((costs.matrix() + lists.prices[np.argsort(lists.place)]), axis=1)
        np.testing.assert_allclose(first, true[:, 0], atol=1e-5)  # single precision
        np.testing.assert_allclose(second, true[:, 1], atol=1e-5)  # single precision
        own = lists.cost(np.arange(300), columns) + lists.prices[columns]
        np.testing.assert_allclose(own, first, atol=1e-5)  # single precision

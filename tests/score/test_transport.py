"""Exact W2: against POT, against brute force, and each solver's certificate."""

import itertools

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.score import transport
from onnx_affscore.score.transport import squared_w2


def rows(seed: int, n: int, k: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, k))


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_the_cost_equals_pot(k: int, spread: float) -> None:
    source = rows(0, 80, k)
    target = source + spread * rows(1, 80, k)
    expected = ot.emd2([], [], ot.dist(source, target))
    found = squared_w2(source, target)
    assert found.exact
    assert found.cost == pytest.approx(expected, rel=1e-12)
    assert found.cost != pytest.approx(ot.emd2([], [], ot.dist(source, 1.01 * target)), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6), k=st.integers(1, 4))
def test_no_permutation_is_cheaper(seed: int, n: int, k: int) -> None:
    source, target = rows(seed, n, k), np.round(rows(seed + 1, n, k))
    costs = [
        np.mean(np.sum((source - target[list(order)]) ** 2, axis=1))
        for order in itertools.permutations(range(n))
    ]
    found = squared_w2(source, target)
    assert found.cost == pytest.approx(min(costs), rel=1e-12)
    assert found.paired == (costs[0] <= min(costs) * (1 + 1e-12))


def test_a_line_is_sorted() -> None:
    source, target = rows(0, 50, 1), rows(1, 50, 1)
    found = squared_w2(source, target)
    assert (found.solver, found.paired) == ("sort", False)
    assert squared_w2(source, np.exp(source)).paired


def test_nearest_partners_need_no_assignment() -> None:
    source = rows(0, 400, 20)
    found = squared_w2(source, source + 0.01 * rows(1, 400, 20))
    assert (found.solver, found.certificate) == ("identity", "row minima on the diagonal")
    assert found.paired


def test_sources_nearest_to_their_targets_need_no_assignment() -> None:
    found = squared_w2(np.zeros((300, 4)), rows(1, 300, 4))
    assert (found.solver, found.certificate) == ("identity", "column minima on the diagonal")


def test_an_assignment_is_proved_by_dual_potentials() -> None:
    source, target = rows(0, 200, 6), rows(1, 200, 6)
    found = squared_w2(source, target)
    assert (found.solver, found.certificate) == ("assignment", "dual potentials")
    assert not found.paired


def test_an_identity_that_only_potentials_prove_is_paired() -> None:
    """Targets drawn towards the middle are nearer to others' sources than to their own."""
    source = rows(0, 200, 6)
    found = squared_w2(source, np.tanh(source))
    assert (found.solver, found.paired) == ("assignment", True)
    assert found.cost == pytest.approx(np.mean(np.sum((source - np.tanh(source)) ** 2, axis=1)))


def test_potentials_do_not_prove_what_is_not_optimal() -> None:
    source, target = rows(0, 60, 3), rows(1, 60, 3)
    costs = np.sum((source[:, None] - target) ** 2, axis=2)
    assert not transport._feasible(costs, np.arange(60), tolerance=1e-14)


def test_large_samples_get_honest_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = rows(0, 100, 3), rows(1, 100, 3)
    exact = squared_w2(source, target).cost
    monkeypatch.setattr(transport, "ASSIGNMENT_LIMIT", 50)
    found = squared_w2(source, target)
    assert not found.exact
    assert 0.0 < found.bound < exact < found.cost


def test_a_small_distance_between_large_samples_keeps_its_digits() -> None:
    source = 1e6 * rows(0, 100, 5)
    shift = np.full(5, 1e-6)
    # The sum itself rounds at 1e6·eps/2 = 1e-10 of 1e-6, squared.
    assert squared_w2(source, source + shift).cost == pytest.approx(5e-12, rel=1e-3)


def test_block_size_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = rows(0, 90, 4), rows(1, 90, 4)
    whole = squared_w2(source, target)
    monkeypatch.setattr(transport, "BLOCK", 7)
    assert squared_w2(source, target).cost == pytest.approx(whole.cost, rel=1e-14)

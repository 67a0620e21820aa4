"""Exact W2: against POT, against brute force, and the portfolio's choice of solvers."""

import itertools
import resource
import subprocess
import sys

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.score import costs, plan, shortlists
from onnx_affscore.score.transport import SOLVERS, Transport, squared_w2


def rows(seed: int, n: int, k: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((n, k))


def pot(source: FloatArray, target: FloatArray) -> float:
    return float(ot.emd2([], [], ot.dist(source, target)))


def using(solver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the portfolio be one solver."""
    for name in SOLVERS:
        if name != solver:
            monkeypatch.setitem(SOLVERS, name, lambda _: None)


@pytest.mark.parametrize("k", [1, 2, 5, 30])
@pytest.mark.parametrize("spread", [0.05, 1.0])
def test_the_cost_equals_pot(k: int, spread: float) -> None:
    source = rows(0, 80, k)
    target = source + spread * rows(1, 80, k)
    found = squared_w2(source, target)
    assert found.exact
    assert found.cost == pytest.approx(pot(source, target), rel=1e-12)
    assert found.cost != pytest.approx(pot(source, 1.01 * target), rel=1e-6)


SAMPLES = {
    "unrelated": (rows(0, 120, 6), rows(1, 120, 6)),
    "a bent image": (rows(0, 120, 6), np.tanh(2.0 * rows(0, 120, 6))),
    "a thin ReLU": (rows(0, 120, 3), np.maximum(rows(0, 120, 3) - 1.5, 0.0)),
    "few values": (np.round(rows(0, 120, 2)), np.sign(rows(1, 120, 2))),
    "one target": (rows(0, 60, 4), np.ones((60, 4))),
    "one source": (np.ones((60, 4)), rows(0, 60, 4)),
    "in another order": (rows(0, 90, 4), rows(0, 90, 4)[::-1]),
    "a plane in space": (rows(0, 90, 2) @ rows(2, 2, 7), rows(1, 90, 2) @ rows(2, 2, 7)),
    "an outlier": (rows(0, 90, 3), np.vstack([rows(1, 89, 3), np.full((1, 3), 50.0)])),
    "two samples": (rows(0, 2, 3), rows(1, 2, 3)),
    "one sample": (rows(0, 1, 3), rows(1, 1, 3)),
}


@pytest.mark.parametrize("solver", ["assignment", "auction"])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_solver_proves_the_cost_that_pot_finds(
    name: str, solver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    using(solver, monkeypatch)
    source, target = SAMPLES[name]
    found = squared_w2(source, target)
    # POT takes costs from inner products: both round in proportion to the largest square.
    largest = float(np.max(np.sum(source**2, axis=1)) + np.max(np.sum(target**2, axis=1)))
    assert found.cost == pytest.approx(pot(source, target), rel=1e-12, abs=1e-14 * largest)
    assert (found.solver, found.certificate) == (solver, "dual potentials")


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 6),
    k=st.integers(1, 4),
    scale=st.integers(-200, 200),
)
def test_no_permutation_is_cheaper(seed: int, n: int, k: int, scale: int) -> None:
    source, target = rows(seed, n, k), np.round(rows(seed + 1, n, k))
    costs = [
        np.mean(np.sum((source - target[list(order)]) ** 2, axis=1))
        for order in itertools.permutations(range(n))
    ]
    found = squared_w2(np.ldexp(source, scale), np.ldexp(target, scale))
    assert found.cost == pytest.approx(float(np.ldexp(min(costs), 2 * scale)), rel=1e-12)
    assert found.paired == (costs[0] <= min(costs) * (1 + 1e-12))


def test_a_line_is_sorted() -> None:
    source, target = rows(0, 50, 1), rows(1, 50, 1)
    found = squared_w2(source, target)
    assert (found.solver, found.paired) == ("sort", False)
    assert squared_w2(source, np.exp(source)).paired


def test_nothing_is_moved_where_there_are_no_coordinates() -> None:
    found = squared_w2(np.empty((5, 0)), np.empty((5, 0)))
    assert (found.cost, found.exact, found.paired) == (0.0, True, True)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (rows(0, 400, 20), rows(0, 400, 20) + 0.01 * rows(1, 400, 20)),  # nearest to their own
        (rows(0, 300, 6), np.tanh(rows(0, 300, 6))),  # nearer to others', yet optimal
    ],
)
def test_a_pairing_that_is_optimal_needs_no_assignment(
    source: FloatArray, target: FloatArray
) -> None:
    found = squared_w2(source, target)
    assert (found.solver, found.certificate, found.paired) == ("identity", "dual potentials", True)
    assert found.cost == pytest.approx(np.mean(np.sum((source - target) ** 2, axis=1)))


def test_rows_that_are_nearest_to_their_own_need_no_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    def formed(_: costs.Costs) -> None:
        raise AssertionError("costs were formed")

    source = rows(0, 400, 20)
    target = source + 0.01 * rows(1, 400, 20)
    monkeypatch.setattr(costs.Costs, "blocks", formed)
    found = squared_w2(source, target)
    assert (found.solver, found.certificate, found.paired) == ("identity", "dual potentials", True)
    swapped = target.copy()
    swapped[[398, 399]] = swapped[[399, 398]]  # the tooth: two rows are nearest to each other's
    with pytest.raises(AssertionError, match="costs were formed"):
        squared_w2(source, swapped)


def test_a_pairing_that_is_nearly_optimal_is_improved() -> None:
    source = rows(0, 400, 10)
    target = np.tanh(source)
    target[[0, 1, 2]] = target[[1, 2, 0]]
    found = squared_w2(source, target)
    assert (found.solver, found.paired) == ("identity", False)
    assert found.cost == pytest.approx(np.mean(np.sum((source - np.tanh(source)) ** 2, axis=1)))


def test_a_pairing_far_from_optimal_is_assigned() -> None:
    found = squared_w2(rows(0, 200, 6), rows(1, 200, 6))
    assert (found.solver, found.certificate) == ("assignment", "dual potentials")
    assert not found.paired


def test_what_is_not_solved_has_honest_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = rows(0, 300, 3), rows(1, 300, 3)
    exact = squared_w2(source, target).cost
    monkeypatch.setattr(plan, "ASSIGNMENT_LIMIT", 50)
    monkeypatch.setattr(plan, "UNSOLD_LAST", 0.0)
    monkeypatch.setattr(plan, "WORK", 0.0)
    found = squared_w2(source, target)
    assert not found.exact
    assert found.certificate.startswith("bounds only")
    assert 0.0 < found.bound < exact <= found.cost
    # Every row is within the last step of its cheapest column; row minima leave 40 %.
    assert found.cost - found.bound < 0.02 * exact


def test_a_small_distance_between_large_samples_keeps_its_digits() -> None:
    source = 1e6 * rows(0, 100, 5)
    shift = np.full(5, 1e-6)
    # The sum itself rounds at 1e6·eps/2 = 1e-10 of 1e-6, squared.
    assert squared_w2(source, source + shift).cost == pytest.approx(5e-12, rel=1e-3)


@pytest.mark.parametrize("name", ["unrelated", "a thin ReLU", "a bent image"])
def test_memory_knobs_change_no_result(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = SAMPLES[name]
    whole = squared_w2(source, target)
    monkeypatch.setattr(costs, "BLOCK_ELEMENTS", 7 * len(source))
    monkeypatch.setattr(costs, "BLOCK_ROWS", 1)
    monkeypatch.setattr(shortlists, "TABLE", 0)
    assert_same(squared_w2(source, target), whole)
    monkeypatch.setattr(plan, "ASSIGNMENT_LIMIT", 0)
    assert_same(squared_w2(source, target), whole)


def assert_same(found: Transport, expected: Transport) -> None:
    assert found.exact
    assert found.cost == pytest.approx(expected.cost, rel=1e-14)  # the sum of 120 costs rounds
    assert found.paired == expected.paired


MEMORY_SCRIPT = """
import resource
import numpy as np
from onnx_affscore.score.transport import squared_w2
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = np.random.default_rng(0).standard_normal((10_000, 16))
found = squared_w2(source, np.tanh(0.5 * source))
assert found.exact and found.paired, found
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_ten_thousand_samples_are_certified_without_a_matrix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT], capture_output=True, text=True, check=True
    )
    unit = 1 if sys.platform == "darwin" else 1024
    # The matrix alone would take 800 MB; blocks, edges and the samples take some 50.
    assert int(done.stdout) * unit < 200e6
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0

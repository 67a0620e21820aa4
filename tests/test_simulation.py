"""Known truths of the simulation against large samples."""

import numpy as np
import pytest
from scipy import linalg

from onnx_affscore.records import FloatArray
from tools.simulation.families import Coordinate, Family, families

ROWS = 100_000


def paired_score(x: FloatArray, y: FloatArray) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    root = np.real(linalg.sqrtm(x.T @ x / len(x)))
    inner = np.real(linalg.sqrtm(root @ (y.T @ y / len(y)) @ root))
    optimal = linalg.solve(root, linalg.solve(root, inner).T)
    return 1.0 - float(np.sqrt(max(0.0, 1.0 - np.sum((x @ optimal) * y) / np.sum(y**2))))


@pytest.mark.parametrize("family", families(8), ids=lambda family: family.name)
def test_a_large_sample_scores_what_the_integrals_say(family: Family) -> None:
    x, y = family.draw(np.random.default_rng(0), ROWS)
    # Standard errors were .0003 to .0015 (heavy tails); the tooth is the families' own spread.
    assert paired_score(x, y) == pytest.approx(family.paired, abs=0.005)


def test_families_differ_by_more_than_the_tolerance() -> None:
    assert np.ptp([family.paired for family in families(8) if family.plan == "identity"]) > 0.3


def test_known_values_of_one_coordinate() -> None:
    variance, paired, best = Coordinate("normal", "gelu").moments()
    assert 1.0 - np.sqrt(1.0 - best / variance) == pytest.approx(0.6448, abs=5e-5)
    assert paired < best  # GELU falls before it rises
    variance, paired, best = Coordinate("uniform", "leaky", mean=5.0).moments()
    assert paired == best == pytest.approx(variance, rel=1e-9)  # linear where it is met


def test_a_family_is_the_same_each_time_it_is_made() -> None:
    first, second = (families(8)[10].draw(np.random.default_rng(3), 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))

"""What a Cholesky factorisation proves, and the maps that are computed where it does."""

import numpy as np
import pytest

from onnx_affscore.records import FloatArray
from onnx_affscore.score import Prepared
from onnx_affscore.score.definite import congruent_map, exceeds
from onnx_affscore.score.estimate import COVARIANCES
from onnx_affscore.score.factor import svd
from onnx_affscore.score.gaussian import transported
from onnx_affscore.score.turning import turned

from .oracles import EPS32, paired

STATED = 1e-10  # of the rows, and so of the score: what the fast routes promise


def normal(seed: int, *shape: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal(shape)


def graded(seed: int, n: int, d: int, *, decades: float) -> FloatArray:
    """Centred rows with deviations from 1 down to 10^-decades along skew directions."""
    rotation = np.linalg.qr(normal(seed + 1, d, d))[0]
    rows = (normal(seed, n, d) * np.logspace(0.0, -decades, d)) @ rotation
    return np.asarray(rows - rows.mean(axis=0))


def by_svd(x: FloatArray, y: FloatArray) -> FloatArray:
    """T_aff X from orthogonal factors of the rows: no covariance is formed."""
    rows, root_x = np.linalg.qr(x)
    root_y = np.linalg.qr(y)[1]
    left, _, right = np.linalg.svd(root_x @ root_y.T)
    return np.asarray(rows @ (left @ right) @ root_y)


def distance(found: FloatArray | None, expected: FloatArray) -> float:
    assert found is not None
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("decades", [1.0, 3.0, 5.0, 7.5])
@pytest.mark.parametrize("shape", [(60, 7), (900, 300)])
def test_a_bound_that_is_proved_holds(shape: tuple[int, int], decades: float) -> None:
    """And where rounding cannot hide it, a true bound is proved."""
    x = graded(0, *shape, decades=decades)
    smallest = float(np.linalg.svd(x, compute_uv=False)[-1]) ** 2 / shape[0]
    gram = x.T @ x / shape[0]
    for factor in (0.5, 0.9, 1.1, 2.0):
        assert not (factor > 1.0 and exceeds(gram, factor * smallest, terms=shape[0]))
    assert exceeds(gram, 0.5 * smallest, terms=shape[0]) == (decades < 6.0)


def test_nothing_is_proved_of_what_is_empty_singular_or_not_finite() -> None:
    singular = np.ones((3, 3))
    for matrix in (np.zeros((0, 0)), np.zeros((3, 3)), singular, np.full((3, 3), np.nan)):
        assert not exceeds(matrix, 0.0, terms=1)


@pytest.mark.parametrize("decades", [0.5, 1.5, 2.0])
@pytest.mark.parametrize("d", [5, 80, 300])
def test_the_map_from_covariances_is_that_from_factors(d: int, decades: float) -> None:
    n = 4 * d
    x = graded(d, n, d, decades=decades)
    y = np.maximum(x, 0.0)
    y -= y.mean(axis=0)
    matrix = congruent_map(x.T @ x / n, y.T @ y / n)
    assert matrix is not None
    assert distance(x @ matrix, by_svd(x, y)) < STATED
    assert distance(x @ matrix * (1.0 + 2.0 * STATED), by_svd(x, y)) > STATED  # the tooth


def test_covariances_that_are_too_far_apart_give_no_map() -> None:
    x = graded(0, 400, 20, decades=5.0)
    y = graded(9, 400, 20, decades=0.0)
    assert congruent_map(x.T @ x, y.T @ y) is None
    assert congruent_map(y.T @ y, np.ones((20, 20)) - 2.0 * np.eye(20)) is None


@pytest.mark.parametrize("shape", [(60, 60), (60, 200), (200, 210), (300, 301)])
def test_the_map_of_fewer_samples_than_features_is_that_from_factors(
    shape: tuple[int, int],
) -> None:
    """Square random matrices are badly conditioned: 1e-5 to 1e-6 in ``Xc Ycᵀ``."""
    x = normal(1, *shape)
    y = np.maximum(x, 0.0)
    prepared = Prepared(paired(x, y, EPS32))
    assert prepared.regular == (True, True)
    estimates = COVARIANCES["empirical"](prepared)
    roots_x, roots_y = (estimate.roots for estimate in estimates)
    left, _, right = svd(roots_x.root @ roots_y.root.T)
    expected = roots_x.whitened @ (left @ right @ roots_y.root)
    assert distance(transported(*estimates), expected) < STATED
    assert distance(prepared.coordinates[1], expected) > STATED  # the tooth: the target itself


@pytest.mark.parametrize("decades", [0.0, 2.0, 4.0, 6.0])
@pytest.mark.parametrize("n", [1, 7, 300])
def test_the_polar_factor_by_eigenvalues_is_backward_stable(n: int, decades: float) -> None:
    """One singular value in eight is spread over so many decades."""
    left, right = (np.linalg.qr(normal(seed, n, n))[0] for seed in (0, 1))
    small = np.minimum(1.0, np.logspace(6.0 * decades + 0.1, -decades, n))
    matrix = (left * small) @ right
    found = turned(matrix, np.eye(n))
    assert found is not None
    assert np.linalg.norm(found.T @ found - np.eye(n)) < STATED
    symmetric = found.T @ matrix
    # The factor's error in the small directions, eps times the condition number until the routine
    # takes a second step: up to 4e-13 over 100 seeds, and it differs from processor to processor.
    assert distance(symmetric, symmetric.T) < 0.01 * STATED
    skew = normal(2, n, n) - normal(2, n, n).T
    off = (found + found @ skew * STATED / (1.0 + float(np.linalg.norm(skew, 2)))).T @ matrix
    assert n == 1 or distance(off, off.T) > 0.01 * STATED  # the tooth: turned by so little
    # The factor itself is determined to eps times the condition number.
    assert distance(found, left @ right) < 0.5 * STATED
    assert distance(found * (1.0 + 2.0 * STATED), left @ right) > STATED  # the tooth


@pytest.mark.parametrize("decades", [9.0, 14.0])
def test_columns_that_rounding_has_turned_too_far_are_left_to_the_svd(decades: float) -> None:
    left, right = (np.linalg.qr(normal(seed, 60, 60))[0] for seed in (0, 1))
    values = np.ones(60)
    values[-1] = 10.0**-decades
    found = turned((left * values) @ right, np.eye(60))
    if found is not None:
        assert np.linalg.norm(found.T @ found - np.eye(60)) < STATED
    assert (found is None) == (decades > 12.0)


def test_many_small_singular_values_are_left_to_the_svd() -> None:
    left, right = (np.linalg.qr(normal(seed, 60, 60))[0] for seed in (0, 1))
    assert turned((left * np.logspace(0.0, -8.0, 60)) @ right, np.eye(60)) is None
    assert turned(np.zeros((3, 3)), np.eye(3)) is None


@pytest.mark.parametrize("shape", [(200, 20), (40, 90)])
def test_a_rank_that_is_proved_is_the_rank_of_the_factors(shape: tuple[int, int]) -> None:
    x = normal(0, *shape)
    prepared = Prepared(paired(x, np.tanh(x), EPS32))
    assert prepared.regular == (True, True)
    for rank, factor in zip(prepared.ranks, prepared.factors, strict=True):
        assert rank.rank == factor.rank
        assert rank.floor == pytest.approx(factor.floor, rel=1e-14)


@pytest.mark.parametrize("shape", [(200, 20), (40, 90)])
def test_a_direction_at_the_floor_is_never_proved_away(shape: tuple[int, int]) -> None:
    """Above and below by more than the floor itself moves with the direction that is shrunk."""
    n, d = shape
    x = normal(0, *shape)
    left, values, right = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    last = min(n - 1, d) - 1
    for deviation in (0.5, 0.9, 1.1, 2.0):
        side = Prepared(paired(x, x, EPS32)).x
        wanted = deviation * side.in_features(side.floor) * np.sqrt(n)
        moved = x + np.outer(left[:, last], (wanted - values[last]) * right[last])
        prepared = Prepared(paired(moved, x, EPS32))
        assert prepared.ranks[0].rank == prepared.factors[0].rank == last + (deviation > 1.0)

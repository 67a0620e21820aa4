"""What holds for every sample: invariances, bounds, and the one-dimensional closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.score import affinity_score

# Rounding of W2² is some eps of Tr Σy, and ρ takes its root where W2 is 0: √eps; elsewhere the
# errors below stay under 1e-11.
CLOSE = 1e-9

SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.floats(-4.5, 4.5).map(lambda exponent: float(10.0**exponent))  # nine decades
SHAPES = st.sampled_from([(9, 1), (40, 3), (60, 12), (7, 10), (5, 20)])
COVARIANCES = st.sampled_from(["empirical", "ledoit-wolf"])
LAWS = settings(max_examples=30)


def sample(seed: int, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Correlated features and one of a few activations of them; neither may be written to."""
    rng = np.random.default_rng(seed)
    n, d = shape
    x = rng.standard_normal((n, d)) @ (rng.standard_normal((d, d)) + 2.0 * np.eye(d))
    functions = (np.tanh, np.abs, np.square, lambda v: np.maximum(v, 0.1 * v))
    y = functions[seed % len(functions)](x)
    for rows in (x, y):
        rows.setflags(write=False)
    return x, y


@LAWS
@given(seed=SEEDS, shape=SHAPES, covariance=COVARIANCES, a=SCALES, b=SCALES)
def test_scaling_either_side_changes_nothing(
    seed: int, shape: tuple[int, int], covariance: str, a: float, b: float
) -> None:
    x, y = sample(seed, shape)
    expected = affinity_score(x, y, covariance)
    assert affinity_score(a * x, b * y, covariance) == pytest.approx(expected, abs=CLOSE)


@LAWS
@given(seed=SEEDS, shape=SHAPES, covariance=COVARIANCES, offset=st.floats(-100.0, 100.0))
def test_translating_either_side_changes_nothing(
    seed: int, shape: tuple[int, int], covariance: str, offset: float
) -> None:
    x, y = sample(seed, shape)
    shift = offset * np.linspace(-1.0, 1.0, shape[1])
    expected = affinity_score(x, y, covariance)
    assert affinity_score(x + shift, y, covariance) == pytest.approx(expected, abs=CLOSE)
    assert affinity_score(x, y - shift, covariance) == pytest.approx(expected, abs=CLOSE)


@LAWS
@given(seed=SEEDS, shape=SHAPES, covariance=COVARIANCES)
def test_a_joint_rotation_changes_nothing(
    seed: int, shape: tuple[int, int], covariance: str
) -> None:
    x, y = sample(seed, shape)
    d = shape[1]
    rotation = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]
    expected = affinity_score(x, y, covariance)
    assert affinity_score(x @ rotation, y @ rotation, covariance) == pytest.approx(
        expected, abs=CLOSE
    )


@LAWS
@given(seed=SEEDS, shape=SHAPES, covariance=COVARIANCES)
def test_permuting_the_rows_of_either_side_changes_nothing(
    seed: int, shape: tuple[int, int], covariance: str
) -> None:
    x, y = sample(seed, shape)
    order = np.random.default_rng(seed).permutation(len(x))
    expected = affinity_score(x, y, covariance)
    assert affinity_score(x[order], y, covariance) == pytest.approx(expected, abs=CLOSE)
    assert affinity_score(x, y[order], covariance) == pytest.approx(expected, abs=CLOSE)


def test_a_rotation_of_one_side_alone_changes_the_score() -> None:
    """The tooth of the invariances."""
    x, y = sample(4, (60, 12))
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((12, 12)))[0]
    assert affinity_score(x @ rotation, y) != pytest.approx(affinity_score(x, y), abs=1e-3)


@LAWS
@given(seed=SEEDS, shape=SHAPES)
def test_the_empirical_score_lies_between_0_and_1(seed: int, shape: tuple[int, int]) -> None:
    x, y = sample(seed, shape)
    assert 0.0 <= affinity_score(x, y) <= 1.0


@LAWS
@given(seed=SEEDS, shape=st.sampled_from([(9, 1), (40, 3), (60, 12)]), covariance=COVARIANCES)
def test_a_positive_definite_affine_map_scores_1(
    seed: int, shape: tuple[int, int], covariance: str
) -> None:
    x, _ = sample(seed, shape)
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((shape[1], shape[1])) + np.eye(shape[1])
    y = x @ (root @ root.T) + rng.standard_normal(shape[1])
    if covariance == "empirical":
        # The map's condition number times eps, as W2 is 0: up to 1e-7 for the worst draws.
        assert affinity_score(x, y) == pytest.approx(1.0, abs=1e-6)
    assert affinity_score(x, x + 3.0, covariance) == pytest.approx(1.0, abs=1e-6)


@LAWS
@given(seed=SEEDS, n=st.integers(3, 200))
def test_a_monotone_function_of_one_variable_scores_by_its_correlation(seed: int, n: int) -> None:
    x = np.random.default_rng(seed).standard_normal(n)
    y = np.tanh(x) + 0.1 * x
    correlation = np.corrcoef(x, y)[0, 1]
    assert affinity_score(x, y) == pytest.approx(1.0 - np.sqrt(1.0 - correlation), abs=CLOSE)


@pytest.mark.parametrize("power", [3, 5, 7])
def test_an_odd_power_of_a_uniform_variable_scores_its_closed_form(power: int) -> None:
    x = (np.arange(200_000) + 0.5) / 100_000 - 1.0
    correlation = np.sqrt(3.0 * (2.0 * power + 1.0)) / (power + 2.0)
    # The midpoint rule of 2e5 nodes is good to 1e-9.
    assert affinity_score(x, x**power) == pytest.approx(1.0 - np.sqrt(1.0 - correlation), abs=1e-8)


def test_a_reflection_of_a_symmetric_variable_scores_1() -> None:
    """Only distributions count: no linearity test for arbitrary blocks."""
    x = np.linspace(-1.0, 1.0, 101)
    assert affinity_score(x, -x) == pytest.approx(1.0, abs=1e-7)


def test_a_ridge_breaks_scale_invariance_and_no_ridge_does_not() -> None:
    x = np.random.default_rng(0).standard_normal((2000, 8))
    tiny = 1e-4 * x
    with_ridge = affinity_score(tiny, np.maximum(tiny, 0.0), "reference")
    without = affinity_score(tiny, np.maximum(tiny, 0.0))
    assert with_ridge > 0.9
    assert without == pytest.approx(affinity_score(x, np.maximum(x, 0.0)), abs=CLOSE)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e200, 1e300])
@pytest.mark.parametrize("covariance", ["empirical", "ledoit-wolf"])
def test_magnitudes_whose_squares_overflow_score_like_others(covariance: str, scale: float) -> None:
    x, y = sample(0, (40, 3))
    expected = affinity_score(x, y, covariance)
    assert affinity_score(scale * x, y, covariance) == pytest.approx(expected, abs=CLOSE)
    assert affinity_score(x, scale * y, covariance) == pytest.approx(expected, abs=CLOSE)

"""The rank rule: rounding is no direction, whatever type the features were computed in."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_digits

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample, Status
from onnx_affscore.score import affinity, affinity_score
from onnx_affscore.score.psd import noise_floor

from .oracles import EPS32, paired

EPS16 = 2.0**-10
ROUNDINGS = {"float32": EPS32, "float16": EPS16}
SAME = 1e-3  # asked for; measured: 1e-9 for float32, 5e-6 for float16
N = 1797


def relu(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0)


def gaussian_codes(seed: int) -> FloatArray:
    return np.random.default_rng(seed).standard_normal((N, 128))


def digit_codes(seed: int) -> FloatArray:
    """Hidden units of a random layer on the handwritten digits: a quickly falling spectrum."""
    pixels = np.asarray(load_digits().data) / 16.0
    return relu(pixels @ np.random.default_rng(seed).standard_normal((64, 128)) / 4.0 + 0.1)


def expanding(codes: FloatArray, spread: float) -> tuple[FloatArray, FloatArray]:
    """A Linear 128 -> 256, in float64 and in float32 arithmetic; channels of uneven size."""
    rng = np.random.default_rng(7)
    weights = rng.standard_normal((128, 256)) / np.sqrt(128.0)
    weights = (weights * np.exp(spread * rng.standard_normal(256))).astype(np.float32)
    bias = (0.1 * rng.standard_normal(256)).astype(np.float32)
    codes32 = codes.astype(np.float32)
    exact = codes32.astype(np.float64) @ weights.astype(np.float64) + bias
    return exact, (codes32 @ weights + bias).astype(np.float64)


def both_sides(x: FloatArray, precision: float) -> PairedSample:
    """Features before and after a ReLU; a third axis is positions, and is pooled."""

    def side(full: FloatArray) -> FeatureSample:
        features = full.mean(axis=2) if full.ndim == 3 else full
        return FeatureSample(features, precision, float(np.sqrt(np.mean(full**2))))

    return PairedSample(side(x), side(relu(x)))


def score(x: FloatArray, precision: float) -> tuple[float, int]:
    found = affinity(both_sides(x, precision), covariance="empirical")
    assert found.value is not None
    assert found.rank_x is not None
    return found.value, found.rank_x


def assert_scores(x: FloatArray, precision: float, truth: float, rank: int) -> None:
    value, found = score(x, precision)
    assert value == pytest.approx(truth, abs=SAME)
    assert found == rank


@pytest.mark.parametrize("codes", [gaussian_codes, digit_codes])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_an_expanding_layer_scores_as_in_float64(
    codes: Callable[[int], FloatArray], spread: float
) -> None:
    exact, computed = expanding(codes(0), spread)
    truth, rank = score(exact, 2.0**-52)
    assert rank <= 128
    for name, precision in ROUNDINGS.items():
        assert_scores(exact.astype(name).astype(np.float64), precision, truth, rank)
    assert_scores(computed, EPS32, truth, rank)


def test_rounding_that_is_taken_for_signal_spoils_the_score() -> None:
    """The tooth: with the floor of float64, float32 features have all 256 directions."""
    exact, computed = expanding(gaussian_codes(0), 0.0)
    truth, _ = score(exact, 2.0**-52)
    spoilt, rank = score(computed, 2.0**-52)
    assert rank == 256
    assert abs(spoilt - truth) > 0.05


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_a_pooled_expanding_layer_scores_as_in_float64(shared: float) -> None:
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((128, 256)) / 11.0).astype(np.float32)
    codes = rng.standard_normal((600, 9, 128)) + shared * rng.standard_normal((600, 1, 128))
    codes32 = codes.astype(np.float32)
    exact = np.moveaxis(codes32.astype(np.float64) @ weights.astype(np.float64), 1, 2)
    computed = np.moveaxis((codes32 @ weights).astype(np.float64), 1, 2)
    truth, rank = score(exact, 2.0**-52)
    assert rank == 128
    for name, precision in ROUNDINGS.items():
        assert_scores(exact.astype(name).astype(np.float64), precision, truth, rank)
    assert_scores(computed, EPS32, truth, rank)


@pytest.mark.parametrize("shape", [(2000, 50), (300, 300), (100, 900)])
@pytest.mark.parametrize("name", ROUNDINGS)
def test_rounding_noise_stays_below_the_floor_of_its_type(
    name: str, shape: tuple[int, int]
) -> None:
    """The edge of the noise's singular spectrum, and no more than the stated slack above it."""
    values = np.random.default_rng(0).standard_normal(shape)
    noise = values.astype(name).astype(np.float64) - values
    largest = np.linalg.norm(noise, 2) / np.sqrt(shape[0])
    floor = noise_floor(ROUNDINGS[name], 1.0, rows=shape[0], columns=shape[1])
    assert largest < floor
    if name == "float16":  # one rounding where two are allowed for, and 0.21 for 0.29: 1.9
        assert 1.5 * largest < floor < 2.5 * largest


@pytest.mark.parametrize("inner", [128, 1024, 8192])
def test_the_errors_of_float32_dot_products_stay_below_the_floor(inner: int) -> None:
    rng = np.random.default_rng(0)
    left = rng.standard_normal((400, inner)).astype(np.float32)
    right = rng.standard_normal((inner, 100)).astype(np.float32)
    exact = left.astype(np.float64) @ right.astype(np.float64)
    noise = (left @ right).astype(np.float64) - exact
    rms = float(np.sqrt(np.mean(exact**2)))
    assert np.linalg.norm(noise, 2) / 20.0 < noise_floor(EPS32, rms, rows=400, columns=100)


def test_a_normalised_and_pooled_input_is_constant() -> None:
    """InstanceNorm before ReLU: the mean over the positions of the input is rounding alone."""
    rng = np.random.default_rng(0)
    maps = (rng.standard_normal((500, 16, 400)) + 3.0).astype(np.float32)
    mean = np.add.accumulate(maps, axis=2)[..., -1:] / np.float32(400)
    normal = ((maps - mean) / maps.std(axis=2, keepdims=True)).astype(np.float64)
    assert normal.mean(axis=2).std() > EPS32  # rounding it is, but not nothing
    found = affinity(both_sides(normal, EPS32), covariance="empirical")
    assert found.status is Status.DEGENERATE
    assert found.rank_x == 0
    assert found.reason is not None
    assert "the input is constant up to the rounding" in found.reason


def test_an_input_of_deviation_1e_6_is_rounding_in_float32_and_signal_in_float64() -> None:
    x = 1.0 + 1e-6 * np.random.default_rng(0).standard_normal((500, 8))
    y = relu(x - 1.0)
    assert affinity(paired(x, y, EPS32), covariance="empirical").status is Status.DEGENERATE
    assert affinity_score(x, y) == pytest.approx(affinity_score(x - 1.0, y), abs=1e-8)


def test_the_noise_of_the_data_can_be_told() -> None:
    exact, computed = expanding(gaussian_codes(0), 0.0)
    truth = affinity_score(exact, relu(exact))
    assert affinity_score(computed, relu(computed), noise=EPS32) == pytest.approx(truth, abs=SAME)
    narrow = computed.astype(np.float32)
    assert affinity_score(narrow, np.maximum(narrow, 0.0)) == pytest.approx(truth, abs=SAME)


@pytest.mark.parametrize(("n", "d", "rank"), [(300, 40, 7), (40, 300, 7), (900, 1000, 1)])
def test_ranks_of_exactly_singular_data_are_exact(n: int, d: int, rank: int) -> None:
    """Whole numbers have no rounding: what is left is that of our own arithmetic."""
    rng = np.random.default_rng(0)
    x = (rng.integers(-9, 9, (n, rank)) @ rng.integers(-9, 9, (rank, d))).astype(np.float64)
    found = affinity(paired(x, x, precision=0.0), covariance="empirical")
    assert (found.rank_x, found.rank_y) == (rank, rank)
    assert found.value == pytest.approx(1.0, abs=1e-7)  # √eps, as W2 is 0

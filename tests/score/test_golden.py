"""Published and closed-form values, each in the mode that it is given for."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample
from onnx_affscore.score import affinity_score, score_sample

GOLDEN = 1e-5  # what the golden values are given to
POPULATION = 5e-4  # likewise, for the population values

Function = Callable[[FloatArray], FloatArray]


def relu(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0.0)


def sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(special.expit(x), dtype=np.float64)


def softplus(x: FloatArray) -> FloatArray:
    return np.logaddexp(0.0, x)


def elu(x: FloatArray) -> FloatArray:
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


def selu(x: FloatArray) -> FloatArray:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


FUNCTIONS: dict[str, Function] = {
    "relu": relu,
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "leaky": lambda x: np.where(x > 0.0, x, 0.01 * x),
    "gelu": lambda x: x * np.asarray(special.ndtr(x)),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "hardswish": lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "hardtanh": lambda x: np.clip(x, -1.0, 1.0),
    "softplus": softplus,
    "elu": elu,
    "tanh": np.tanh,
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "selu": selu,
    "sigmoid": sigmoid,
    "hardsigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
}

POLYNOMIALS = {
    1: 1.0,
    2: 0.821890,
    3: 0.711209,
    4: 0.634160,
    5: 0.576721,
    7: 0.495636,
    11: 0.399456,
    21: 0.288922,
    41: 0.204844,
}
SHRUNK_POLYNOMIALS = {
    3: 0.711064,
    5: 0.576507,
    7: 0.495382,
    11: 0.399152,
    21: 0.288559,
    41: 0.204430,
}


@pytest.mark.parametrize(("power", "expected"), POLYNOMIALS.items())
def test_polynomials_score_as_published(power: int, expected: float) -> None:
    x = np.linspace(-1.0, 1.0, 1000)
    assert affinity_score(x, x**power, covariance="reference") == pytest.approx(
        expected, abs=GOLDEN
    )


@pytest.mark.parametrize(("power", "expected"), SHRUNK_POLYNOMIALS.items())
def test_polynomials_under_ledoit_wolf_score_as_published(power: int, expected: float) -> None:
    x = np.linspace(-1.0, 1.0, 1000)
    score = affinity_score(x, x**power, covariance="ledoit-wolf")
    assert score == pytest.approx(expected, abs=GOLDEN)
    tooth = affinity_score(x, x**power, covariance="reference")
    assert tooth != pytest.approx(expected, abs=GOLDEN)


def test_activations_on_one_random_stream_score_as_published() -> None:
    stream = np.random.RandomState(987)
    expected = {"relu": 0.487422, "tanh": 0.669752, "sigmoid": 0.774861}
    for name, value in expected.items():
        x = stream.normal(-1, 2, (1000, 1)).astype(np.float32).astype(np.float64)
        score = affinity_score(x, FUNCTIONS[name](x), covariance="reference")
        assert score == pytest.approx(value, abs=GOLDEN)
    moving = {
        5: 0.133877,
        6: 0.319877,
        7: 0.435423,
        8: 0.526278,
        9: 0.627161,
        10: 0.716275,
        11: 0.792085,
        12: 0.870309,
        13: 0.940124,
        14: 0.993314,
    }
    for index, mean in enumerate(np.linspace(-4.0, 4.0, 20)):
        x = stream.uniform(mean - 2, mean + 2, (1000, 1)).astype(np.float32).astype(np.float64)
        score = affinity_score(x, relu(x), covariance="reference")
        assert score == pytest.approx(moving.get(index, 1.0), abs=GOLDEN)


def pooled(x: FloatArray, precision: float = 2.0**-52) -> FeatureSample:
    features = x.mean(axis=(2, 3)) if x.ndim == 4 else x
    rms = float(np.sqrt(np.mean(x**2)))
    return FeatureSample(features, precision, rms, float(np.mean(np.abs(x) <= 1e-3)))


GAUSSIAN_16 = np.random.RandomState(0).randn(256, 16)
MAPS = np.random.RandomState(1).randn(128, 8, 6, 6)

CASES: dict[str, tuple[FloatArray, Function, dict[str, float]]] = {
    "G1": (
        GAUSSIAN_16,
        relu,
        {
            "reference": 0.626048,
            "reference-lw": 0.617804,
            "ledoit-wolf": 0.617803,
            "cka": 0.741265,
            "r2": 0.746870,
            "entropy_before": 4.981116,
            "entropy_after": 4.193086,
            "sparsity_before": 0.000488,
            "sparsity_after": 0.511963,
            "norm_diff": 45.297625,
        },
    ),
    "G2": (
        GAUSSIAN_16,
        np.tanh,
        {
            "reference": 0.819716,
            "reference-lw": 0.816267,
            "ledoit-wolf": 0.816267,
            "cka": 0.936734,
            "r2": 0.937663,
            "entropy_after": 4.958243,
            "norm_diff": 26.400351,
        },
    ),
    "G4": (
        MAPS,
        relu,
        {
            "reference": 0.646317,
            "reference-lw": 0.639464,
            "ledoit-wolf": 0.639452,
            "cka": 0.759210,
            "r2": 0.766947,
            "sparsity_before": 0.000705,
            "sparsity_after": 0.497640,
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_and_companions_equal_the_published_ones(case: str) -> None:
    x, function, expected = CASES[case]
    sample = PairedSample(pooled(x), pooled(function(x)))
    companions = score_sample(sample).scores
    for key, value in expected.items():
        if key in companions:
            found = companions[key]
        else:
            found = score_sample(sample, covariance=key, metrics=()).scores["affinity"]
        assert found == pytest.approx(value, abs=GOLDEN), key


def test_the_empirical_score_differs_from_the_reference_by_the_degrees_of_freedom() -> None:
    """1 - ρ differs by √((n-1)/n); the ridge is the rest."""
    n, y = len(GAUSSIAN_16), relu(GAUSSIAN_16)
    empirical = affinity_score(GAUSSIAN_16, y)
    reference = affinity_score(GAUSSIAN_16, y, covariance="reference")
    assert reference == pytest.approx(1 - np.sqrt((n - 1) / n) * (1 - empirical), abs=GOLDEN)
    assert reference != pytest.approx(empirical, abs=GOLDEN)


POPULATION_VALUES = {
    "relu": 0.6211,
    "relu6": 0.6211,
    "leaky": 0.6271,
    "gelu": 0.6448,
    "silu": 0.6834,
    "mish": 0.6921,
    "hardswish": 0.7123,
    "hardtanh": 0.7771,
    "softplus": 0.7989,
    "elu": 0.8207,
    "tanh": 0.8119,
    "softsign": 0.8125,
    "selu": 0.8785,
    "sigmoid": 0.9109,
    "hardsigmoid": 0.9859,
}


@pytest.mark.parametrize(("name", "expected"), POPULATION_VALUES.items())
def test_activations_of_a_normal_variable_score_their_population_value(
    name: str, expected: float
) -> None:
    x = special.ndtri((np.arange(100_000) + 0.5) / 100_000)  # a normal sample without noise
    assert affinity_score(x, FUNCTIONS[name](x)) == pytest.approx(expected, abs=POPULATION)


WIDE = {
    "gelu": 0.614,
    "relu": 0.622,
    "relu6": 0.622,
    "leaky": 0.628,
    "silu": 0.674,
    "hardswish": 0.695,
    "hardtanh": 0.777,
    "tanh": 0.812,
    "sigmoid": 0.911,
}


@pytest.mark.parametrize(("name", "expected"), WIDE.items())
def test_ledoit_wolf_keeps_the_value_in_high_dimension(name: str, expected: float) -> None:
    x = np.random.default_rng(0).standard_normal((1000, 500))
    score = affinity_score(x, FUNCTIONS[name](x), covariance="ledoit-wolf")
    # The values were read off a plot (± .002); 1000 samples add about as much.
    assert score == pytest.approx(expected, abs=0.003)


def test_ledoit_wolf_keeps_the_value_where_features_outnumber_samples() -> None:
    x = np.random.default_rng(0).standard_normal((300, 1000))
    assert affinity_score(x, relu(x), covariance="ledoit-wolf") == pytest.approx(0.622, abs=0.005)
    assert affinity_score(x, relu(x)) > 0.8  # the tooth: without shrinkage it does not


def redshift(seed: int, scale: float) -> list[float]:
    """Scores of the three hidden layers of a random 2-40-40-40 ReLU network on a 32 x 32 grid."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(-1.0, 1.0, 32)
    x = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    scores = []
    for shape in ((2, 40), (40, 40), (40, 40)):
        bound, shift = np.sqrt(6.0 / sum(shape)), -0.05
        weights = rng.uniform(scale * (shift - bound), scale * (shift + bound), shape)
        x = x @ weights + rng.uniform(-1.0, 1.0, shape[1])
        scores.append(affinity_score(x, relu(x)))
        x = relu(x)
    return scores


def test_the_redshift_network_scores_steadily_in_float64() -> None:
    """Published as .37 ± .41 in float32; .635 ± .05 in float64, for one draw of the weights."""
    layers = np.array([redshift(seed, 6.0) for seed in range(3)])
    # Means of single draws scatter by .03.
    assert float(layers.mean()) == pytest.approx(0.635, abs=0.05)
    assert 0.02 < float(layers.std(axis=1).mean()) < 0.12
    assert np.mean(redshift(0, 1.0)) > float(layers.mean())  # small weights are more linear

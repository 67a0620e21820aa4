"""Shrinkage intensities against scikit-learn and against their definitions."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from onnx_affscore.records import FloatArray
from onnx_affscore.score import affinity, affinity_score
from onnx_affscore.score.shrinkage import constant_correlation, ledoit_wolf

from .oracles import paired

SHAPES = [(50, 4), (200, 30), (20, 60), (8, 200), (100, 1)]


def correlated(n: int, d: int) -> FloatArray:
    rng = np.random.default_rng(n + d)
    return rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) + 5.0


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_intensities_equal_those_of_scikit_learn(n: int, d: int) -> None:
    x = correlated(n, d)
    y = np.maximum(x, 0.0)
    found = affinity(paired(x, y), covariance="ledoit-wolf")
    for intensity, rows in ((found.shrinkage_x, x), (found.shrinkage_y, y)):
        assert intensity == pytest.approx(LedoitWolf().fit(rows).shrinkage_, abs=1e-12)


def test_a_rotation_does_not_change_the_intensity() -> None:
    x = correlated(50, 4)
    x -= x.mean(axis=0)
    moment = float(np.linalg.norm(x.T @ x / 50) ** 2)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
    assert ledoit_wolf(x @ rotation, features=4, second_moment=moment) == pytest.approx(
        ledoit_wolf(x, features=4, second_moment=moment), rel=1e-12
    )


def test_no_shrinkage_of_one_feature() -> None:
    x = correlated(100, 1)
    assert affinity(paired(x, x), covariance="ledoit-wolf").shrinkage_x == 0.0


def honey(rows: FloatArray) -> tuple[float, FloatArray]:
    """Appendix B of Ledoit and Wolf (2004), term by term."""
    n, d = rows.shape
    s = rows.T @ rows / n
    sd = np.sqrt(np.diag(s))
    r = (s / np.outer(sd, sd))[np.triu_indices(d, 1)].mean()
    target = r * np.outer(sd, sd)
    np.fill_diagonal(target, sd**2)
    pi = rho = 0.0
    for i in range(d):
        for j in range(d):
            deviation = rows[:, i] * rows[:, j] - s[i, j]
            pi += float(np.mean(deviation**2))
            if i == j:
                rho += float(np.mean(deviation**2))
                continue
            theta_ii = np.mean((rows[:, i] ** 2 - s[i, i]) * deviation)
            theta_jj = np.mean((rows[:, j] ** 2 - s[j, j]) * deviation)
            rho += float(r / 2 * (sd[j] / sd[i] * theta_ii + sd[i] / sd[j] * theta_jj))
    gamma = float(np.sum((target - s) ** 2))
    return max(0.0, min(1.0, (pi - rho) / gamma / n)), target


@pytest.mark.parametrize(("n", "d"), [(50, 4), (200, 10), (12, 15)])
def test_constant_correlation_equals_its_definition(n: int, d: int) -> None:
    rows = correlated(n, d)
    rows -= rows.mean(axis=0)
    found = constant_correlation(rows)
    intensity, target = honey(rows)
    assert found.intensity == pytest.approx(intensity, rel=1e-10)
    assert np.allclose(found.target, target, rtol=1e-12)
    assert 0.0 < intensity < 1.0  # the tooth: nothing was clipped


def test_constant_correlation_leaves_out_features_that_do_not_vary() -> None:
    rows = correlated(50, 4)
    rows -= rows.mean(axis=0)
    wider = np.insert(rows, 2, 0.0, axis=1)
    assert constant_correlation(wider).intensity == pytest.approx(
        constant_correlation(rows).intensity, rel=1e-12
    )


def test_constant_correlation_of_many_samples_is_the_empirical_score() -> None:
    x = np.random.default_rng(0).standard_normal((1500, 3)) @ np.diag([1.0, 2.0, 3.0])
    x[:, 0] += 0.5 * x[:, 1]
    y = np.tanh(x)
    assert affinity_score(x, y, "ledoit-wolf-cc") == pytest.approx(affinity_score(x, y), abs=0.005)

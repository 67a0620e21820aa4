"""The paper's protocol: scores of batches, their mean and spread."""

import numpy as np
import pytest

from onnx_affscore.score import affinity_score, score_sample
from onnx_affscore.score.batches import batch_scores

from .oracles import paired


def test_mean_and_spread_are_those_of_full_batches() -> None:
    x = np.random.default_rng(0).standard_normal((130, 4))
    y = np.maximum(x, 0.0)
    found = batch_scores(paired(x, y), size=40, covariance="reference")
    each = [affinity_score(x[k : k + 40], y[k : k + 40], "reference") for k in (0, 40, 80)]
    assert found["batch_mean"].value == pytest.approx(np.mean(each), rel=1e-14)
    assert found["batch_std"].value == pytest.approx(np.std(each), rel=1e-12)


def test_a_batch_without_a_score_is_told() -> None:
    x = np.random.default_rng(0).standard_normal((100, 2))
    y = np.maximum(x, 0.0)
    y[50:] = 1.0
    found = batch_scores(paired(x, y), size=50, covariance="empirical")
    assert found["batch_mean"].value is None
    assert "rows 50 to 99: the output is constant" in (found["batch_mean"].reason or "")
    few = batch_scores(paired(x, y), size=101, covariance="empirical")
    assert few["batch_std"].reason == "100 rows make no batch of 101"


def test_a_site_has_them_where_they_are_asked_for() -> None:
    sample = paired(*2 * (np.random.default_rng(0).standard_normal((60, 2)),))
    assert "batch_mean" not in score_sample(sample).scores
    found = score_sample(sample, batches=20).scores
    assert found["batch_mean"] == pytest.approx(1.0)
    assert found["batch_std"] == pytest.approx(0.0, abs=1e-6)

"""Figures for drawings: what they count is what NumPy counts, and they stay short and finite."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray
from onnx_affscore.score import details as module
from onnx_affscore.score.details import BINS, EIGENVALUES, POINTS, VALUES, details
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.site import score_sample
from tests.score.oracles import EPS32, paired


def drawn(x: FloatArray, y: FloatArray) -> Any:
    return details(Prepared(paired(x, y, EPS32)))


def _normal(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape)


def test_counts_are_those_of_numpy() -> None:
    x = _normal(500, 8)
    found = drawn(x, np.maximum(x, 0.0))
    for side, values in (("before", x), ("after", np.maximum(x, 0.0))):
        ends = (x.min(), x.max())  # the output lies within the input's range: one range for both
        assert found[side]["counts"] == np.histogram(values, BINS, ends)[0].tolist()
        assert found[side]["outside"] == 0
        assert (found[side]["low"], found[side]["high"]) == pytest.approx(
            ends, rel=1e-5
        )  # 6 digits


def test_a_narrow_side_has_a_range_of_its_own() -> None:
    x = _normal(500, 8)
    found = drawn(x, 0.01 * x)
    assert found["after"]["high"] == pytest.approx(0.01 * found["before"]["high"], rel=1e-5)
    assert max(found["after"]["counts"]) < 2000  # and is no single bar


def test_a_lone_outlier_does_not_flatten_the_rest() -> None:
    x = _normal(500, 8)
    x[3, 4] = 1e6
    found = drawn(x, x)
    assert found["before"]["high"] < 10.0
    assert found["before"]["outside"] >= 1
    assert sum(found["before"]["counts"]) + found["before"]["outside"] == x.size


def test_the_shape_of_a_function_lies_on_it() -> None:
    x = np.sort(np.linspace(-3.0, 3.0, 6400)).reshape(-1, 4)
    found = drawn(x, np.tanh(x))["shape"]
    middles = -3.0 + 6.0 * (np.arange(POINTS) + 0.5) / POINTS
    # the mean over a bin differs from the middle by h²/24 times the curvature, < 0.77, and a value
    assert found["mean"] == pytest.approx(np.tanh(middles), abs=2e-3)
    assert found["mean"] != pytest.approx(np.tanh(middles + 0.1), abs=2e-3)
    for low, mean, high in zip(found["p5"], found["mean"], found["p95"], strict=True):
        assert low < mean < high


def test_percentiles_are_those_of_the_values_in_a_bin() -> None:
    x = np.zeros((1000, 2))
    x[:, 1] = 1.0
    y = np.repeat(np.arange(1000.0)[:, None], 2, axis=1)
    found = drawn(x, y)["shape"]
    # x and y differ in range: each has its own, and x fills the first and the last bin
    assert (found["mean"][0], found["p5"][0], found["p95"][0]) == (499.5, 49.0, 950.0)
    assert found["mean"][1] is None
    assert found["mean"][-1] == 499.5


def test_the_spectrum_is_that_of_the_covariance() -> None:
    x = _normal(400, 6) * [8.0, 4.0, 2.0, 1.0, 0.5, 0.25] + 3.0
    found = drawn(x, np.tanh(x))["spectrum"]
    assert found["index"] == [1, 2, 3, 4, 5, 6]
    for side, values in (("before", x), ("after", np.tanh(x))):
        wanted = np.linalg.eigvalsh(np.cov(values.T, ddof=0))[::-1]
        assert found[side] == pytest.approx(wanted, rel=1e-5)  # 6 digits
        assert found[side] != pytest.approx(np.linalg.eigvalsh(np.cov(values.T))[::-1], rel=1e-5)
        assert 0.0 < found[f"floor_{side}"] < wanted[-1]


@pytest.mark.parametrize(("n", "d"), [(2, 1), (30, 200), (300, 200), (3, 40_000)])
def test_lists_stay_short(n: int, d: int) -> None:
    x = _normal(n, d)
    found = drawn(x, np.maximum(x, 0.0))
    assert len(found["before"]["counts"]) == BINS <= 40
    assert len(found["shape"]["mean"]) == POINTS <= 40
    assert len(found["spectrum"]["before"]) == len(found["spectrum"]["index"]) <= EIGENVALUES
    assert sum(found["before"]["counts"]) + found["before"]["outside"] <= 2 * VALUES
    assert len(json.dumps(found, separators=(",", ":"))) < 2500


@given(
    scale=st.sampled_from([1e-320, 1e-200, 1.0, 1e150, 1e307]),
    rows=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_no_scale_makes_a_number_that_is_none(scale: float, rows: int, seed: int) -> None:
    x = scale * _normal(rows, 3, seed=seed)
    json.dumps(drawn(x, -x), allow_nan=False)


def test_a_constant_side_is_one_bar() -> None:
    found = drawn(_normal(50, 3), np.full((50, 3), 2.0))
    assert max(found["after"]["counts"]) == 150


def test_what_is_not_finite_is_not_drawn() -> None:
    x = _normal(50, 3)
    x[1, 1] = np.nan
    assert details(Prepared(paired(x, x))) == {}


def test_samples_keep_their_details_unless_told_otherwise() -> None:
    x = _normal(50, 3)
    sample = paired(x, np.tanh(x))
    assert score_sample(sample).details == details(Prepared(sample))
    assert score_sample(sample, drawn=False).details == {}
    assert score_sample(sample, drawn=False).scores == score_sample(sample).scores


def test_a_large_sample_is_thinned_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x = _normal(3000, 2)
    whole = drawn(x, x)["before"]
    monkeypatch.setattr(module, "VALUES", 1500)
    thin = drawn(x, x)["before"]
    assert sum(thin["counts"]) + thin["outside"] == 1500
    assert thin["high"] <= whole["high"]

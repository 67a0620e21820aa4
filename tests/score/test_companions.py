"""The companion metrics against their definitions and other libraries."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score import METRICS, Prepared
from onnx_affscore.score.entropy import histogram_counts

from .oracles import EPS32, paired


def normal(n: int, d: int) -> FloatArray:
    return np.random.default_rng(n * d).standard_normal((n, d)) * np.linspace(1.0, 3.0, d) + 1.0


def measure(name: str, x: FloatArray, y: FloatArray) -> Reading:
    """The last reading of a metric: the one after, where there are two."""
    metric = METRICS[name]
    return metric.measure(Prepared(paired(x, y)))[metric.keys[-1]]


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_the_scores_it_announces(name: str) -> None:
    x = normal(30, 5)
    readings = METRICS[name].measure(Prepared(paired(x, np.tanh(x))))
    assert tuple(readings) == METRICS[name].keys
    assert all(isinstance(reading.value, float) for reading in readings.values())
    assert METRICS[name].about


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_gives_reasons_where_numbers_are_not_finite(name: str) -> None:
    x = normal(30, 5)
    y = x.copy()
    x[3, 2] = y[3, 2] = np.nan
    for reading in METRICS[name].measure(Prepared(paired(x, y))).values():
        assert name in ("sparsity", "saturated") or reading.status is Status.UNDEFINED


@pytest.mark.parametrize(("n", "d"), [(60, 5), (12, 30), (10, 200)])
def test_cka_equals_its_definition_by_centred_kernels(n: int, d: int) -> None:
    x = normal(n, d)
    y = np.tanh(x)
    centring = np.eye(n) - 1.0 / n
    kernel_x, kernel_y = (centring @ rows @ rows.T @ centring for rows in (x, y))
    expected = np.sum(kernel_x * kernel_y) / np.linalg.norm(kernel_x) / np.linalg.norm(kernel_y)
    assert measure("cka", x, y).value == pytest.approx(expected, rel=1e-12)


def test_cka_of_a_rotated_and_scaled_copy_is_1() -> None:
    x = normal(60, 5)
    rotation = np.linalg.qr(normal(5, 5))[0]
    assert measure("cka", x, 1e-3 * x @ rotation).value == pytest.approx(1.0, abs=1e-14)
    assert measure("cka", x, x @ normal(5, 5)).value != pytest.approx(1.0, abs=1e-3)


def test_cka_of_a_constant_output_is_degenerate() -> None:
    x = normal(60, 5)
    assert measure("cka", x, np.zeros_like(x)).status is Status.DEGENERATE


@pytest.mark.parametrize("rank", [3, 5])
def test_r2_equals_scikit_learn(rank: int) -> None:
    x = normal(60, rank) @ normal(rank, 5)
    y = np.maximum(x, 0.0)
    expected = r2_score(y, LinearRegression().fit(x, y).predict(x))
    assert measure("r2", x, y).value == pytest.approx(expected, rel=1e-10)


def test_r2_leaves_out_outputs_that_do_not_vary() -> None:
    x = normal(60, 5)
    y = np.tanh(x)
    y[:, 1] = 7.0
    expected = np.delete(y, 1, axis=1)
    fitted = LinearRegression().fit(x, expected).predict(x)
    assert measure("r2", x, y).value == pytest.approx(r2_score(expected, fitted), rel=1e-10)


def test_r2_is_flagged_where_it_is_1_by_construction() -> None:
    x = normal(6, 5)
    reading = measure("r2", x, np.tanh(x))
    assert reading.value == pytest.approx(1.0, abs=1e-12)
    assert "perfect by construction" in reading.diagnostics["warnings"][0]
    assert not measure("r2", normal(7, 5), np.tanh(normal(7, 5))).diagnostics


def test_r2_counts_no_rounding_as_a_regressor() -> None:
    x = (normal(40, 3) @ normal(3, 20)).astype(np.float32).astype(np.float64)
    y = np.maximum(x, 0.0)
    (reading,) = METRICS["r2"].measure(Prepared(paired(x, y, EPS32))).values()
    rounding = measure("r2", x, y)
    assert reading.value is not None
    assert rounding.value is not None
    assert reading.value < rounding.value - 0.05


def test_r2_of_a_constant_output_is_degenerate_and_on_a_constant_input_0() -> None:
    x = normal(60, 5)
    constant = np.full_like(x, 0.1)
    assert measure("r2", x, constant).status is Status.DEGENERATE
    assert measure("r2", constant, x).value == pytest.approx(0.0, abs=1e-14)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 60),
    kind=st.sampled_from(["normal", "grid", "relu", "offset", "constant"]),
)
def test_histograms_equal_numpys_row_by_row(seed: int, d: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((8, d))
    rows = {
        "normal": rows,
        "grid": np.round(rows * 4) / 4,  # values on the edges of bins
        "relu": np.maximum(rows, 0.0),
        "offset": rows * 1e-3 + 1e3,
        "constant": np.round(rows[:, :1]) + 0.0 * rows,
    }[kind]
    expected = [np.histogram(row, bins=d)[0] for row in rows]
    assert np.array_equal(histogram_counts(rows), expected)


@pytest.mark.parametrize("d", [1, 2, 7, 300])
def test_entropy_equals_its_definition(d: int) -> None:
    x = normal(40, d)
    y = np.maximum(x, 0.0)
    y[3] = 0.0
    total = 0.0
    for row in y:
        shares = np.histogram(row, bins=d)[0] / d
        shares = shares[shares > 0]
        total += -float(np.sum(shares * np.log(shares)))
    expected = total / len(y) + np.log(d)
    assert measure("entropy", x, y).value == pytest.approx(expected, rel=1e-13)


def test_entropy_counts_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = normal(40, 6)
    whole = measure("entropy", x, x).value
    monkeypatch.setattr("onnx_affscore.score.entropy.ELEMENTS", 30)
    assert measure("entropy", x, x).value == pytest.approx(whole, rel=1e-14)


def test_the_norm_is_frobenius_whatever_its_size() -> None:
    x = normal(30, 5)
    y = np.maximum(x, 0.0)
    expected = float(np.linalg.norm(x - y))
    assert measure("norm", x, y).value == pytest.approx(expected, rel=1e-14)
    huge, tiny = 2.0**600, 2.0**-600
    assert measure("norm", huge * x, huge * y).value == pytest.approx(huge * expected, rel=1e-14)
    assert measure("norm", tiny * x, tiny * y).value == pytest.approx(tiny * expected, rel=1e-14)
    beyond = np.full((30, 5), 1.7e308)
    assert measure("norm", beyond, -beyond).status is Status.UNDEFINED


def test_sparsity_travels_with_the_sample_or_is_missing_with_a_reason() -> None:
    x = normal(30, 5)
    assert measure("sparsity", x, x).value == 0.25
    sample = paired(x, x)
    uncounted = replace(sample, y=replace(sample.y, sparsity=None))
    readings = METRICS["sparsity"].measure(Prepared(uncounted))
    assert readings["sparsity_before"].value == 0.25
    assert readings["sparsity_after"].value is None
    assert "not measured" in (readings["sparsity_after"].reason or "")


def test_saturation_travels_with_the_sample_or_is_missing_with_a_reason() -> None:
    x = normal(30, 5)
    assert measure("saturated", x, x).value == 0.125
    sample = paired(x, x)
    uncounted = replace(sample, y=replace(sample.y, saturated=None))
    reading = METRICS["saturated"].measure(Prepared(uncounted))["saturated_share"]
    assert reading.status is Status.UNSCORED
    assert "not counted" in (reading.reason or "")

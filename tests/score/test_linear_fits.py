"""Held-out R², linearity and dead features against other libraries and closed forms."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, LeaveOneGroupOut, cross_val_predict

from onnx_affscore.records import FloatArray, PairedSample, Reading, Status
from onnx_affscore.score import METRICS, Prepared

from .oracles import EPS32, feature_sample, paired

LAWS = settings(max_examples=30)
SEEDS = st.integers(0, 2**32 - 1)


def normal(n: int, d: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) @ (rng.standard_normal((d, d)) + 2.0 * np.eye(d)) + 1.0


def read(key: str, sample: PairedSample) -> Reading:
    metric = next(metric for metric in METRICS.values() if key in metric.keys)
    return metric.measure(Prepared(sample))[key]


def measure(key: str, x: FloatArray, y: FloatArray, precision: float = 2.0**-52) -> Reading:
    return read(key, paired(x, y, precision))


def owned(x: FloatArray, y: FloatArray, owners: npt.NDArray[np.intp]) -> PairedSample:
    return PairedSample(*(replace(feature_sample(rows), owners=owners) for rows in (x, y)))


@pytest.mark.parametrize(("n", "d", "rank"), [(60, 5, 5), (60, 12, 4), (40, 60, 7), (25, 22, 22)])
def test_held_out_r2_is_that_of_a_refit_without_each_sample(n: int, d: int, rank: int) -> None:
    """Regular, of low rank, wider than long, and with barely enough samples."""
    x = normal(n, rank) @ normal(rank, d, seed=1)
    y = np.maximum(x, 0.0) + 0.1 * normal(n, d, seed=2)
    predicted = cross_val_predict(LinearRegression(), x, y, cv=KFold(n))
    # Residuals are divided by what a row leaves of its direction, 1e-3 in the last case.
    assert measure("r2_heldout", x, y).value == pytest.approx(r2_score(y, predicted), rel=1e-8)


@pytest.mark.parametrize("owners", [np.repeat(np.arange(15), 4), np.array([0] * 7 + [*range(53)])])
def test_rows_of_one_sample_are_held_out_together(owners: npt.NDArray[np.intp]) -> None:
    """The rows of a sample lie anywhere, and samples may have unequally many."""
    owners = np.random.default_rng(3).permutation(owners)
    x = normal(60, 5)
    y = np.tanh(x) + normal(15, 5, seed=1)[owners % 15]  # rows of a sample resemble each other
    predicted = cross_val_predict(LinearRegression(), x, y, groups=owners, cv=LeaveOneGroupOut())
    found = read("r2_heldout", owned(x, y, owners)).value
    assert found == pytest.approx(r2_score(y, predicted), rel=1e-10)
    assert found != pytest.approx(measure("r2_heldout", x, y).value, rel=1e-4)


def test_held_out_r2_of_a_linear_map_is_1_and_of_noise_is_negative() -> None:
    x = normal(60, 12)
    assert measure("r2_heldout", x, x @ normal(12, 12, seed=1)).value == pytest.approx(1.0)
    noise = measure("r2_heldout", x, normal(60, 12, seed=2)).value
    assert noise is not None
    assert noise < 0.0


def test_held_out_r2_of_noise_has_its_expected_size() -> None:
    """To first order the errors are (n + r + 1) / n times the variance of the noise, of which
    (n - 1) / n is seen."""
    n, d = 4000, 20
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, n, d))
    found = measure("r2_heldout", x, y).value
    # The mean over 20 features of errors of √(2r) / n = 1.6e-3 each, four times.
    assert found == pytest.approx(-(d + 2.0) / n, abs=1.5e-3)


def test_held_out_r2_needs_more_rows_than_directions() -> None:
    x = normal(23, 21)
    assert measure("r2_heldout", x, np.tanh(x)).status is Status.UNDEFINED
    assert "wanted at least 23" in str(measure("r2_heldout", x, np.tanh(x)).reason)
    assert measure("r2_heldout", x[:, :20], np.tanh(x[:, :20])).value is not None
    owners = np.repeat(np.arange(8), 3)[:23]
    found = read("r2_heldout", owned(x[:, :20], np.tanh(x[:, :20]), owners))
    assert "20 rows without those of one sample" in str(found.reason)
    alone = normal(1, 3)
    assert measure("r2_heldout", alone, alone).status is Status.DEGENERATE
    assert measure("r2_heldout", x, np.ones_like(x)).status is Status.DEGENERATE


def test_a_sample_alone_in_a_direction_is_predicted_by_the_mean_of_the_others() -> None:
    """Without it, that direction holds nothing, or the rounding of float16."""
    rest = normal(40, 3)
    x = np.column_stack([rest, np.zeros(40)])
    x[7, 3] = 5.0
    y = np.tanh(x)
    others = np.delete(np.arange(40), 7)
    predicted = cross_val_predict(LinearRegression(), x, y, cv=KFold(40))
    predicted[7] = y[others].mean(axis=0)
    expected = r2_score(y, predicted)
    assert measure("r2_heldout", x, y).value == pytest.approx(expected, rel=1e-9)
    x[:, 3] += 1e-3 * np.random.default_rng(0).standard_normal(40)
    noisy = measure("r2_heldout", x, np.tanh(x), 2.0**-10).value
    assert noisy == pytest.approx(expected, abs=1e-3)  # the size of the rounding
    # Taken for data, the rounding makes a wild prediction of that sample.
    believed = measure("r2_heldout", x, np.tanh(x)).value
    assert believed is not None
    assert believed < expected - 1.0


@LAWS
@given(seed=SEEDS, n=st.integers(12, 40), d=st.integers(1, 9))
def test_held_out_r2_takes_any_order_and_any_basis_of_the_input(seed: int, n: int, d: int) -> None:
    x = normal(n, d, seed)
    y = np.tanh(x)
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0] * rng.uniform(0.5, 2.0, d)
    order = rng.permutation(n)
    expected = measure("r2_heldout", x, y).value
    found = measure("r2_heldout", x[order] @ basis - 3.0, (5.0 * y + 2.0)[order]).value
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)
    inside = measure("r2", x, y).value
    assert expected is not None
    assert inside is not None
    assert expected <= inside + 1e-12


@pytest.mark.parametrize(("n", "d", "rank"), [(60, 5, 5), (60, 12, 4), (10, 40, 6)])
def test_linearity_is_what_the_best_map_between_normalised_sides_leaves(
    n: int, d: int, rank: int
) -> None:
    x = normal(n, rank) @ normal(rank, d, seed=1)
    y = np.maximum(x, 0.0)

    def expected(target: FloatArray) -> float:
        sides = [rows - rows.mean(axis=0) for rows in (x, target)]
        u, v = (side / np.linalg.norm(side) for side in sides)
        a = np.linalg.pinv(u, rcond=1e-10) @ v
        return 1.0 - float(np.linalg.norm(u @ a - v)) ** 2

    assert measure("linearity", x, y).value == pytest.approx(expected(y), rel=1e-10)
    assert measure("linearity_residual", x, y).value == pytest.approx(expected(y - x), rel=1e-10)


def test_linearity_weighs_features_by_their_variance_where_r2_does_not() -> None:
    x = normal(60, 5)
    y = np.column_stack([np.tanh(x[:, :4]), 10.0 * np.abs(x[:, 4] - 1.0)])
    fitted = LinearRegression().fit(x, y).predict(x)
    weighted = r2_score(y, fitted, multioutput="variance_weighted")
    assert measure("linearity", x, y).value == pytest.approx(weighted, rel=1e-10)
    assert measure("r2", x, y).value != pytest.approx(weighted, abs=1e-3)


@LAWS
@given(
    seed=SEEDS,
    shape=st.sampled_from([(40, 3), (60, 12), (15, 30)]),
    a=st.floats(-3.0, 3.0).map(lambda e: float(10.0**e)),
)
def test_linearity_takes_any_linear_map_of_the_input_and_rotation_of_the_output(
    seed: int, shape: tuple[int, int], a: float
) -> None:
    d = min(shape[1], 5)
    x = normal(shape[0], d, seed) @ normal(d, shape[1], seed + 1)
    y = np.maximum(x, 0.0)
    mix = np.linalg.qr(normal(shape[1], shape[1], seed + 2))[0]
    expected = measure("linearity", x, y).value
    assert expected is not None
    assert 0.0 <= expected <= 1.0
    found = measure("linearity", x @ mix * a + 1.0, y @ mix.T / a - 1.0).value
    assert found == pytest.approx(expected, rel=1e-7)
    both = measure("linearity_residual", x, y).value
    assert measure("linearity_residual", a * x, a * y).value == pytest.approx(both, rel=1e-7)


def test_linearity_of_the_change_keeps_its_digits_where_the_change_is_small() -> None:
    x = normal(200, 4)
    change = np.tanh(x)
    found = measure("linearity_residual", x, x + 1e-6 * change).value
    # The sum rounds the change to 1e-16 / 1e-6 of its size.
    assert found == pytest.approx(measure("linearity", x, change).value, abs=1e-8)


def test_linearity_is_flagged_where_it_is_1_by_construction() -> None:
    x = normal(6, 5)
    for key in ("linearity", "linearity_residual"):
        assert measure(key, x, np.tanh(x)).value == pytest.approx(1.0, abs=1e-12)
    warnings = measure("linearity", x, np.tanh(x)).diagnostics["warnings"]
    assert "6 samples for 5 directions" in warnings[0]
    assert not measure("linearity", normal(7, 5), np.tanh(normal(7, 5))).diagnostics


def test_no_change_at_all_has_no_linearity_of_the_change() -> None:
    x = normal(60, 5)
    assert measure("linearity", x, x + 1.0).value == pytest.approx(1.0, abs=1e-12)
    assert measure("linearity_residual", x, x + 1.0).status is Status.DEGENERATE
    rounded = x.astype(np.float32).astype(np.float64)
    assert measure("linearity_residual", x, rounded, EPS32).status is Status.DEGENERATE
    assert measure("linearity_residual", x, rounded).status is Status.OK
    assert measure("linearity", np.ones_like(x), x).status is Status.DEGENERATE


def test_sides_in_different_units_are_subtracted_in_one() -> None:
    x = normal(60, 5)
    y = np.maximum(x, 0.0) * 2.0**12
    expected = measure("linearity", x, y - x).value
    assert measure("linearity_residual", x, y).value == pytest.approx(expected, rel=1e-10)
    wrong = measure("linearity", x, y / 2.0**12 - x).value
    assert expected != pytest.approx(wrong, abs=1e-3)


def test_dead_features_are_those_that_are_constant_up_to_rounding() -> None:
    x = normal(60, 8)
    y = np.maximum(x, 0.0)
    assert measure("dead_share", x, y).value == 0.0
    y[:, 2] = 0.0
    y[:, 5] = 1.0
    assert measure("dead_share", x, y).value == 0.25
    y[:, 5] += 1e-8 * x[:, 5]
    assert measure("dead_share", x, y, EPS32).value == 0.25
    assert measure("dead_share", x, y).value == 0.125
    assert measure("dead_share", x, np.zeros_like(x)).value == 1.0
    assert measure("dead_share", x[:1], y[:1]).status is Status.DEGENERATE

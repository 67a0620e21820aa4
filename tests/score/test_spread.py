"""Further kernel alignments and the effective rank against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score import METRICS, Prepared

from .oracles import EPS32, paired

LAWS = settings(max_examples=30)
SEEDS = st.integers(0, 2**32 - 1)
SCALES = st.floats(-4.5, 4.5).map(lambda exponent: float(10.0**exponent))


def normal(n: int, d: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * np.linspace(1.0, 3.0, d) + 1.0


def rotation(d: int, seed: int = 0) -> FloatArray:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0])


def measure(key: str, x: FloatArray, y: FloatArray, precision: float = 2.0**-52) -> Reading:
    metric = next(metric for metric in METRICS.values() if key in metric.keys)
    return metric.measure(Prepared(paired(x, y, precision)))[key]


def unbiased_hsic(k: FloatArray, l: FloatArray) -> float:  # noqa: E741 - the letters of the paper
    """Equation 4 of Song et al. by sums over kernels without a diagonal."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    middle = k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2.0 / (n - 2) * (k @ l).sum()
    return float((np.trace(k @ l) + middle) / (n * (n - 3)))


@pytest.mark.parametrize(("n", "d"), [(60, 5), (12, 30), (10, 200), (4, 2)])
def test_unbiased_cka_equals_its_definition(n: int, d: int) -> None:
    x = normal(n, d)
    y = np.tanh(x)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    expected = unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))
    assert measure("cka_unbiased", x, y).value == pytest.approx(expected, rel=1e-9)


def test_unbiased_cka_of_independent_sides_is_0_on_average_where_cka_is_not() -> None:
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.standard_normal((2, 20, 40))) for _ in range(200)]
    found = [measure("cka_unbiased", x, y).value for x, y in pairs]
    # Its standard deviation here is 0.07, so the mean of 200 has an error of 0.005.
    assert np.mean(np.array(found, float)) == pytest.approx(0.0, abs=0.02)
    biased = [measure("cka", x, y).value for x, y in pairs]
    assert np.mean(np.array(biased, float)) > 0.5


@pytest.mark.parametrize("key", ["cka_unbiased", "cka_rbf"])
def test_alignment_of_a_rotated_and_scaled_copy_is_1(key: str) -> None:
    x = normal(60, 5)
    assert measure(key, x, 1e-3 * x @ rotation(5) + 2.0).value == pytest.approx(1.0, abs=1e-10)
    assert measure(key, x, x @ normal(5, 5, seed=1)).value != pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("key", ["cka_unbiased", "cka_rbf"])
@LAWS
@given(seed=SEEDS, shape=st.sampled_from([(9, 2), (40, 3), (7, 10), (5, 20)]), a=SCALES, b=SCALES)
def test_alignment_takes_scale_offset_rotation_and_order(
    key: str, seed: int, shape: tuple[int, int], a: float, b: float
) -> None:
    x = normal(*shape, seed)
    y = np.tanh(x)
    order = np.random.default_rng(seed).permutation(shape[0])
    turned_x = a * (x @ rotation(shape[1], seed) + 1.0)
    turned_y = b * (y @ rotation(shape[1], seed + 1) - 1.0)
    expected = measure(key, x, y).value
    assert expected is not None
    assert expected <= 1.0 + 1e-12
    found = measure(key, turned_x[order], turned_y[order]).value
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_unbiased_cka_wants_four_rows_that_are_not_all_equally_far_apart() -> None:
    x = normal(3, 2)
    assert measure("cka_unbiased", x, np.tanh(x)).status is Status.UNDEFINED
    assert "at least 4" in str(measure("cka_unbiased", x, np.tanh(x)).reason)
    corners = np.eye(6)
    assert measure("cka_unbiased", normal(6, 6), corners).status is Status.DEGENERATE
    constant = np.ones((6, 6))
    assert measure("cka_unbiased", constant, normal(6, 6)).status is Status.DEGENERATE


def rbf_oracle(x: FloatArray, y: FloatArray) -> float:
    """By centred kernels, and the median over all pairs i < j."""
    n = len(x)
    centring = np.eye(n) - 1.0 / n
    kernels = []
    for rows in (x, y):
        distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
        width = np.median(distances[np.triu_indices(n, 1)])
        kernels.append(centring @ np.exp(-(distances**2) / (2.0 * width**2)) @ centring)
    k, l = kernels  # noqa: E741
    return float(np.sum(k * l) / np.linalg.norm(k) / np.linalg.norm(l))


@pytest.mark.parametrize(("n", "d"), [(60, 5), (61, 1), (13, 30), (2, 3), (3, 3)])
def test_rbf_cka_equals_its_definition(n: int, d: int) -> None:
    x = normal(n, d)
    y = np.abs(x)
    assert measure("cka_rbf", x, y).value == pytest.approx(rbf_oracle(x, y), rel=1e-10)


def test_rbf_cka_sees_a_dependence_that_is_not_linear() -> None:
    x = np.linspace(-1.0, 1.0, 101)[:, None]
    assert measure("cka", x, x**2).value == pytest.approx(0.0, abs=1e-12)
    assert measure("cka_rbf", x, x**2).value != pytest.approx(0.0, abs=0.05)


def test_rbf_cka_of_many_rows_is_that_of_a_part_at_equal_steps() -> None:
    x = normal(1300, 3)
    y = np.tanh(x)
    reading = measure("cka_rbf", x, y)
    kept = np.arange(512) * 1300 // 512
    assert reading.diagnostics["rows"] == 512
    assert reading.value == pytest.approx(rbf_oracle(x[kept], y[kept]), rel=1e-10)
    assert measure("cka_rbf", x[:512], y[:512]).diagnostics["rows"] == 512
    assert measure("cka_rbf", x[:60], y[:60]).diagnostics["rows"] == 60


def test_rbf_cka_has_no_width_where_half_of_the_pairs_coincide() -> None:
    x = normal(40, 3)
    y = np.zeros_like(x)
    y[:6] = x[:6]
    assert measure("cka_rbf", x, y).status is Status.UNDEFINED
    assert "output coincide" in str(measure("cka_rbf", x, y).reason)
    y[6:] = 1.0 + 1e-8 * x[6:]
    assert measure("cka_rbf", x, y, EPS32).status is Status.UNDEFINED
    assert measure("cka_rbf", x, y).status is Status.OK


@pytest.mark.parametrize(("n", "d"), [(60, 5), (12, 30), (10, 200)])
def test_effective_rank_equals_its_definition_by_singular_values(n: int, d: int) -> None:
    x = normal(n, d)
    y = np.maximum(x, 0.0)
    for key, rows in (("effective_rank_before", x), ("effective_rank_after", y)):
        values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2
        shares = values[values > 1e-20] / values.sum()
        expected = np.exp(-np.sum(shares * np.log(shares)))
        assert measure(key, x, y).value == pytest.approx(expected, rel=1e-10)


def test_effective_rank_has_its_closed_forms() -> None:
    corners = np.concatenate([np.eye(6), -np.eye(6)])
    line = np.outer(np.arange(12.0), np.arange(1.0, 7.0))
    assert measure("effective_rank_before", corners, line).value == pytest.approx(6.0, rel=1e-12)
    assert measure("effective_rank_after", corners, line).value == pytest.approx(1.0, abs=1e-9)
    # Two directions with variances 3 : 1.
    plane = np.array([[3**0.5, 0.0], [-(3**0.5), 0.0], [0.0, 1.0], [0.0, -1.0]])
    expected = 4.0 / 3.0**0.75
    assert measure("effective_rank_before", plane, plane).value == pytest.approx(expected)


def test_effective_rank_of_many_iid_normals_is_their_number() -> None:
    x = np.random.default_rng(0).standard_normal((20_000, 10))
    found = measure("effective_rank_before", x, x).value
    # To first order d (1 - d / 2n): 2.5e-4 below it.
    assert found == pytest.approx(10.0, rel=1e-3)
    assert found != pytest.approx(10.0, rel=1e-5)


@LAWS
@given(seed=SEEDS, shape=st.sampled_from([(40, 3), (60, 12), (7, 10), (5, 20)]), a=SCALES)
def test_effective_rank_takes_scale_offset_and_rotation_and_is_at_most_the_rank(
    seed: int, shape: tuple[int, int], a: float
) -> None:
    x = normal(*shape, seed)
    expected = measure("effective_rank_before", x, x).value
    assert expected is not None
    assert 1.0 <= expected <= min(shape[0] - 1, shape[1]) + 1e-9
    turned = a * x @ rotation(shape[1], seed) + 3.0
    # The offset of 3 takes digits from the smallest scale, 3e-5.
    found = measure("effective_rank_before", turned, turned).value
    assert found == pytest.approx(expected, rel=1e-7)


def test_effective_rank_does_not_count_rounding() -> None:
    x = np.random.default_rng(0).standard_normal((50, 40)) * 1e-8
    x[:, :2] += normal(50, 2) * 0.1
    assert Prepared(paired(x, x, EPS32)).ranks[0].rank == 2
    found = measure("effective_rank_before", x, x, EPS32).value
    assert found is not None
    assert found <= 2.0
    noise = 1.0 + 1e-9 * x
    assert measure("effective_rank_before", noise, x, EPS32).status is Status.DEGENERATE
    assert measure("effective_rank_after", noise, x, EPS32).status is Status.OK
    assert measure("effective_rank_after", x[:1], x[:1]).status is Status.DEGENERATE

"""Differences of sites: errors, intervals and p values, and what cannot be compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from onnx_affscore.comparison import Difference, Member, PairComparison
from onnx_affscore.errors import DataError
from onnx_affscore.statistics.differences import compare_pair, paired_std
from tests.statistics.makers import member

ROUNDING = 1e-12  # a handful of operations on numbers below 1
SCORES = st.floats(0, 1)
ERRORS = st.floats(0.001, 0.5)


def only(pair: PairComparison) -> Difference:
    (difference,) = pair.differences
    return difference


@given(SCORES, SCORES, ERRORS, ERRORS)
def test_independent_errors_add_as_squares(a: float, b: float, s: float, t: float) -> None:
    found = only(
        compare_pair(
            member("a", [a], sites=[{"std": s}]),
            member("b", [b], sites=[{"std": t}]),
        )
    )
    std = np.sqrt(s**2 + t**2)
    assert found.difference == b - a
    assert not found.paired
    assert found.std == pytest.approx(std, rel=ROUNDING)
    assert (found.low, found.high) == pytest.approx(stats.norm(b - a, std).interval(0.95), abs=1e-9)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(b - a) / std), abs=ROUNDING)
    assert found.p_corrected == found.p  # a single test


def test_paired_errors_are_those_of_paired_means() -> None:
    """A mean has the influence x - mean: its paired error is known in closed form."""
    random = np.random.default_rng(0)
    x = random.random(200)
    y = x + 0.05 * random.random(200)  # goes with x, so that pairing pays
    known = [{"std": 0.1}]
    a = member("a", [x.mean()], sites=known, influences={"act.0": x - x.mean()})
    b = member("b", [y.mean()], sites=known, influences={"act.0": y - y.mean()})
    found = only(compare_pair(a, b))
    assert found.paired
    assert found.std == pytest.approx(np.std(y - x, ddof=1) / np.sqrt(200), rel=1e-12)
    assert found.std < np.hypot(np.std(x), np.std(y)) / np.sqrt(200) / 10


def test_a_site_without_influence_is_compared_as_independent() -> None:
    first = {"act.0": np.array([0.1, -0.1])}
    a = member("a", [0.5, 0.5], sites=[{"std": 0.03}, {"std": 0.03}], influences=first)
    b = member("b", [0.6, 0.6], sites=[{"std": 0.04}, {"std": 0.04}], influences=first)
    pair = compare_pair(a, b)
    assert [d.paired for d in pair.differences] == [True, False]
    assert pair.differences[1].std == pytest.approx(0.05)


def with_influence(label: str, value: float, **changed: object) -> Member:
    influences = {"act.0": np.array([0.2, -0.2])}
    site = {"reasons": changed.pop("reasons")} if "reasons" in changed else {"std": 0.1}
    return member(label, [value], sites=[site], influences=influences, **changed)


def test_a_signature_compared_with_itself_in_pairs_differs_in_nothing() -> None:
    found = only(compare_pair(with_influence("a", 0.5), with_influence("b", 0.5)))
    assert (found.difference, found.std, found.p) == (0, 0, 1)


def test_a_difference_without_spread_has_no_p_value() -> None:
    found = only(compare_pair(with_influence("a", 0.5), with_influence("b", 0.6)))
    assert (found.std, found.low, found.high, found.p) == (None, None, None, None)
    assert found.reason == "the standard error is 0 and the difference is not"


def test_influences_make_no_error_where_the_samples_are_too_few_for_one() -> None:
    few = with_influence("b", 0.6, reasons={"affinity_std": "n is too small"})
    found = only(compare_pair(with_influence("a", 0.5), few))
    assert (found.std, found.p, found.paired) == (None, None, False)


def test_influences_of_other_data_are_not_paired() -> None:
    other = with_influence("b", 0.6, sha256="ef" * 32)
    found = only(compare_pair(with_influence("a", 0.5), other))
    assert not found.paired
    assert found.std == pytest.approx(0.1 * 2**0.5)


def test_influences_of_other_samples_are_refused() -> None:
    with pytest.raises(DataError, match="influences of 2 and of 3 samples cannot be paired"):
        paired_std(np.zeros(2), np.zeros(3))
    with pytest.raises(DataError, match="the same samples, two or more"):
        paired_std(np.zeros(1), np.zeros(1))


def test_without_a_known_error_the_difference_stands_alone_with_the_reason() -> None:
    a = member("a", [0.5], sites=[{"std": 0.1}])
    b = member("b", [0.7], sites=[{"reasons": {"affinity_std": "n is too small"}}])
    found = only(compare_pair(a, b))
    assert found.difference == pytest.approx(0.2)
    assert (found.std, found.low, found.high, found.p, found.p_corrected) == (None,) * 5
    assert found.reason == "n is too small"


def test_p_values_are_corrected_over_the_sites_of_the_pair() -> None:
    sites = [{"std": 0.1}, {"std": 0.1}, {}, {"std": 0.1}]
    a = member("a", [0.5] * 4, sites=sites)
    b = member("b", [0.5, 0.75, 0.9, 0.6], sites=sites)
    holm = [d.p_corrected for d in compare_pair(a, b).differences]
    plain = compare_pair(a, b, correction="none").differences
    assert holm[1] == pytest.approx(3 * (plain[1].p or 0))
    assert holm[2] is None
    assert [d.p_corrected for d in plain] == [d.p for d in plain]


def test_nothing_but_noise_is_rarely_called_a_difference() -> None:
    """Of 40 sites without any difference Holm's correction calls one in at most 5 % of trials."""
    random, calls, trials = np.random.default_rng(1), 0, 200
    sites = [{"std": 0.02}] * 40
    for _ in range(trials):
        a, b = (
            member(label, (0.5 + 0.02 * random.standard_normal(40)).tolist(), sites=sites)
            for label in "ab"
        )
        found = [d.p_corrected for d in compare_pair(a, b).differences]
        calls += min(p for p in found if p is not None) < 0.05
        raw = [d.p for d in compare_pair(a, b, correction="none").differences]
        assert len(raw) == 40
    # binomial(200, 0.05): above 20 has a chance of 0.1 %
    assert calls <= 20
    assert calls > 0


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"scores": {"affinity": 0.6, "covariance": "ledoit-wolf"}}, "covariance is empirical ag"),
        ({"features": 500}, "samples per direction are 125 against 2,"),
        ({"features": 500, "rank": {"input": 250, "output": 240}}, "are 125 against 4,"),
    ],
)
def test_sites_that_cannot_be_compared_are_warned_of(
    changed: dict[str, object], warning: str
) -> None:
    found = only(compare_pair(member("a", [0.5]), member("b", [0.6], sites=[changed])))
    assert warning in found.warnings[0]
    assert only(compare_pair(member("a", [0.5]), member("b", [0.6]))).warnings == ()


def test_what_the_errors_mean_is_said() -> None:
    known = [{"std": 0.1}]
    a, same = member("a", [0.5], sites=known), member("b", [0.6], sites=known)
    other = member("c", [0.6], sites=known, sha256="ef" * 32)
    assert "compared as independent" in compare_pair(a, same).warnings[0]
    assert "different data" in compare_pair(a, other).warnings[0]
    assert "paired by their values" in compare_pair(a, same, align="dtw").warnings[0]
    assert compare_pair(member("a", [0.5]), member("b", [0.6])).warnings == ()


def test_a_score_without_its_bias_is_compared_with_one_whose_bias_is_not_known() -> None:
    a = member("a", [0.5])
    b = member("b", [0.5], sites=[{"scores": {"affinity": 0.5, "covariance": "corrected"}}])
    assert not only(compare_pair(a, b)).warnings

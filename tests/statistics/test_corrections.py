"""Corrections of p values, against their definitions and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from onnx_affscore.errors import OptionError
from onnx_affscore.statistics.corrections import CORRECTIONS, corrected

P = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def holm_by_stepping_down(p: list[float]) -> list[float]:
    """Find the least level at which the procedure rejects each: test the smallest first."""
    order, result, worst = sorted(range(len(p)), key=p.__getitem__), [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, p[i] * (len(p) - rank)))
        result[i] = worst
    return result


@given(P)
def test_benjamini_hochberg_is_that_of_scipy(p: list[float]) -> None:
    np.testing.assert_allclose(
        np.array(corrected(p, method="bh"), dtype=float), false_discovery_control(p), rtol=1e-12
    )


@given(P)
def test_holm_steps_down(p: list[float]) -> None:
    assert corrected(p) == holm_by_stepping_down(p)


def test_holm_by_hand() -> None:
    assert corrected([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])


@pytest.mark.parametrize("method", CORRECTIONS)
@given(p=P)
def test_a_correction_never_lowers_p_and_keeps_the_order(method: str, p: list[float]) -> None:
    found = np.array(corrected(p, method=method), dtype=float)
    assert np.all(found >= np.array(p) * (1 - 1e-15))  # a product and a quotient by the same m
    assert np.all(found <= 1)
    assert np.all(np.diff(found[np.argsort(p)]) >= 0)


@given(P, P)
def test_benjamini_hochberg_is_no_stricter_than_holm(p: list[float], q: list[float]) -> None:
    both = [*p, *q]
    less, more = (np.array(corrected(both, method=m), dtype=float) for m in ("bh", "holm"))
    assert np.all(less <= more * (1 + 1e-15))


@pytest.mark.parametrize("method", CORRECTIONS)
def test_what_is_missing_stays_missing_and_is_no_test(method: str) -> None:
    assert corrected([None, 0.02, None], method=method) == [None, 0.02, None]
    assert corrected([None], method=method) == [None]
    assert corrected([], method=method) == []


def test_an_unknown_correction_is_refused() -> None:
    with pytest.raises(OptionError, match="no correction 'tukey'; wanted one of holm, bh, none"):
        corrected([0.5], method="tukey")

"""A check passes within its tolerance and nowhere else; an outcome fails with one of its checks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.paper.outcome import Outcome, Table, Verdict, check

VALUES = st.floats(-1.0, 1.0)


@given(VALUES, st.floats(1e-6, 0.1), st.floats(-3.0, 3.0))
def test_a_check_passes_exactly_within_its_tolerance(
    published: float, tolerance: float, apart: float
) -> None:
    ours = published + apart * tolerance
    found = check("x", ours, published=published, tolerance=tolerance)
    assert found.passed == (abs(ours - published) <= tolerance)


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf])
def test_no_value_fails(nothing: float | None) -> None:
    found = check("x", nothing, published=0.5, tolerance=1.0)
    assert not found.passed
    assert found.ours is None


def test_one_failed_check_fails_the_outcome() -> None:
    good = check("x", 0.5, published=0.5, tolerance=1e-5)
    bad = check("y", 0.5, published=0.6, tolerance=1e-5)
    plain = Outcome(experiment="e", title="t", about="a", checks=(good,))
    assert plain.verdict is Verdict.PASS
    assert Outcome(experiment="e", title="t", about="a", checks=(good, bad)).verdict is Verdict.FAIL


def test_what_could_not_run_has_not_passed() -> None:
    nothing = Outcome(experiment="e", title="t", about="a", missing=("models",))
    assert nothing.verdict is Verdict.NOT_RUN
    shown = Outcome(experiment="e", title="t", about="a", tables=(Table("t", ("a",), [(1,)]),))
    assert shown.verdict is Verdict.SHOWN

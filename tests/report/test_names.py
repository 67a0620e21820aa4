"""Untrusted names: harmless, and as wide as they claim."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.report import names
from onnx_affscore.report.names import cells, pad, printable, shorten, spans, wrap

TEXT = st.text(st.characters(codec=None), max_size=60)
WIDTH = st.integers(0, 40)


def test_the_examples_in_the_docstrings_hold() -> None:
    assert doctest.testmod(names).failed == 0


@given(TEXT)
def test_printable_text_has_no_character_that_steers_a_terminal(text: str) -> None:
    assert printable(text).isprintable()


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b31m", "\u202e", "\u2028", "\x07", "\ud800"])
def test_escapes_and_reordering_marks_are_shown_not_obeyed(text: str) -> None:
    assert printable(text).startswith("\\")


@given(TEXT.map(printable), WIDTH)
def test_a_shortened_name_fits(text: str, width: int) -> None:
    assert cells(shorten(text, width)) <= width


@given(TEXT.map(printable), WIDTH)
def test_a_name_that_fits_is_left_alone(text: str, width: int) -> None:
    assert shorten(text, cells(text) + width) == text


def test_a_shortened_name_keeps_both_ends() -> None:
    assert shorten("model.encoder.layers.11.mlp.act", 18) == "model.e....mlp.act"


def test_wide_characters_take_two_cells_and_combining_marks_none() -> None:
    assert (cells("活性化"), cells("e\u0301")) == (6, 1)
    assert pad("活性化", 8) == "活性化  "


@given(TEXT.map(printable), st.integers(2, 40))
def test_wrapped_lines_fit_and_lose_no_character(text: str, width: int) -> None:
    lines = list(wrap(text, width))
    assert all(cells(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.sets(st.integers(0, 40)))
def test_spans_name_exactly_the_given_numbers(numbers: set[int]) -> None:
    named: set[int] = set()
    for part in filter(None, spans(numbers).split(", ")):
        first, _, last = part.partition("-")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == numbers

"""Guesses at open sizes: one size for one symbol, plausible ones first, each once."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data.shapes import shape_candidates
from onnx_affscore.records import InputHint

from .samples import Shape, hint

NAMES = st.sampled_from(["batch", "seq", "height", "past_seq", "past_seq + seq", "d", None, 3, 1])


def first(*hints: InputHint) -> dict[str, tuple[int, ...]]:
    return dict(next(shape_candidates(hints)).shapes)


@pytest.mark.parametrize(
    ("shape", "dtype", "guess"),
    [
        (("n", 3, 8, 8), "float32", (1, 3, 8, 8)),
        (("n", 3, "height", "width"), "float32", (1, 3, 64, 64)),
        (("n", 3, None, None), "float32", (1, 3, 64, 64)),
        (("n", None, None, 3), "float32", (1, 64, 64, 3)),
        (("n", None, None, None), "float32", (1, 3, 64, 64)),
        (("n", "seq"), "int64", (1, 8)),
        (("n", None), "int64", (1, 8)),
        (("n", "t", 40), "float32", (1, 8, 40)),
        ((7, 3), "float32", (1, 3)),
        ((), "int64", ()),
        (None, "float32", (1, 8)),
    ],
)
def test_the_first_guess_is_the_usual_one(shape: Shape, dtype: str, guess: tuple[int, ...]) -> None:
    assert first(hint("x", shape, dtype, axis=0 if shape or shape is None else None))["x"] == guess


def test_images_are_tried_in_the_usual_sizes() -> None:
    guesses = shape_candidates([hint("x", ("n", 3, None, None))])
    assert [g.shapes["x"][2] for g in islice(guesses, 4)] == [64, 224, 32, 256]


def test_sound_is_a_second_long_first() -> None:
    assert first(hint("audio", ("n", "length")))["audio"] == (1, 16000)
    rate = hint("sr", (), "int64", axis=None)
    assert first(hint("input", ("n", "sequence")), rate)["input"] == (1, 16000)


def test_sums_of_sizes_add_up_under_every_spelling() -> None:
    shapes = first(
        hint("ids", ("n", "a.sequence_len"), "int64"),
        hint("past", (2, "n", "a.past_sequence_len", 4), axis=1),
        hint("mask", ("n", "a.past_seq_len + seq_len"), "int64"),
        hint("total", ("n", "total_sequence_length + 1"), "int64"),
    )
    assert shapes == {"ids": (1, 8), "past": (2, 1, 8, 4), "mask": (1, 16), "total": (1, 17)}


def test_known_sizes_are_kept() -> None:
    wanted = [hint("mask", ("n", "past_seq_len + seq_len"), "int64")]
    guess = next(shape_candidates(wanted, known={"sequence_length": 5, "past_seq_len": 2}))
    assert guess.shapes["mask"] == (1, 7)


def test_inputs_with_defaults_are_left_out() -> None:
    assert first(hint("x", ("n", 2)), hint("w", (2,), optional=True)).keys() == {"x"}


def test_ids_of_unknown_tables_are_tried_small() -> None:
    guesses = shape_candidates([hint("x", ("n", 3), "int64")])
    assert [g.below for g in guesses] == [16, 2]


@given(st.lists(st.tuples(st.just("n"), NAMES, NAMES), min_size=1, max_size=3))
def test_guesses_differ_and_keep_what_is_declared(
    shapes: list[tuple[str, int | str | None]],
) -> None:
    hints = [hint(f"x{i}", tuple(shape)) for i, shape in enumerate(shapes)]
    guesses = list(islice(shape_candidates(hints), 40))
    assert len({(*g.shapes.values(), g.below) for g in guesses}) == len(guesses)
    for guess in guesses:
        sizes: dict[str, int] = {}
        for h in hints:
            for dim, size in zip(h.spec.shape or (), guess.shapes[h.spec.name], strict=True):
                assert size == dim if isinstance(dim, int) else size >= 0
                if isinstance(dim, str):
                    assert sizes.setdefault(dim, size) == size


def test_many_open_kinds_are_no_burden() -> None:
    shape = ("n", "c", "height", "seq", "past", "audio", "d")
    assert len(list(islice(shape_candidates([hint("x", shape)]), 12))) == 12

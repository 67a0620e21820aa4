"""Beside token ids everything else has a meaning: masks, places, segments, an empty past."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data.companions import COMPANIONS, FAR_BELOW
from onnx_affscore.data.meanings import MEANINGS, carriers, side_of, token_ids
from onnx_affscore.data.source import open_source
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

from .samples import hint, read_all

IDS = hint("input_ids", ("n", "t"), "int64", below=50)
MASK = hint("attention_mask", ("n", "p + t"), "int64")
PLACES = hint("position_ids", ("n", "t"), "int64")
PAST = hint("past_key_values.0.key", ("n", 2, "past_len", 4))
ROWS = np.arange(12).reshape(3, 4)
REAL = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])


def made(hints: Sequence[InputHint], **data: Array) -> dict[str, Array]:
    return read_all(open_source({"input_ids": ROWS, **data}, [IDS, *hints]), 2)


def test_every_companion_is_of_a_meaning_that_names_tell() -> None:
    assert {c.meaning for c in COMPANIONS} <= {m.name for m in MEANINGS}


def test_ids_alone_are_all_real_and_a_note_says_so() -> None:
    source = open_source({"input_ids": ROWS}, [IDS, MASK, PLACES, PAST])
    assert source.notes == (
        "attention_mask: made, all of 'input_ids' taken as real tokens",
        "position_ids: made, places of the tokens, from 0",
        "past_key_values.0.key: made, no tokens before the first, zeros",
    )
    assert not source.synthetic
    found = read_all(source)
    np.testing.assert_array_equal(found["attention_mask"], np.ones((3, 4)))
    np.testing.assert_array_equal(found["position_ids"], [[0, 1, 2, 3]] * 3)
    assert found["past_key_values.0.key"].shape == (3, 2, 0, 4)


def test_places_are_counted_over_the_real_tokens() -> None:
    left = REAL[:, ::-1]
    np.testing.assert_array_equal(
        made([MASK, PLACES], attention_mask=left)["position_ids"],
        [[0, 1, 2, 3], [0, 0, 0, 1], [0, 0, 0, 0]],
    )


def test_a_past_of_fixed_length_is_zeros_that_the_mask_hides() -> None:
    past = hint("past_0", (2, "n", 2, 3, 4), axis=1)
    source = open_source({"input_ids": ROWS}, [IDS, MASK, past, PLACES])
    found = read_all(source, axes={"past_0": 1})
    np.testing.assert_array_equal(found["attention_mask"], [[0, 0, 0, 1, 1, 1, 1]] * 3)
    assert found["past_0"].shape == (2, 3, 2, 3, 4)
    assert not found["past_0"].any()
    assert "past_0: made, 3 tokens before the first, zeros" in source.notes


def test_inputs_made_alike_share_a_note() -> None:
    past = [hint(f"past_{i}", (2, "n", 2, "p", 4), axis=1) for i in range(3)]
    source = open_source({"input_ids": ROWS}, [IDS, *past, MASK])
    assert [note for note in source.notes if "past" in note] == [
        "past_0 and 2 more: made, no tokens before the first, zeros"
    ]


def test_a_past_that_is_given_lengthens_the_mask() -> None:
    found = made([MASK, PAST], **{"past_key_values.0.key": np.ones((3, 2, 5, 4), np.float32)})
    assert found["attention_mask"].shape == (3, 9)


ONE_ROW = REAL[1] == 1


@pytest.mark.parametrize(
    ("wanted", "row"),
    [
        (hint("token_type_ids", ("n", "t"), "int32"), np.zeros(4, np.int32)),
        (hint("input_type_ids", ("n", "t"), "int32"), np.zeros(4, np.int32)),
        (hint("key_padding_mask", ("n", "t"), "bool"), ~ONE_ROW),
        (hint("encoder_mask", ("n", 1, 1, "t"), "bool"), ONE_ROW.reshape(1, 1, 4)),
        (hint("float_mask", ("n", "t"), "float16"), ONE_ROW.astype(np.float16)),
        (
            replace(hint("bias_mask", ("n", 1, "t", "t")), added=True),
            np.broadcast_to(np.where(ONE_ROW, 0, FAR_BELOW).astype(np.float32), (1, 4, 4)),
        ),
        (hint("input_lengths", ("n",), "int64"), np.int64(2)),
    ],
    ids=lambda value: value.spec.name if isinstance(value, InputHint) else "",
)
def test_each_kind_is_made_from_what_the_mask_says(wanted: InputHint, row: Array) -> None:
    found = made([MASK, wanted], attention_mask=REAL)[wanted.spec.name]
    assert found.dtype == row.dtype == np.dtype(wanted.spec.dtype)
    np.testing.assert_array_equal(found[1], row)


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (hint("cache_position", ("t",), "int64", axis=None), [0, 1, 2, 3]),
        (hint("position_ids", (1, "t"), "int64", axis=None), [[0, 1, 2, 3]]),
        (hint("use_cache_branch", (1,), "bool", axis=None), [False]),
        (hint("num_logits_to_keep", (), "int64", axis=None), 0),
        (hint("rotary_position_ids", (2, "n", "t"), "int64", axis=1), [[[0, 1, 2, 3]] * 3] * 2),
    ],
)
def test_what_counts_no_samples_is_the_same_for_all(wanted: InputHint, value: list[int]) -> None:
    (batch,) = open_source({"input_ids": ROWS}, [IDS, wanted]).batches(4)
    assert batch.feeds[wanted.spec.name].tolist() == value


def test_a_square_mask_of_a_model_with_a_past_hides_what_follows() -> None:
    square = hint("attention_mask", ("n", 1, 6, 6))
    past = hint("past_0", (2, "n", 2, "past_seq_len", 4), axis=1)
    found = read_all(open_source({"input_ids": ROWS}, [IDS, square, past]), axes={"past_0": 1})
    below = np.tril(np.ones((6, 6), np.float32))
    below[:, 4:] = 0  # no token is there
    np.testing.assert_array_equal(found["attention_mask"][2, 0], below)


@given(st.integers(0, 3), st.integers(1, 5))
def test_a_token_never_sees_one_behind_it(past: int, tokens: int) -> None:
    square = hint("attention_mask", ("n", 1, "t", "total_len"), "bool")
    before = hint("past_0", ("n", 2, past, 4)) if past else PAST
    source = open_source({"input_ids": np.zeros((1, tokens), int)}, [IDS, square, before])
    (seen,) = read_all(source)["attention_mask"][:, 0]
    expected = np.tril(np.ones((tokens, tokens + past), bool), k=past)
    expected[:, :past] = False
    np.testing.assert_array_equal(seen, expected)


def test_ids_alone_need_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ROWS)
    np.savez(tmp_path / "x.npz", tokens=ROWS)
    for data in (ROWS, str(tmp_path / "x.npy"), str(tmp_path / "x.npz")):
        found = read_all(open_source(data, [MASK, IDS, PLACES, PAST]))
        np.testing.assert_array_equal(found["input_ids"], ROWS)
    with pytest.raises(DataError, match="found one array without a name, but the model wants"):
        open_source(ROWS, [IDS, hint("style", ("n", 8))])


def test_an_input_without_meaning_is_asked_for() -> None:
    with pytest.raises(DataError, match=r"'input_ids', .*the model also wants 'style' \(float32"):
        made([MASK, hint("style", ("n", 8))])


def test_without_tokens_nothing_is_made() -> None:
    image = hint("image", ("n", 3, 4, 4))
    with pytest.raises(DataError, match="the model also wants 'attention_mask'"):
        open_source({"image": np.zeros((3, 3, 4, 4), np.float32)}, [image, MASK])


def test_a_past_with_several_open_sizes_is_asked_for() -> None:
    with pytest.raises(DataError, match="a past of which the model leaves 2 sizes open"):
        made([hint("past_0", ("n", "heads", "past_len", 4))])


def test_what_is_asked_to_be_made_up_is_not_filled_in() -> None:
    hints = [IDS, MASK, hint("token_type_ids", ("n", "t"), "int64")]
    source = open_source(["random"], hints)
    assert source.synthetic


def test_each_text_has_its_own_companions() -> None:
    target = hint("decoder_input_ids", ("n", "u"), "int64")
    own = hint("decoder_attention_mask", ("n", "u"), "int64")
    found = made([target, MASK, own], decoder_input_ids=np.zeros((3, 7), int))
    assert found["attention_mask"].shape == (3, 4)
    assert found["decoder_attention_mask"].shape == (3, 7)


SIDES = [
    (("input_ids", "attention_mask", "decoder_input_ids"), "sst"),
    (("input_ids", "attention_mask", "encoder_hidden_states", "encoder_attention_mask"), "ttss"),
    (("encoder_attention_mask", "input_ids", "encoder_hidden_states"), "sts"),
    (("input_ids", "attention_mask"), "ss"),
]


@pytest.mark.parametrize(("names", "sides"), SIDES)
def test_plain_names_belong_to_the_text_that_no_other_name_speaks_of(
    names: tuple[str, ...], sides: str
) -> None:
    hints = [hint(n, ("n", "t", 8)[: 3 if "hidden" in n else 2], "int64") for n in names]
    assert "".join(side_of(h, hints)[0] for h in hints) == sides


def test_ids_are_integers_of_no_other_meaning() -> None:
    other = hint("labels", ("n", "t"), "int64")
    assert token_ids([IDS, MASK, PLACES, PAST]) == {"source": IDS}
    assert token_ids([IDS, other]) == {"source": IDS}
    assert token_ids([hint("bytes", ("n", 64), "int32", below=257)]) == {}
    assert token_ids([other, hint("tags", ("n", "t"), "int64")]) == {}
    embeds = hint("inputs_embeds", ("n", "t", 8))
    assert carriers([embeds, MASK]) == {"source": embeds}

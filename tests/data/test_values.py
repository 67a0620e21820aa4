"""What an input's name and type say about its values."""

import numpy as np
import pytest

from onnx_affscore.data.shapes import Assignment
from onnx_affscore.data.values import recipe
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

from .samples import hint


def made(wanted: InputHint, *, distribution: str = "normal", length: int = 1) -> Array:
    how = recipe(wanted, Assignment({}, length=length), distribution=distribution)
    return how.draw(np.random.default_rng(0), (200, 4))


@pytest.mark.parametrize(
    ("name", "dtype", "value"),
    [
        ("attention_mask", "int64", 1),
        ("attention_mask", "float32", 1),
        ("action_masks", "float32", 1),
        ("decoder/inputMask:0", "bool", True),
        ("key_padding_mask", "bool", False),
        ("token_type_ids", "int64", 0),
        ("segmentIds", "int32", 0),
        ("audio_lengths", "int64", 33),
    ],
)
def test_a_name_with_one_meaning_gets_one_value(name: str, dtype: str, value: float) -> None:
    rows = made(hint(name, ("n", 4), dtype), length=33)
    assert rows.dtype == dtype
    assert (rows == value).all()


@pytest.mark.parametrize(
    ("name", "dtype", "value"),
    [
        ("sr", "int64", 16000),
        ("sampling_rate", "float32", None),
        ("M", "int64", 2),
        ("condition", "bool", True),
        ("min", "float32", -1),
        ("clip_max", "float32", 1),
        ("temperature", "float16", 1),
    ],
)
def test_a_scalar_gets_a_sensible_value(name: str, dtype: str, value: float | None) -> None:
    rows = made(hint(name, (), dtype, axis=None))
    assert value is None or (rows == value).all()


def test_positions_count_along_the_last_axis_and_stay_in_their_table() -> None:
    assert made(hint("position_ids", ("n", 4), "int64"))[7].tolist() == [0, 1, 2, 3]
    assert made(hint("position_ids", ("n", 4), "int64", below=3))[7].tolist() == [0, 1, 2, 0]


def test_a_masked_position_is_no_mask() -> None:
    assert made(hint("masked_lm_positions", ("n", 4), "int64"))[0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("dtype", "below", "top"), [("int64", 30, 29), ("uint8", None, 255)])
def test_ids_fill_their_table_and_no_more(dtype: str, below: int | None, top: int) -> None:
    rows = made(hint("x", ("n", 4), dtype, below=below))
    assert (rows.min(), rows.max()) == (0, top)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16"])
def test_floats_are_normal_or_uniform(dtype: str) -> None:
    normal = made(hint("x", ("n", 4), dtype)).astype(float)
    # 800 draws: the mean is within 5 standard errors of 0, and some lie beyond two deviations
    assert abs(normal.mean()) < 5 / np.sqrt(800)
    assert normal.min() < -2 < 2 < normal.max()
    uniform = made(hint("x", ("n", 4), dtype), distribution="uniform").astype(float)
    assert 0 <= uniform.min() < 0.1
    assert 0.9 < uniform.max() <= 1


def test_text_is_words() -> None:
    assert all(isinstance(word, str) for word in made(hint("t", ("n", 4), "string")).flat)


@pytest.mark.parametrize("dtype", ["complex64", "sequence", "int4"])
def test_what_cannot_be_made_up_is_refused(dtype: str) -> None:
    with pytest.raises(DataError, match=dtype):
        made(hint("x", ("n", 4), dtype))

"""What suits an input, what is mended with a note, and how a refusal reads."""

import re

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from onnx_affscore.data.columns import Column
from onnx_affscore.data.fit import check_complete, find_input, fit_array
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

from .samples import hint

IMAGE = hint("image", ("batch", 3, 8, 8))


def rows(column: Column, *numbers: int) -> Array:
    return column.take(np.array(numbers, dtype=np.int64))


def refusal(array: object, wanted: InputHint) -> str:
    with pytest.raises(DataError) as caught:
        fit_array(array, wanted, where="x.npy")
    return str(caught.value)


def test_rows_of_the_declared_type_are_views() -> None:
    array = np.zeros((5, 3, 8, 8), np.float32)
    column = fit_array(array, IMAGE, where="x.npy")
    assert (column.count, column.notes, column.shape) == (5, (), (1, 3, 8, 8))
    assert np.shares_memory(rows(column, 1, 2), array)


@given(hnp.arrays(np.float32, (6, 2, 3)), st.sets(st.integers(0, 5), min_size=1), st.integers(0, 2))
def test_rows_are_taken_along_the_sample_axis(array: Array, picks: set[int], axis: int) -> None:
    along = np.moveaxis(array, 0, axis)
    column = fit_array(along, hint("x", (None,) * 3, axis=axis), where="x.npy")
    chosen = sorted(picks)
    np.testing.assert_array_equal(rows(column, *chosen), np.take(along, chosen, axis))


def test_a_lone_sample_is_a_batch_of_one() -> None:
    column = fit_array(np.ones((2, 128), np.float32), hint("s", (2, "n", 128), axis=1), where="s")
    assert column.notes == ("s: shape (2, 128) taken as one sample",)
    assert (column.count, rows(column, 0).shape) == (1, (2, 1, 128))


def test_an_input_without_sample_axis_gets_the_same_value_each_time() -> None:
    column = fit_array(np.array(16000), hint("sr", (), "int64", axis=None), where="sr")
    assert column.count is None
    assert rows(column, 3, 4) == 16000


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (np.float64, "float32"),
        (np.float32, "float16"),
        (np.uint8, "float32"),
        (np.bool_, "float32"),
        (np.int32, "int64"),
        (np.int64, "int32"),
        (np.bool_, "int64"),
        (np.int64, "bool"),
        (np.float32, "bfloat16"),
        ("V2", "bfloat16"),
    ],
)
def test_a_type_that_loses_nothing_is_cast_with_a_note(found: type | str, wanted: str) -> None:
    source = np.ones(3, ml_dtypes.bfloat16 if found == "V2" else found)
    array = source.view("V2") if found == "V2" else source
    column = fit_array(array, hint("x", ("n",), wanted), where="x.npy")
    assert column.notes == (f"x.npy: {array.dtype} read as {wanted}",)
    result = rows(column, 0, 2)
    assert result.dtype.name == wanted
    assert (result == 1).all()


def test_foreign_byte_order_is_not_worth_a_note() -> None:
    column = fit_array(np.ones(3, ">f4"), hint("x", ("n",)), where="x.npy")
    assert (column.notes, rows(column, 0).dtype) == ((), np.dtype("<f4"))


@pytest.mark.parametrize(
    ("array", "wanted", "message"),
    [
        (np.ones(3), "int64", r"found float64, but input 'x' wants int64; .*x\.astype\('int64'\)"),
        (np.ones(3), "bool", r"found float64, but input 'x' wants bool"),
        (np.ones(3, complex), "float32", r"found complex128.*real and imaginary part"),
        (np.array(["a"]), "float32", r"found text, but input 'x' wants float32"),
        (np.array([None]), "float32", r"found Python objects"),
        (np.ones(3, "M8[s]"), "int64", r"found dates"),
        (np.ones(3), "string", r"found float64, but input 'x' wants string; give text"),
        (np.ones(3), "sequence", r"declared as sequence, and only tensors"),
        (np.ones(3), "int4", r"declared as int4"),
        ([[1], [1, 2]], "float32", r"found list of which NumPy makes no array"),
    ],
)
def test_a_lossy_type_is_refused(array: object, wanted: str, message: str) -> None:
    assert re.search(message, refusal(array, hint("x", ("n",), wanted)))


@pytest.mark.parametrize(
    ("array", "wanted", "message"),
    [
        (np.array([1, 2**40]), "int32", "x: found 1099511627776 .int64., which is no int32"),
        (np.array([2**63], np.uint64), "int64", "which is no int64"),
        (np.array([0, 2]), "bool", "found 2 .int64., which is no bool"),
        (np.array([-1]), "uint8", "found -1"),
        (np.array([1e300]), "float32", "too large for float32 .largest 1e.300."),
        (np.array([b"\xff"]), "string", "no UTF-8"),
        (np.array(["a", 3], object), "string", "found 3 among text"),
    ],
)
def test_a_value_that_would_be_lost_is_refused_as_it_is_read(
    array: Array, wanted: str, message: str
) -> None:
    column = fit_array(array, hint("x", ("n",), wanted), where="x")
    with pytest.raises(DataError, match=message):
        rows(column, *range(len(array)))


@pytest.mark.parametrize("array", [np.array(["a", "ü"]), np.array([b"a", "ü".encode()])])
def test_text_is_fed_as_objects(array: Array) -> None:
    column = fit_array(array, hint("t", ("n",), "string"), where="t")
    assert rows(column, 0, 1).tolist() == ["a", "ü"]


@pytest.mark.parametrize(
    ("shape", "cure"),
    [
        ((5, 8, 8, 3), "np.transpose(x, (0, 3, 1, 2))"),
        ((5, 192), "x.reshape(-1, 3, 8, 8)"),
        ((5, 1, 3, 8, 8), "np.squeeze(x, 1)"),
        ((5, 3, 7, 8), "give an array of that shape"),
    ],
)
def test_a_misfit_names_both_shapes_and_the_cure(shape: tuple[int, ...], cure: str) -> None:
    message = refusal(np.zeros(shape, np.float32), IMAGE)
    assert message == (
        f"x.npy: found shape {shape}, but input 'image' wants float32 (batch, 3, 8, 8); "
        + (cure if cure.startswith("give") else message.split("; ")[1])
    )
    assert cure in message


def test_a_missing_channel_axis_is_the_cure() -> None:
    message = refusal(np.zeros((5, 8, 8), np.float32), hint("x", ("n", 1, 8, 8)))
    assert message.endswith("add an axis: np.expand_dims(x, 1)")


@given(hnp.array_shapes(min_dims=0, max_dims=5, max_side=4))
def test_any_shape_fits_or_is_refused_in_words(shape: tuple[int, ...]) -> None:
    wanted = hint("x", ("n", 2, None))
    fits = len(shape) in (2, 3) and shape[-2] == 2
    try:
        fit_array(np.zeros(shape, np.float32), wanted, where="x")
    except DataError:
        assert not fits
    else:
        assert fits


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(DataError, match=r"found input 'imgae', .* 'image'; did you mean 'image'"):
        find_input("imgae", [IMAGE], where="x.npz")


def test_a_missing_input_is_named_with_its_type() -> None:
    with pytest.raises(DataError, match=r"wants 'sr' \(int64 \(\)\); give it, .* sr=random"):
        check_complete(["image"], [IMAGE, hint("sr", (), "int64")], where="x.npz")


def test_an_input_with_a_default_may_be_missing() -> None:
    check_complete(["image"], [IMAGE, hint("w", (3,), optional=True)], where="x.npz")

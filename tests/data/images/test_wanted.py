"""Layout, channels and size are read off an input; what takes no picture is told so."""

import pytest

from onnx_affscore.data.images.wanted import Wanted, picture_input, wanted
from onnx_affscore.errors import DataError
from tests.data.samples import Shape, hint


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (("n", 3, 224, 224), ("NCHW", 3, 224, 224)),
        ((1, 3, 240, 320), ("NCHW", 3, 240, 320)),
        ((1, 257, 257, 3), ("NHWC", 3, 257, 257)),
        (("n", 28, 28, 1), ("NHWC", 1, 28, 28)),
        (("n", 1, 28, 28), ("NCHW", 1, 28, 28)),
        (("n", 4, 32, 32), ("NCHW", 4, 32, 32)),
        (("n", "c", "h", "w"), ("NCHW", 3, None, None)),
        (("n", "h", "w", "channels"), ("NHWC", 3, None, None)),
        ((None, None, None, None), ("NCHW", 3, None, None)),
        (("n", None, None, 3), ("NHWC", 3, None, None)),
        (("n", 3, None, None), ("NCHW", 3, None, None)),
        (("n", 224, 224, None), ("NHWC", 3, 224, 224)),
        (("n", None, 224, 224), ("NCHW", 3, 224, 224)),
        (("n", 3, 3, 3), ("NCHW", 3, 3, 3)),
        (("n", 1, 9, 3), ("NHWC", 3, 1, 9)),
        (("n", 28, 28), ("NHW", 1, 28, 28)),
        (("n", 784), ("ND", 1, 28, 28)),
        (("n", 3072), ("ND", 3, 32, 32)),
    ],
)
def test_an_input_says_what_it_wants(
    shape: Shape, expected: tuple[str, int, int | None, int | None]
) -> None:
    assert wanted(hint("x", shape), where="here") == Wanted(*expected, "float32")


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        (("n", 16, 16, 192), "float32"),
        (("n", 8, 8, 3, 2), "float32"),
        ((3, 32, 32), "float32"),
        (("n", 77), "float32"),
        (("n", "d"), "float32"),
        (("n",), "float32"),
        (None, "float32"),
        (("n", 784), "int64"),
        (("n", 4096), "int32"),
        (("n", 3, 8, 8), "string"),
        (("n", 3, 8, 8), "bool"),
    ],
)
def test_what_takes_no_picture_is_refused_with_the_way_out(shape: Shape, dtype: str) -> None:
    with pytest.raises(DataError, match=r"input 'x' is .*, which takes none.*--data x=FILE\.npy"):
        wanted(hint("x", shape, dtype), where="here")


def test_an_input_without_samples_takes_no_pictures() -> None:
    with pytest.raises(DataError, match="takes none"):
        wanted(hint("x", (3, 32, 32), axis=None), where="here")


def test_pictures_go_to_the_one_input_that_takes_them() -> None:
    rate, image = hint("sr", (), "int64", axis=None), hint("image", ("n", 3, 8, 8))
    assert picture_input((rate, image), where="here")[0] is image
    state, ids = hint("state", ("n", 16)), hint("ids", ("n", 16), "int64")
    assert picture_input((state, ids, image), where="here")[0] is image
    with pytest.raises(DataError, match=r"'image', 'other' take them.*--data image=here"):
        picture_input((image, hint("other", ("n", 1, 8, 8))), where="here")
    with pytest.raises(DataError, match="input 'sr' is int64"):
        picture_input((rate,), where="here")
    with pytest.raises(DataError, match="no further input"):
        picture_input((), where="here")


def test_samples_need_not_come_first() -> None:
    found = wanted(hint("x", (3, "n", 8, 9), axis=1), where="here")
    assert (found.layout, found.height, found.width) == ("NCHW", 8, 9)

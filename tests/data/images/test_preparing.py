"""A preset makes the numbers that networks were trained on, in the order that a model takes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnx_affscore.cli.score import command
from onnx_affscore.data.images.preparing import Preparation, preparation
from onnx_affscore.data.images.presets import PRESETS, find_preset
from onnx_affscore.data.images.wanted import COLOURS, Wanted
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Array
from tests.data.images.pictures import noise

ROUNDING = 4e-6  # a few roundings of float32 at values below 10


def prepared(name: str, layout: str = "NCHW", *, channels: int = 3, side: int = 8) -> Preparation:
    dtype = "uint8" if name == "raw" else "float32"
    return preparation(PRESETS[name], Wanted(layout, channels, side, side, dtype))


# Written out from the publications of each family, not from the table.
EXPECTED = {
    "imagenet": lambda v: (v / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    "inception": lambda v: v / 127.5 - 1,
    "clip": lambda v: (
        (v / 255 - [0.48145466, 0.4578275, 0.40821073]) / [0.26862954, 0.26130258, 0.27577711]
    ),
    "mnist": lambda v: (v / 255 - 0.1307) / 0.3081,
    "unit": lambda v: v / 255,
    "raw": lambda v: v,
}


@pytest.mark.parametrize("name", PRESETS)
def test_numbers_are_those_of_the_preset(name: str) -> None:
    pixels = noise(8, 8)
    found = prepared(name)(Image.fromarray(pixels))
    assert found.dtype == (np.uint8 if name == "raw" else np.float32)
    expected = EXPECTED[name](pixels.astype(float)).transpose(2, 0, 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)
    assert np.abs(expected[::-1] - expected).max() > 1000 * ROUNDING  # colours do not swap unseen


@pytest.mark.parametrize(
    ("name", "resized", "crop"),
    [("imagenet", 256, 224), ("inception", 342, 299), ("clip", 224, 224), ("unit", 224, 224)],
)
def test_an_open_size_is_that_of_the_preset(name: str, resized: int, crop: int) -> None:
    made = preparation(PRESETS[name], Wanted("NCHW", 3, None, None, "float32"))
    assert made.geometry.resized == (resized, resized)
    assert made.geometry.crop == (crop, crop)
    assert made.shape == (3, crop, crop)


def test_small_pictures_keep_their_margin() -> None:
    assert prepared("imagenet", side=32).geometry.resized == (32, 32)
    assert prepared("imagenet", side=128).geometry.resized == (146, 146)


def test_layouts_hold_the_same_numbers() -> None:
    picture = Image.fromarray(noise(8, 8))
    first = prepared("unit")(picture)
    np.testing.assert_array_equal(prepared("unit", "NHWC")(picture), first.transpose(1, 2, 0))
    np.testing.assert_array_equal(prepared("unit", "ND")(picture), first.reshape(-1))
    grey = picture.convert("L")
    one = prepared("unit", channels=1)(grey)
    np.testing.assert_array_equal(prepared("unit", "NHW", channels=1)(grey), one[0])


@pytest.mark.parametrize("channels", [3, 4])
def test_bgr_is_rgb_turned_round_behind_the_normalisation(channels: int) -> None:
    picture = Image.fromarray(noise(8, 8)).convert("RGBA" if channels == 4 else "RGB")
    name = "unit" if channels == 4 else "imagenet"
    wanted = Wanted("NCHW", channels, 8, 8, "float32")
    rgb, bgr = (
        preparation(PRESETS[name], wanted, order=order)(picture) for order in ("rgb", "bgr")
    )
    order = [2, 1, 0, 3][:channels]
    np.testing.assert_array_equal(bgr, rgb[order])


def told(name: str, **changes: object) -> str:
    values = {"layout": "NCHW", "channels": 3, "height": 8, "width": 8, "dtype": "float32"}
    options = {k: v for k, v in changes.items() if k not in values}
    wanted = Wanted(**(values | {k: v for k, v in changes.items() if k in values}))  # type: ignore[arg-type]
    with pytest.raises(DataError) as caught:
        preparation(PRESETS[name], wanted, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_contradictions_are_refused() -> None:
    assert "normalises 3 channels, but the model takes 1 (grey)" in told("imagenet", channels=1)
    assert "leave it out" in told("unit", channels=1, order="bgr")
    assert "the preset makes fractions, but the model takes uint8" in told("unit", dtype="uint8")
    assert "int8, which does not hold 0 to 255" in told("raw", dtype="int8")
    assert "in width: the model takes 8, --image-size is 9" in told("unit", size=(8, 9))


def test_a_side_that_is_open_is_as_long_as_the_other() -> None:
    made = preparation(PRESETS["unit"], Wanted("NCHW", 3, 40, None, "float32"))
    assert made.geometry.crop == (40, 40)


def test_a_preparation_says_all_that_it_does() -> None:
    made = preparation(PRESETS["imagenet"], Wanted("NHWC", 3, None, None, "float16"), order="bgr")
    assert str(made) == (
        "BGR, shorter side to 256 (bilinear), centre crop 224x224, /255, mean 0.485 0.456 0.406,"
        " std 0.229 0.224 0.225, float16 NHWC"
    )
    assert str(prepared("raw")).endswith("centre crop 8x8, 0 to 255, uint8 NCHW")


def test_an_unknown_preset_is_an_option_error(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"imagnet: found neither .* give one of imagenet, inc"):
        find_preset("imagnet")


def test_the_help_names_every_preset() -> None:
    (option,) = (p for p in command.params if p.name == "preset")
    assert all(name in str(getattr(option, "help", "")) for name in PRESETS)


def test_every_number_of_channels_has_a_name() -> None:
    grey: Array = np.zeros((8, 8), np.uint8)
    assert set(COLOURS) == {1, 3, 4}
    assert prepared("unit", channels=1)(Image.fromarray(grey)).shape == (1, 8, 8)

"""Files of every kind become the same 8-bit pictures; damaged ones are told apart by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from onnx_affscore.data.images.decoding import MODES, read_picture
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array
from tests.data.images.pictures import noise, save

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


def written(picture: Image.Image, file: Path, **options: Any) -> Path:
    picture.save(file, **options)
    return file


def pixels(file: Path, channels: int = 3) -> Array:
    return np.asarray(read_picture(file, channels))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tif", ".webp"])
def test_files_without_loss_give_their_pixels(suffix: str, tmp_path: Path) -> None:
    given = noise(5, 7)
    options = {"lossless": True} if suffix == ".webp" else {}
    np.testing.assert_array_equal(pixels(save(tmp_path / f"a{suffix}", given, **options)), given)


def test_a_jpeg_gives_nearly_its_pixels(tmp_path: Path) -> None:
    given = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[:, None, None], 32, 1).repeat(3, 2)
    found = pixels(save(tmp_path / "a.jpg", given, quality=95)).astype(int)
    assert np.abs(found - given).max() <= 4  # quality 95 on a smooth ramp


def test_colour_modes_become_the_models_channels(tmp_path: Path) -> None:
    colour = Image.fromarray(noise(6, 6))
    luma = np.asarray(colour) @ [0.299, 0.587, 0.114]
    plain = written(colour, tmp_path / "a.png")
    np.testing.assert_allclose(pixels(plain, 1), luma, atol=0.51)  # half a level of rounding
    grey = written(Image.fromarray(GREY), tmp_path / "g.png")
    np.testing.assert_array_equal(pixels(grey), np.repeat(GREY[..., None], 3, axis=2))
    np.testing.assert_array_equal(pixels(plain, 4)[..., 3], 255)
    cmyk = written(colour.convert("CMYK"), tmp_path / "c.tif")
    np.testing.assert_allclose(pixels(cmyk), np.asarray(colour), atol=1)
    bits = written(Image.fromarray(GREY > 99), tmp_path / "b.png")
    np.testing.assert_array_equal(pixels(bits, 1), np.where(GREY > 99, 255, 0))


def test_transparency_is_dropped_unless_the_model_takes_it(tmp_path: Path) -> None:
    rgba = np.dstack([noise(6, 6), np.arange(36).reshape(6, 6)]).astype(np.uint8)
    file = written(Image.fromarray(rgba), tmp_path / "a.png")
    np.testing.assert_array_equal(pixels(file), rgba[..., :3])
    np.testing.assert_array_equal(pixels(file, 4), rgba)


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 8, 7]]], np.uint8)
    picture = Image.fromarray(colours).quantize(4)
    file = written(picture, tmp_path / "p.png")
    np.testing.assert_array_equal(pixels(file), np.asarray(picture.convert("RGB")))
    first = written(picture, tmp_path / "p.gif", save_all=True, append_images=[picture.rotate(90)])
    np.testing.assert_array_equal(pixels(first), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_are_scaled_and_not_cut(suffix: str, tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    file = written(Image.fromarray(deep), tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(pixels(file, 1), GREY)
    np.testing.assert_array_equal(pixels(file, 3)[..., 1], GREY)


def test_a_picture_stands_upright(tmp_path: Path) -> None:
    given = noise(4, 9)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    file = save(tmp_path / "a.png", given, exif=exif)
    np.testing.assert_array_equal(pixels(file), np.rot90(given, -1))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".gif", ".tif", ".webp", ".ppm"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_a_file_that_is_cut_short_is_no_picture(suffix: str, share: float, tmp_path: Path) -> None:
    file = save(tmp_path / f"a{suffix}", noise(40, 40))
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=rf"a\{suffix}: found (no picture|a picture that cannot)"):
        read_picture(file, 3)


@pytest.mark.parametrize("seed", range(30))
def test_damage_of_any_kind_is_a_data_error_or_a_picture(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    suffix = [".png", ".jpg", ".gif", ".tif", ".webp", ".bmp"][seed % 6]
    file = save(tmp_path / f"a{suffix}", noise(24, 24))
    raw = bytearray(file.read_bytes())
    for at in rng.integers(0, len(raw), 12):
        raw[at] = rng.integers(0, 256)
    file.write_bytes(raw)
    try:
        found = read_picture(file, 3).mode
    except DataError as exc:
        found = str(exc)
    assert found == "RGB" or found.startswith(f"{file}: found ")


def test_a_bomb_is_refused_at_pillows_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "a.png", noise(30, 30))
    for most in (899, 400):  # Pillow warns from the first on and refuses from the second on
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(DataError, match=r"a\.png: found a picture that may be a bomb"):
            read_picture(file, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 900)
    assert read_picture(file, 3).size == (30, 30)


def test_numbers_that_are_no_brightness_are_refused(tmp_path: Path) -> None:
    floats = written(Image.fromarray(np.zeros((4, 4), np.float32)), tmp_path / "f.tif")
    with pytest.raises(DataError, match=r"f\.tif: found floats"):
        read_picture(floats, 3)
    whole = written(Image.fromarray(np.full((4, 4), 70000, np.int32)), tmp_path / "i.tif")
    with pytest.raises(DataError, match=r"i\.tif: found whole numbers from 70000 to 70000"):
        read_picture(whole, 3)


def test_modes_are_those_of_pillow() -> None:
    assert {n: len(Image.new(mode, (1, 1)).getbands()) for n, mode in MODES.items()} == {
        n: n for n in MODES
    }

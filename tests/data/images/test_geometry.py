"""Resizing is the antialiased filter that is written in books, cropping keeps the middle."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from onnx_affscore.data.images.geometry import FITS, RESAMPLES, Geometry
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array
from tests.data.images.pictures import noise

# Pillow computes with 8 bits behind each pass and 22 bits of weight: a level at the end of each.
LEVELS = 1


def triangle(x: Array) -> Array:
    return np.asarray(np.maximum(1 - np.abs(x), 0))


def cubic(x: Array) -> Array:
    """Keys' kernel with a = -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


KERNELS: dict[str, Callable[[Array], Array]] = {"bilinear": triangle, "bicubic": cubic}


def resampled(pixels: Array, size: int, kernel: Callable[[Array], Array], *, wide: bool) -> Array:
    """The first axis in another size: kernel as wide as an output pixel, weights of sum 1."""
    scale = len(pixels) / size
    stretch = max(scale, 1) if wide else 1
    centres = (np.arange(size)[:, None] + 0.5) * scale
    weights = kernel((np.arange(len(pixels)) + 0.5 - centres) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray(np.tensordot(weights, pixels, 1))


def oracle(pixels: Array, size: tuple[int, int], name: str, *, wide: bool = True) -> Array:
    across = resampled(pixels.transpose(1, 0, 2).astype(float), size[1], KERNELS[name], wide=wide)
    across = np.clip(np.round(across), 0, 255)
    return np.clip(resampled(across.transpose(1, 0, 2), size[0], KERNELS[name], wide=wide), 0, 255)


@pytest.mark.parametrize("resample", KERNELS)
@pytest.mark.parametrize("size", [(7, 9), (23, 31), (30, 12)])
def test_resizing_is_the_antialiased_filter(resample: str, size: tuple[int, int]) -> None:
    pixels = noise(23, 31)
    found = np.asarray(made("stretch", size, size, resample)(Image.fromarray(pixels)), float)
    np.testing.assert_allclose(found, oracle(pixels, size, resample), rtol=0, atol=LEVELS)
    if size == (7, 9):  # without antialiasing it is another picture
        assert np.abs(found - oracle(pixels, size, resample, wide=False)).max() > 20 * LEVELS


def made(
    fit: str, resized: tuple[int, int], crop: tuple[int, int], resample: str = "bilinear"
) -> Geometry:
    return Geometry(fit=fit, resample=resample, resized=resized, crop=crop)


@given(
    high=st.integers(1, 90),
    wide=st.integers(1, 90),
    crop=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    fit=st.sampled_from([fit for fit in FITS if fit != "as-is"]),
)
def test_every_picture_comes_out_in_the_size_wanted(
    high: int, wide: int, crop: tuple[int, int], fit: str
) -> None:
    picture = Image.fromarray(np.full((high, wide, 3), 77, np.uint8))
    found = np.asarray(made(fit, crop, crop)(picture))
    assert found.shape == (*crop, 3)
    assert (found == 77).all()  # no black border: what is cut out was covered


def test_proportions_are_kept_and_the_middle_is_cut_out() -> None:
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :], 16, axis=0)
    for pixels, axis in ((ramp, 1), (ramp.T, 0)):
        found = np.asarray(made("cover", (16, 16), (16, 16))(Image.fromarray(pixels)))
        middle = np.take(pixels, np.arange(24, 40), axis=axis)
        np.testing.assert_array_equal(found, middle)


def test_half_a_pixel_is_rounded_as_torchvision_does_or_cut_as_hugging_face_does() -> None:
    pixels = np.repeat(np.arange(7, dtype=np.uint8)[None, :], 4, axis=0)
    firsts = [
        np.asarray(
            Geometry(fit="cover", resample="bilinear", resized=(4, 4), crop=(4, 4), floors=floors)(
                Image.fromarray(pixels)
            )
        )[0, 0]
        for floors in (False, True)
    ]
    assert firsts == [2, 1]


def test_filters_stand_at_the_numbers_of_pillow() -> None:
    assert [Image.Resampling[name.upper()].value for name in RESAMPLES] == [0, 1, 2, 3, 4, 5]


def test_what_is_not_to_be_resized_has_to_fit() -> None:
    picture = Image.fromarray(noise(4, 5))
    assert made("as-is", (4, 5), (4, 5))(picture) is picture
    with pytest.raises(DataError, match="found 4x5 pixels, wanted 4x4"):
        made("as-is", (4, 4), (4, 4))(picture)


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (made("cover", (9, 9), (8, 7)), "shorter side to 9 (bilinear), centre crop 8x7"),
        (made("cover", (9, 12), (8, 11)), "resized to cover 9x12 (bilinear), centre crop 8x11"),
        (made("stretch", (5, 6), (5, 6), "bicubic"), "stretched to 5x6 (bicubic)"),
        (made("as-is", (5, 6), (5, 6)), "not resized"),
    ],
    ids=str,
)  # fmt: skip
def test_a_geometry_says_what_it_does(geometry: Geometry, text: str) -> None:
    assert str(geometry) == text

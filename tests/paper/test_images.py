"""Photographs become the batches that torchvision's preset makes of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnx_affscore.errors import DataError
from onnx_affscore.paper.images import BATCH, batches

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def save(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(file)


def test_a_grey_photograph_is_a_constant_per_channel(tmp_path: Path) -> None:
    save(tmp_path / "class" / "a.png", np.full((300, 400, 3), 51))
    (images,) = batches(tmp_path, most=1)
    assert images.shape == (1, 3, 224, 224)
    assert images.dtype == np.float32
    expected = (0.2 - MEAN) / DEVIATION
    # float32 rounding of values near 1
    np.testing.assert_allclose(images[0, :, 0, 0], expected, atol=1e-6)
    np.testing.assert_allclose(images.std(axis=(2, 3)), 0, atol=1e-6)


@pytest.mark.parametrize(("high", "wide"), [(256, 512), (512, 256), (100, 90), (224, 224)])
def test_the_middle_is_kept_whatever_the_shape(high: int, wide: int, tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, max(high, wide))
    longer = ramp[None, :] if wide >= high else ramp[:, None]
    save(tmp_path / "a.png", np.broadcast_to(longer[..., None], (high, wide, 3)))
    (images,) = batches(tmp_path, most=1)
    centre = images[0, 0] * DEVIATION[0] + MEAN[0]
    assert float(centre.mean()) == pytest.approx(0.5, abs=0.01)  # a pixel of rounding at each end


def test_images_are_mixed_over_classes_and_counted(tmp_path: Path) -> None:
    for k in range(6):
        save(tmp_path / f"class{k // 3}" / f"{k}.png", np.full((8, 8, 3), 40 * k))
    first, again = (np.concatenate(list(batches(tmp_path, most=1))) for _ in range(2))
    assert np.array_equal(first, again)
    values = first[:, 0, 0, 0]
    assert len(values) == 6
    assert not np.array_equal(values, np.sort(values))


def test_an_array_is_cut_into_batches(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2 * BATCH + 3, 1, 2, 2)))
    assert [len(b) for b in batches(tmp_path / "x.npy", most=9)] == [BATCH, BATCH, 3]
    assert [len(b) for b in batches(tmp_path / "x.npy", most=1)] == [BATCH]


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found no \.bmp, \.gif"):
        list(batches(tmp_path, most=1))
    (tmp_path / "a.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.jpg: found no picture"):
        list(batches(tmp_path, most=1))
    np.savez(tmp_path / "two.npz", a=np.zeros(1), b=np.zeros(1))
    with pytest.raises(DataError, match="holds 2 arrays; wanted one"):
        list(batches(tmp_path / "two.npz", most=1))
    np.save(tmp_path / "flat.npy", np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"has shape \(3, 4\)"):
        list(batches(tmp_path / "flat.npy", most=1))

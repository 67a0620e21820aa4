"""A folder of photographs as batches for ImageNet networks: torchvision's preset, with Pillow."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.errors import DataError, MissingExtraError

__all__ = ["BATCH", "array_batches", "batches", "image_files"]

BATCH: Final = 512  # the published batch
SHORTER, CROP = 256, 224
MEAN: Final = np.array([0.485, 0.456, 0.406], dtype=np.float32)
DEVIATION: Final = np.array([0.229, 0.224, 0.225], dtype=np.float32)
SUFFIXES: Final = (".jpeg", ".jpg", ".png")

Images = npt.NDArray[np.float32]


def batches(source: Path, *, most: int) -> Iterator[Images]:
    """Yield at most ``most`` batches of 512 images, (n, 3, 224, 224).

    From a folder the images are taken in a seeded random order, whatever their sub-folders: sorted
    names go by class. A ``.npy`` or ``.npz`` file holds images that are prepared already.
    """
    if not source.is_dir():
        yield from array_batches(source, most=most)
        return
    files = image_files(source)
    order = np.random.default_rng(0).permutation(len(files))[: most * BATCH]
    for start in range(0, len(order), BATCH):
        yield np.stack([_prepared(files[i]) for i in order[start : start + BATCH]])


def array_batches(file: Path, *, most: int) -> Iterator[Images]:
    """Yield the rows of one array, 512 at a time."""
    try:
        loaded = np.load(file, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError) as exc:
        raise DataError(f"cannot read {file}: {exc}; wanted a folder, .npy or .npz") from exc
    if not isinstance(loaded, np.ndarray):
        names = list(loaded)
        if len(names) != 1:
            raise DataError(f"{file} holds {len(names)} arrays; wanted one, the images")
        loaded = loaded[names[0]]
    if loaded.ndim != 4:
        raise DataError(f"{file} has shape {loaded.shape}; wanted (images, channels, high, wide)")
    for start in range(0, min(len(loaded), most * BATCH), BATCH):
        yield np.asarray(loaded[start : start + BATCH], dtype=np.float32)


def image_files(folder: Path) -> list[Path]:
    """Return the image files below a folder, sorted."""
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
    if not files:
        raise DataError(f"found no {', '.join(SUFFIXES)} file below {folder}")
    return files


def _prepared(file: Path) -> Images:
    """Resize the shorter side to 256, crop the middle 224 x 224, normalise each channel."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as exc:
        raise MissingExtraError("Pillow", extra="images", purpose="reading images") from exc
    try:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
    except (OSError, UnidentifiedImageError) as exc:
        raise DataError(f"cannot read the image {file}: {exc}") from exc
    scale = SHORTER / min(picture.size)
    wide, high = (max(SHORTER, int(side * scale)) for side in picture.size)
    picture = picture.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = round((wide - CROP) / 2), round((high - CROP) / 2)
    cropped = picture.crop((left, top, left + CROP, top + CROP))
    values = np.asarray(cropped, dtype=np.float32) / np.float32(255)
    return np.ascontiguousarray(((values - MEAN) / DEVIATION).transpose(2, 0, 1))

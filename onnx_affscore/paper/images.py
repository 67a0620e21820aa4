"""Photographs as the batches of the published protocol, prepared as ``--preset imagenet`` does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.data.images.decoding import needs_pillow
from onnx_affscore.data.images.folder import image_files
from onnx_affscore.data.images.preparing import preparation
from onnx_affscore.data.images.presets import PRESETS
from onnx_affscore.data.images.wanted import Wanted
from onnx_affscore.errors import DataError

__all__ = ["BATCH", "array_batches", "batches"]

BATCH: Final = 512  # the published batch
PREPARE: Final = preparation(PRESETS["imagenet"], Wanted("NCHW", 3, None, None, "float32"))

Images = npt.NDArray[np.float32]


def batches(source: Path, *, most: int) -> Iterator[Images]:
    """Yield at most ``most`` batches of 512 images, (n, 3, 224, 224).

    From a folder the images are taken in a seeded random order, whatever their sub-folders: sorted
    names go by class. A ``.npy`` or ``.npz`` file holds images that are prepared already.
    """
    if not source.is_dir():
        yield from array_batches(source, most=most)
        return
    needs_pillow()
    files = image_files(source)
    order = np.random.default_rng(0).permutation(len(files))[: most * BATCH]
    for start in range(0, len(order), BATCH):
        yield np.stack([PREPARE.of_file(files[i]) for i in order[start : start + BATCH]])


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

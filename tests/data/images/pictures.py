"""Small picture files, and the rows that a source makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from onnx_affscore.data import open_source
from onnx_affscore.data.opening import Request
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import Array
from tests.data.samples import Shape, hint, read


def save(file: Path, pixels: Any, **options: Any) -> Path:
    """Write pixels as a picture, its folder with it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, **options)
    return file


def noise(high: int, wide: int, *, seed: int = 0) -> Array:
    """Colours at random."""
    return np.random.default_rng(seed).integers(0, 256, (high, wide, 3)).astype(np.uint8)


def rows(path: Path, shape: Shape, dtype: str = "float32", **said: Any) -> Array:
    """What an input of that shape is fed from a file or folder."""
    source = open_source(path, [hint("x", shape, dtype)], feeding=Feeding(**said))
    return read(source)


def request(path: Path, shape: Shape, dtype: str = "float32", **said: Any) -> Request:
    return Request(str(path), (hint("x", shape, dtype),), Feeding(**said))

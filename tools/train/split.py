"""Reads one input array of models/digits.npz, split into training and test rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.export.manifest import MODELS

__all__ = ["Part", "load_part"]

PARTS = {"train": 0, "test": 1}


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one part: inputs ``x`` (n, ...) and labels ``y`` (n,)."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


def load_part(array: str, part: str) -> Part:
    """Return the rows of ``array`` ("image", "image_nhwc", "pixels") in "train" or "test"."""
    with np.load(MODELS / "digits.npz", allow_pickle=False) as digits:
        rows = digits["split"] == PARTS[part]
        return Part(x=digits[array][rows], y=digits["label"][rows])

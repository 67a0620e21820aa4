"""Data that change between two passes: an error, since rows of the passes would not pair."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

MODELS = Path(__file__).parents[2] / "models"
SAMPLES = 200


class Shrinking:
    """Feeds of one image each, of which the later readings find fewer and fewer."""

    def __init__(self, *counts: int) -> None:
        self.counts = list(counts)
        self.images: Array = np.load(MODELS / "digits.npz")["image"][:SAMPLES]

    def __iter__(self) -> Iterator[dict[str, Array]]:
        count = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        return iter([{"image": image[None]} for image in self.images[:count]])


def passes_over(limit: int | None) -> int:
    """How often the data are read from their beginning."""
    data = Shrinking(*[SAMPLES] * 99)
    found = signature(
        MODELS / "jax_cnn.onnx", data, metrics=(), batch_size=SAMPLES, memory_limit=limit
    )
    assert (found.run["site_groups"] > 1) == (limit is not None)
    return 99 - len(data.counts)


@pytest.mark.parametrize("limit", [None, 420_000], ids=["one pass", "a pass a group"])
def test_samples_that_vanish_before_the_last_pass_end_the_run(limit: int | None) -> None:
    passes = passes_over(limit)
    left = 40 if limit is None else SAMPLES - 1  # the census alone has gone before, or a group
    data = Shrinking(*[SAMPLES] * (passes - 1), left)
    with pytest.raises(DataError, match=f"changed while they were read.*and {left} in a later one"):
        signature(MODELS / "jax_cnn.onnx", data, metrics=(), batch_size=SAMPLES, memory_limit=limit)

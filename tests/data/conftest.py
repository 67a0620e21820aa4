"""The images that several tests feed."""

import numpy as np
import pytest

from onnx_affscore.records import Array


@pytest.fixture
def images() -> Array:
    """Ten read-only images (10, 1, 4, 4)."""
    array = np.arange(160, dtype=np.float32).reshape(10, 1, 4, 4)
    array.flags.writeable = False
    return array

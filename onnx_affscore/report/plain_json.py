"""What JSON has no form for, in the form that it has."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onnx_affscore.errors import InternalError

__all__ = ["plain"]


def plain(value: Any) -> Any:
    """Turn records, tuples and NumPy values into what JSON has; not finite becomes null."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    raise InternalError(f"a JSON file cannot hold a value of type {type(value).__name__}")

"""The paper's activation functions in float64, with the properties that closed forms need."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from scipy import special

from onnx_affscore.records import FloatArray

__all__ = ["FUNCTIONS", "NON_MONOTONE", "Function"]

Function: TypeAlias = Callable[[FloatArray], FloatArray]

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # as ONNX defines Selu


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(special.expit(x), dtype=np.float64)


def _softplus(x: FloatArray) -> FloatArray:
    return np.logaddexp(0.0, x)


def _elu(x: FloatArray) -> FloatArray:
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


def _hard_sigmoid(x: FloatArray) -> FloatArray:
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "relu": lambda x: np.maximum(x, 0.0),
        "relu6": lambda x: np.clip(x, 0.0, 6.0),
        "leaky": lambda x: np.where(x > 0.0, x, 0.01 * x),
        "gelu": lambda x: x * np.asarray(special.ndtr(x)),
        "silu": lambda x: x * _sigmoid(x),
        "mish": lambda x: x * np.tanh(_softplus(x)),
        "hardswish": lambda x: x * _hard_sigmoid(x),
        "hardtanh": lambda x: np.clip(x, -1.0, 1.0),
        "softplus": _softplus,
        "elu": _elu,
        "tanh": np.tanh,
        "softsign": lambda x: x / (1.0 + np.abs(x)),
        "selu": lambda x: (
            _SELU_SCALE * np.where(x > 0.0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))
        ),
        "sigmoid": _sigmoid,
        "hardsigmoid": _hard_sigmoid,
    }
)

NON_MONOTONE: Final = frozenset({"gelu", "silu", "mish", "hardswish"})
"""Functions that fall somewhere: their score is not that of the correlation with the input."""

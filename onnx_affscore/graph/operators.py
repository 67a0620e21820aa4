"""ONE table of elementwise operators: what each computes, in float64 NumPy.

An operator that stands here may lie inside a region (:mod:`onnx_affscore.graph.regions`); one
that does not bounds it. To add an operator, add a row: its name (with the domain where it is not
ai.onnx) and a function of the input arrays and the attributes. A missing optional input is None.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
from scipy import special

from onnx_affscore.records import Array

__all__ = ["ELEMENTWISE", "STRUCTURAL", "evaluate_operator", "is_elementwise"]

Attributes: TypeAlias = Mapping[str, Any]
Kernel: TypeAlias = Callable[[Sequence[Array | None], Attributes], Array]

GELU_SCALE = math.sqrt(2 / math.pi)

MICROSOFT = "com.microsoft"

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875

# TensorProto.DataType of the types that Cast may turn a number into, other than floats: inside a
# region a float cast is the identity (the region is evaluated in float64).
_INTEGER_TYPES = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
_BOOL = 9


def _unary(function: Callable[[Array], Array]) -> Kernel:
    return lambda inputs, _attributes: function(_given(inputs[0]))


def _binary(function: Callable[[Array, Array], Array]) -> Kernel:
    return lambda inputs, _attributes: function(_given(inputs[0]), _given(inputs[1]))


def _variadic(function: Callable[[Array, Array], Array]) -> Kernel:
    return lambda inputs, _attributes: reduce(function, [_given(x) for x in inputs])


def _given(x: Array | None) -> Array:
    if x is None:
        raise ValueError("an operator input is missing")
    return x


def _sigmoid(x: Array) -> Array:
    return np.asarray(special.expit(x))


def _softplus(x: Array) -> Array:
    return np.logaddexp(0.0, x)


def _gelu(x: Array, approximate: str) -> Array:
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(GELU_SCALE * (x + 0.044715 * x**3))))
    return np.asarray(x * special.ndtr(x))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _cast(inputs: Sequence[Array | None], attributes: Attributes) -> Array:
    x, to = _given(inputs[0]), attributes.get("to", 1)
    if to == _BOOL:
        return np.asarray(x != 0)
    if to in _INTEGER_TYPES:
        return np.trunc(x.astype(np.float64))
    return x.astype(np.float64)


def _clip(inputs: Sequence[Array | None], attributes: Attributes) -> Array:
    low = inputs[1] if len(inputs) > 1 else attributes.get("min")
    high = inputs[2] if len(inputs) > 2 else attributes.get("max")
    y = _given(inputs[0])
    if low is not None:
        y = np.maximum(y, low)
    return y if high is None else np.minimum(y, high)


def _elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _shrink(inputs: Sequence[Array | None], attributes: Attributes) -> Array:
    x, lambd, bias = _given(inputs[0]), attributes.get("lambd", 0.5), attributes.get("bias", 0.0)
    return np.where(x < -lambd, x + bias, np.where(x > lambd, x - bias, 0.0))


def _modulo(inputs: Sequence[Array | None], attributes: Attributes) -> Array:
    function = np.fmod if attributes.get("fmod") else np.mod
    return np.asarray(function(_given(inputs[0]), _given(inputs[1])))


def _bias(inputs: Sequence[Array | None]) -> Array | float:
    given = inputs[1] if len(inputs) > 1 else None
    return 0.0 if given is None else given


def _x(inputs: Sequence[Array | None]) -> Array:
    return _given(inputs[0])


ELEMENTWISE: Mapping[str, Kernel] = {
    # identities and casts
    "Identity": lambda i, a: _x(i),
    "Dropout": lambda i, a: _x(i),
    "Cast": _cast,
    "CastLike": lambda i, a: _x(i),
    "QuantizeLinear": lambda i, a: _x(i),  # looked through: its rounding is no activation
    "DequantizeLinear": lambda i, a: _x(i),
    # arithmetic
    "Add": _binary(np.add),
    "Sub": _binary(np.subtract),
    "Mul": _binary(np.multiply),
    "Div": _binary(np.divide),
    "Pow": _binary(np.power),
    "Mod": _modulo,
    "Neg": _unary(np.negative),
    "Abs": _unary(np.abs),
    "Sign": _unary(np.sign),
    "Sqrt": _unary(np.sqrt),
    "Reciprocal": _unary(np.reciprocal),
    "Exp": _unary(np.exp),
    "Log": _unary(np.log),
    "Floor": _unary(np.floor),
    "Ceil": _unary(np.ceil),
    "Round": _unary(np.round),
    "Sum": _variadic(np.add),
    "Max": _variadic(np.maximum),
    "Min": _variadic(np.minimum),
    "Mean": lambda i, a: reduce(np.add, [_given(x) for x in i]) / len(i),
    "Affine": lambda i, a: a.get("alpha", 1.0) * _x(i) + a.get("beta", 0.0),
    "Scale": lambda i, a: a.get("scale", 1.0) * _x(i),
    # trigonometry
    "Sin": _unary(np.sin),
    "Cos": _unary(np.cos),
    "Tan": _unary(np.tan),
    "Sinh": _unary(np.sinh),
    "Cosh": _unary(np.cosh),
    "Asin": _unary(np.arcsin),
    "Acos": _unary(np.arccos),
    "Atan": _unary(np.arctan),
    "Asinh": _unary(np.arcsinh),
    "Acosh": _unary(np.arccosh),
    "Atanh": _unary(np.arctanh),
    "Erf": _unary(special.erf),
    # comparison and choice
    "Greater": _binary(np.greater),
    "GreaterOrEqual": _binary(np.greater_equal),
    "Less": _binary(np.less),
    "LessOrEqual": _binary(np.less_equal),
    "Equal": _binary(np.equal),
    "Not": _unary(np.logical_not),
    "And": _binary(np.logical_and),
    "Or": _binary(np.logical_or),
    "Xor": _binary(np.logical_xor),
    "IsNaN": _unary(np.isnan),
    "IsInf": _unary(np.isinf),
    "Where": lambda i, a: np.where(_given(i[0]), _given(i[1]), _given(i[2])),
    # activations
    "Relu": lambda i, a: np.maximum(_x(i), 0),
    "LeakyRelu": lambda i, a: np.where(_x(i) < 0, a.get("alpha", 0.01) * _x(i), _x(i)),
    "PRelu": lambda i, a: np.where(_x(i) < 0, _given(i[1]) * _x(i), _x(i)),
    "ThresholdedRelu": lambda i, a: np.where(_x(i) > a.get("alpha", 1.0), _x(i), 0.0),
    "Elu": lambda i, a: _elu(_x(i), a.get("alpha", 1.0)),
    "Selu": lambda i, a: (
        a.get("gamma", SELU_GAMMA) * _elu(_x(i), a.get("alpha", SELU_ALPHA))
    ),
    "Celu": lambda i, a: (
        a.get("alpha", 1.0) * _elu(_x(i) / a.get("alpha", 1.0), 1.0)
    ),
    "Sigmoid": _unary(_sigmoid),
    "HardSigmoid": lambda i, a: np.clip(a.get("alpha", 0.2) * _x(i) + a.get("beta", 0.5), 0, 1),
    "Tanh": _unary(np.tanh),
    "ScaledTanh": lambda i, a: a.get("alpha", 1.0) * np.tanh(a.get("beta", 1.0) * _x(i)),
    "Softplus": _unary(_softplus),
    "ParametricSoftplus": lambda i, a: (
        a.get("alpha", 1.0) * _softplus(a.get("beta", 1.0) * _x(i))
    ),
    "Softsign": lambda i, a: _x(i) / (1 + np.abs(_x(i))),
    "Mish": lambda i, a: _x(i) * np.tanh(_softplus(_x(i))),
    "Gelu": lambda i, a: _gelu(_x(i), _text(a.get("approximate", "none"))),
    "Swish": lambda i, a: _x(i) * _sigmoid(a.get("alpha", 1.0) * _x(i)),
    "HardSwish": lambda i, a: _x(i) * np.clip(_x(i) / 6 + 0.5, 0, 1),
    "Clip": _clip,
    "Shrink": _shrink,
    # ONNX Runtime's own operators
    f"{MICROSOFT}::Gelu": lambda i, a: _gelu(_x(i), "none"),
    f"{MICROSOFT}::FastGelu": lambda i, a: _gelu(_x(i) + _bias(i), "tanh"),
    f"{MICROSOFT}::QuickGelu": lambda i, a: _x(i) * _sigmoid(a.get("alpha", 1.702) * _x(i)),
    f"{MICROSOFT}::BiasGelu": lambda i, a: _gelu(_x(i) + _bias(i), "none"),
}  # fmt: skip

# Operators that move elements about without changing them: looked through where every path of a
# region moves them alike.
STRUCTURAL = frozenset({"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze"})


def is_elementwise(kind: str) -> bool:
    """Whether an operator (``Relu``, ``com.microsoft::Gelu``) is a row of the table."""
    return kind in ELEMENTWISE


def evaluate_operator(kind: str, inputs: Sequence[Array | None], attributes: Attributes) -> Array:
    """Return what an elementwise operator makes of its inputs, in float64.

    Raises KeyError where the operator is not in the table, ValueError where an input is missing
    or an attribute is no number.
    """
    kernel = ELEMENTWISE[kind]
    try:
        with np.errstate(all="ignore"):
            return np.asarray(kernel(inputs, attributes))
    except (IndexError, TypeError) as exc:
        raise ValueError(f"{kind} lacks an input, or has an attribute of another type") from exc

"""Activations that no operator stands for: a ReLU that vanished into a quantiser's zero point.

Where a zero point is the smallest value of its integer type, quantisation cuts off what is below
zero. Converters drop the ReLU before such a quantiser.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from onnx_affscore.graph.drafting import Surroundings
from onnx_affscore.graph.operators import MICROSOFT
from onnx_affscore.graph.view import GraphView, attributes, kind
from onnx_affscore.records import Array

__all__ = ["QUANTISED", "ImplicitClamp", "implicit_clamps", "integer_clamp"]


@final
@dataclass(frozen=True, slots=True)
class ImplicitClamp:
    """A quantiser that cuts off at ``low`` and ``high`` because an activation vanished into it.

    ``input`` is the float tensor before QuantizeLinear, ``output`` the one behind
    DequantizeLinear; ``node`` is the quantiser.
    """

    input: str
    output: str
    node: str
    low: float
    high: float


_QUANTISERS = frozenset({"QuantizeLinear", f"{MICROSOFT}::QuantizeLinear"})
_DEQUANTISERS = frozenset({"DequantizeLinear", f"{MICROSOFT}::DequantizeLinear"})
_LINEAR = frozenset({
    "Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "BatchNormalization",
    f"{MICROSOFT}::FusedMatMul",
})  # fmt: skip

# Operators that compute and quantise in one: where their output's zero point stands.
QUANTISED: Mapping[str, int] = {
    "QLinearConv": 7,
    "QLinearMatMul": 7,
    f"{MICROSOFT}::QLinearConv": 7,
    f"{MICROSOFT}::QLinearAdd": 7,
    f"{MICROSOFT}::QGemm": 8,
    "com.ms.internal.nhwc::QLinearConv": 7,
    "com.ms.internal.nhwc::QLinearConvTranspose": 7,
}
_CLAMP = "implicit clamp in the integer operator: the pre-activation never exists as a tensor"

_LIMITS: Mapping[str, tuple[int, int]] = {
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (2, 4, 8, 16)},
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (2, 4, 8, 16)},
}


def implicit_clamps(view: GraphView) -> list[ImplicitClamp]:
    """Find where a ReLU vanished into a zero point: at the least value of the integer type.

    A linear operator's output is quantised such that nothing below zero is kept: the pair of
    QuantizeLinear and DequantizeLinear clips at ``low = 0`` and ``high = (q_max - zero) scale``.
    Not where what is quantised cannot be negative anyway, and not for weights.
    """
    quantisers = (n for n in view.nodes if kind(n) in _QUANTISERS and _is_whole(n))
    found = (_clamp(view, node) for node in quantisers)
    return [clamp for clamp in found if clamp is not None]


def integer_clamp(node: onnx.NodeProto, around: Surroundings) -> str | None:
    """Return the reason where an integer operator's quantisation cuts off what is below zero.

    Its output's zero point is the smallest value of its type. A sum of two operands that cannot
    be negative either is none.
    """
    place = QUANTISED.get(kind(node))
    if place is None or not _smallest(node, place, around):
        return None
    if node.op_type == "QLinearAdd" and all(_smallest(node, p, around) for p in (2, 5)):
        return None
    return _CLAMP


def _smallest(node: onnx.NodeProto, place: int, around: Surroundings) -> bool:
    """Whether the zero point at this place is the smallest value; its scale stands before it."""
    if len(node.input) < 3 or not any(node.input[place - 1 : place]):
        return False  # the output is not quantised
    name = node.input[place] if place < len(node.input) else ""
    if not name:  # 0, of the type of the tensor that is quantised
        signs = around.element(*(i for i in (node.output[0], node.input[2], node.input[0]) if i))
        return signs == TensorProto.UINT8
    tensor = around.constants.get(name)
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return False
    return _is_smallest(numpy_helper.to_array(tensor))


def _is_smallest(zero: Array) -> bool:
    """Whether all zero points are the smallest value of their integer type."""
    limits = _LIMITS.get(zero.dtype.name)
    return limits is not None and zero.size > 0 and all(int(z) == limits[0] for z in zero.ravel())


def _clamp(view: GraphView, quantiser: onnx.NodeProto) -> ImplicitClamp | None:
    x = quantiser.input[0]
    source = view.producer_of(x)
    span = _span(view, quantiser)
    if source is None or kind(source) not in _LINEAR or span is None or view.is_constant(x):
        return None
    if source.op_type == "Add" and all(_never_negative(view, i) for i in source.input):
        return None
    back = next(
        (
            n
            for n in view.consumers_of(quantiser.output[0])
            if kind(n) in _DEQUANTISERS and _is_whole(n)
        ),
        None,
    )
    if back is None or _span(view, back) != span:
        return None
    return ImplicitClamp(x, back.output[0], quantiser.name or quantiser.output[0], 0.0, span)


def _never_negative(view: GraphView, name: str) -> bool:
    source = view.producer_of(name)
    return source is not None and (
        kind(source) in {"Relu", "Sigmoid", "Softmax", "HardSigmoid"}
        or (kind(source) in _DEQUANTISERS and _is_whole(source) and _span(view, source) is not None)
    )


def _is_whole(node: onnx.NodeProto) -> bool:
    """Whether a quantiser or its inverse has its tensor, its scale and its output."""
    return len(node.input) > 1 and len(node.output) == 1


def _span(view: GraphView, node: onnx.NodeProto) -> float | None:
    """The largest value of a quantiser or its inverse whose smallest is 0, None for others."""
    scale = view.constant(node.input[1])
    zero = _zero_point(view, node)
    if scale is None or scale.size != 1 or zero is None or not _is_smallest(zero):
        return None
    low, high = _LIMITS[zero.dtype.name]
    return (high - low) * float(scale.item())


def _zero_point(view: GraphView, node: onnx.NodeProto) -> Array | None:
    if len(node.input) > 2 and node.input[2]:
        return view.constant(node.input[2])
    name = node.input[0] if kind(node) in _DEQUANTISERS else node.output[0]
    declared = "output_dtype" in attributes(node) or kind(node) in _DEQUANTISERS
    dtype = view.dtype(name) if declared else "uint8"
    if dtype is None:
        return None
    return np.zeros(1, np.dtype(getattr(ml_dtypes, dtype, dtype)))

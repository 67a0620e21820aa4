"""ONE table: operators that commute with the mean over positions, operator -> rule.

A rule gets the walk, the node and the layout of its output, and returns the output's pooled mean
as a function of those of the node's inputs; None where that does not hold or is not known to.
"""

from collections.abc import Mapping

import numpy as np
import onnx

from onnx_affscore.graph.commuting import Commuted, Commuting, Rule
from onnx_affscore.graph.convolutions import convolution, numbers
from onnx_affscore.graph.view import attributes
from onnx_affscore.records import Array, TensorLayout

__all__ = ["RULES"]


def _same(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """The node hands on its first input; Dropout does so unless it is told to train."""
    training = node.op_type == "Dropout" and len(node.input) > 2 and node.input[2]
    return None if training else walk.of(node.input[0], layout)


def _sum(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """The mean of a sum is the sum of the means; constants may add a number a feature."""
    sign = -1.0 if node.op_type == "Sub" else 1.0
    constants = [_a_number_a_feature(walk, name, layout) for name in node.input]
    if len(constants) == 2 and (constants[0] is None) != (constants[1] is None):
        at = 0 if constants[0] is None else 1
        constant = constants[1 - at]
        if constant is None or not walk.follows(node.input[at], node.output[0]):
            return None
        own, other = (sign, 1.0) if at else (1.0, sign)
        return walk.of(node.input[at], layout).then(lambda rows: own * rows + other * constant)
    alike = all(walk.follows(name, node.output[0]) for name in node.input)
    if not alike or any(walk.view.is_constant(name) for name in node.input):
        return None
    parts = [walk.of(name, layout) for name in node.input]
    signs = (1.0, *(sign for _ in parts[1:]))
    return Commuted.joined(
        parts, lambda rows: np.sum([s * r for s, r in zip(signs, rows, strict=True)], axis=0)
    )


def _scaled(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """A tensor times, or divided by, a constant number a feature."""
    constants = [_a_number_a_feature(walk, name, layout) for name in node.input]
    at = 0 if constants[0] is None else 1
    factor = constants[1 - at]
    if node.op_type == "Mul" and all(c is None for c in constants):
        return _gated(walk, node, layout)
    if constants[at] is not None or factor is None:
        return None
    if not walk.follows(node.input[at], node.output[0]) or (node.op_type == "Div" and at):
        return None
    scale = 1.0 / factor if node.op_type == "Div" else factor
    return walk.of(node.input[at], layout).then(lambda rows: rows * scale)


def _gated(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """Channels times a gate that is the same at all positions (squeeze and excitation)."""
    shape = walk.view.shape(node.output[0])
    if shape is None or (layout.sample_axis, layout.feature_axis) != (0, 1):
        return None
    whole = (*shape[:2], *(1 for _ in shape[2:]))
    for at, gate in enumerate(node.input):
        gated = node.input[1 - at]
        if walk.view.shape(gate) == whole != shape and walk.follows(gated, node.output[0]):
            parts = [walk.of(gated, layout), walk.of(gate, layout)]
            return Commuted.joined(parts, lambda rows: rows[0] * rows[1])
    return None


def _batch_norm(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """A factor and a number a channel, where it uses the statistics that it was given."""
    attrs = attributes(node)
    given = [walk.view.weights(name) for name in node.input[1:5]]
    values = [v.astype(np.float64) for v in given if v is not None]
    trains = attrs.get("training_mode") or sum(map(bool, node.output)) > 1
    if trains or not attrs.get("spatial", 1) or layout.feature_axis != 1 or len(values) < 4:
        return None
    scale = values[0] / np.sqrt(values[3] + attrs.get("epsilon", 1e-5))
    shift = values[1] - values[2] * scale
    return walk.of(node.input[0], layout).then(lambda rows: rows * scale + shift)


def _concat(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    if attributes(node)["axis"] % layout.rank != layout.feature_axis:
        return None
    if any(walk.view.is_constant(name) for name in node.input):
        return None
    parts = [walk.of(name, layout) for name in node.input]
    return Commuted.joined(parts, lambda rows: np.concatenate(rows, axis=1))


def _mean(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """The mean of a mean, over the same positions."""
    channels_first = (layout.sample_axis, layout.feature_axis) == (0, 1)
    return walk.of(node.input[0], layout) if channels_first else None


def _matmul(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """x W with constant W: features are the last axis, positions stay where they are."""
    weight = numbers(walk, node.input[1])
    rank = walk.view.rank(node.input[0])
    if weight is None or weight.ndim != 2 or rank != layout.rank:
        return None
    if layout.feature_axis != layout.rank - 1 or layout.sample_axis == layout.feature_axis:
        return None
    return walk.of(node.input[0], layout).then(lambda rows: rows.astype(weight.dtype) @ weight)


def _a_number_a_feature(walk: Commuting, name: str, layout: TensorLayout) -> Array | None:
    """A constant that is the same for all samples and positions, as a row; None for others."""
    value = numbers(walk, name)
    if value is None or value.ndim > layout.rank:
        return None
    value = value.reshape((1,) * (layout.rank - value.ndim) + value.shape)
    if any(size > 1 for axis, size in enumerate(value.shape) if axis != layout.feature_axis):
        return None
    return value.reshape(1, -1).astype(np.float64)


RULES: Mapping[str, Rule] = {
    "Add": _sum,
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": convolution,
    "Div": _scaled,
    "Dropout": _same,
    "GlobalAveragePool": _mean,
    "Identity": _same,
    "MatMul": _matmul,
    "Mul": _scaled,
    "Sub": _sum,
    "Sum": _sum,
}

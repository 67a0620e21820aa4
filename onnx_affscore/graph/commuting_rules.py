"""ONE table: operators that commute with the mean over positions, operator -> rule.

A rule gets the walk, the node and the layout of its output, and returns the output's pooled mean
as a function of those of the node's inputs; None where that does not hold or is not known to.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from onnx_affscore.graph.commuting import Commuted, Commuting, Rule, Source
from onnx_affscore.graph.view import attributes
from onnx_affscore.graph.windows import Patch, Window, patch_weights
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
    if constants[at] is not None or factor is None:
        return None
    if not walk.follows(node.input[at], node.output[0]) or (node.op_type == "Div" and at):
        return None
    scale = 1.0 / factor if node.op_type == "Div" else factor
    return walk.of(node.input[at], layout).then(lambda rows: rows * scale)


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


def _matmul(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """x W with constant W: features are the last axis, positions stay where they are."""
    weight = _numbers(walk, node.input[1])
    rank = walk.view.rank(node.input[0])
    if weight is None or weight.ndim != 2 or rank != layout.rank:
        return None
    if layout.feature_axis != layout.rank - 1 or layout.sample_axis == layout.feature_axis:
        return None
    return walk.of(node.input[0], layout).then(lambda rows: rows.astype(weight.dtype) @ weight)


def _convolution(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """A convolution of stride 1 that sees its whole input."""
    attrs = attributes(node)
    has_bias = len(node.input) > 2 and bool(node.input[2])
    weight = _numbers(walk, node.input[1])
    bias = _numbers(walk, node.input[2]) if has_bias else None
    shape = walk.view.shape(node.input[0])
    if weight is None or (has_bias and bias is None):
        return None
    if weight.ndim != layout.rank or (layout.sample_axis, layout.feature_axis) != (0, 1):
        return None
    windows = _windows(attrs, weight.shape[2:], shape)
    if windows is None:
        return None
    groups = attrs.get("group", 1)
    name = node.input[0]
    whole = tuple(w.size for w in windows)
    kernels: dict[Patch | None, Array]
    if all(w.kernel == 1 for w in windows):
        kernels = {None: _grouped(weight.reshape(weight.shape[:2]), groups)}
        way = walk.of(name, layout)
    else:
        kernels = {
            None if patch == whole else patch: _kernels(weight, weights, groups)
            for patch, weights in patch_weights(windows).items()
        }
        way = Commuted.itself(name, layout)
    patches = {p: Source(name, layout, p) for p in kernels if p is not None}

    def compute(values: Mapping[Source, Array]) -> Array:
        rows = _product(way.compute(values), kernels[None])
        for patch, source in patches.items():
            rows += _product(values[source].reshape(len(rows), -1), kernels[patch])
        return rows if bias is None else rows + bias

    return Commuted((*way.sources, *patches.values()), compute)


def _windows(
    attrs: Mapping[str, object],
    kernel: Sequence[int],
    shape: Sequence[int | str | None] | None,
) -> list[Window] | None:
    """The windows along each axis of the plane, None where they are not of stride 1, or unknown."""
    axes = len(kernel)
    strides, dilations = (_ints(attrs.get(name), [1] * axes) for name in ("strides", "dilations"))
    pads = _pads(attrs, kernel, dilations)
    if pads is None or any(stride != 1 for stride in strides):
        return None
    pointwise = all(k == 1 for k in kernel) and not any(pads)
    sizes: list[int] = []
    for size in (shape or ())[2:] if shape is not None else ():
        sizes.append(size if isinstance(size, int) else 1)
        if not isinstance(size, int) and not pointwise:
            return None
    if pointwise:
        return [Window(size, 1) for size in sizes or [1] * axes]
    windows = [
        Window(*along)
        for along in zip(sizes, kernel, dilations, pads[:axes], pads[axes:], strict=False)
    ]
    return windows if len(windows) == axes and all(w.covered for w in windows) else None


def _pads(
    attrs: Mapping[str, object], kernel: Sequence[int], dilations: Sequence[int]
) -> list[int] | None:
    """Padding at all starts, then at all ends (specification of Conv, stride 1)."""
    automatic = attrs.get("auto_pad", b"NOTSET")
    if automatic == b"NOTSET":
        return _ints(attrs.get("pads"), [0] * (2 * len(kernel)))
    if automatic == b"VALID":
        return [0] * (2 * len(kernel))
    total = [d * (k - 1) for k, d in zip(kernel, dilations, strict=True)]
    small, large = [t // 2 for t in total], [t - t // 2 for t in total]
    return {b"SAME_UPPER": small + large, b"SAME_LOWER": large + small}.get(automatic)  # type: ignore[call-overload, no-any-return]


def _ints(value: object, default: list[int]) -> list[int]:
    return [int(v) for v in value] if isinstance(value, (list, tuple)) and value else default


def _kernels(weight: Array, weights: Array, groups: int) -> Array:
    """What the ends of a patch contribute: (groups, inputs x ends, outputs)."""
    axes = weight.ndim - 2
    summed = np.tensordot(weight, weights.reshape(*weights.shape[:axes], -1), axes=axes)
    return _grouped(summed.astype(weight.dtype).reshape(len(weight), -1), groups)


def _grouped(matrix: Array, groups: int) -> Array:
    """A matrix of outputs by inputs of their group, as (groups, inputs, outputs)."""
    outputs, inputs = matrix.shape
    return matrix.reshape(groups, outputs // groups, inputs).transpose(0, 2, 1)


def _product(rows: Array, kernel: Array) -> Array:
    """Rows (n, groups x inputs) times a kernel (groups, inputs, outputs): (n, all outputs)."""
    groups, inputs, _ = kernel.shape
    rows = rows.astype(kernel.dtype, copy=False)
    if groups == 1:
        return np.asarray(rows @ kernel[0])
    split = rows.reshape(len(rows), groups, inputs)
    return np.asarray(np.einsum("ngi,gio->ngo", split, kernel)).reshape(len(rows), -1)


def _numbers(walk: Commuting, name: str) -> Array | None:
    """Constant weights in single or double precision, None where they are none."""
    value = walk.view.weights(name)
    return value if value is not None and value.dtype in (np.float32, np.float64) else None


def _a_number_a_feature(walk: Commuting, name: str, layout: TensorLayout) -> Array | None:
    """A constant that is the same for all samples and positions, as a row; None for others."""
    value = _numbers(walk, name)
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
    "Conv": _convolution,
    "Div": _scaled,
    "Dropout": _same,
    "Identity": _same,
    "MatMul": _matmul,
    "Mul": _scaled,
    "Sub": _sum,
    "Sum": _sum,
}

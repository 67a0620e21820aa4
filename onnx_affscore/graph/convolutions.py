"""The mean of a convolution's output, from what its input is pooled to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx

from onnx_affscore.graph.commuting import Commuted, Commuting, Source
from onnx_affscore.graph.view import attributes
from onnx_affscore.graph.windows import Window, mean_kernel, patch_weights
from onnx_affscore.records import Array, TensorLayout

__all__ = ["convolution", "numbers"]

# A kernel as large as the plane sums its products one by one: more of them than this would round
# worse than the noise floor allows for (score/psd.py).
_LARGEST_KERNEL = 4096


def convolution(walk: Commuting, node: onnx.NodeProto, layout: TensorLayout) -> Commuted | None:
    """Return the cheapest way around the output of a Conv node, None where there is none.

    A pointwise one commutes as it is. With stride 1 the sums over windows follow from the whole
    plane and its borders. Channel by channel, any stride is a product with one kernel as large as
    the plane. On the model's own input, which no runtime keeps in a layout of its own, the sums
    over windows are products with two small matrices.
    """
    has_bias = len(node.input) > 2 and bool(node.input[2])
    weight = numbers(walk, node.input[1])
    bias = numbers(walk, node.input[2]) if has_bias else None
    if weight is None or (has_bias and bias is None) or weight.ndim != layout.rank:
        return None
    if (layout.sample_axis, layout.feature_axis) != (0, 1):
        return None
    way = _unbiased(walk, node, Source(node.input[0], layout), weight)
    return way if way is None or bias is None else way.then(lambda rows: rows + bias)


def _unbiased(
    walk: Commuting, node: onnx.NodeProto, source: Source, weight: Array
) -> Commuted | None:
    attrs = attributes(node)
    groups = int(attrs.get("group", 1))
    if _is_pointwise(attrs, weight):
        kernel = _grouped(weight.reshape(weight.shape[:2]), groups)
        return walk.of(source.tensor, source.layout).then(lambda rows: _product(rows, kernel))
    windows = _windows(attrs, weight.shape[2:], walk.view.shape(source.tensor))
    if windows is None:
        return None
    ways = []
    if all(w.stride == 1 and w.covered for w in windows):
        ways.append(_by_patches(source, weight, windows, groups))
    if _is_depthwise(walk, source.tensor, weight, windows, groups):
        weighted = replace(source, label=node.output[0], kernel=mean_kernel(weight, windows))
        ways.append(Commuted((weighted,), lambda values: _flat(values[weighted])))
    if source.tensor in walk.view.inputs and len(windows) == 2:
        ways.append(_by_products(replace(source, label=node.output[0]), weight, windows, groups))
    return min(ways, key=walk.cost, default=None)


def _by_patches(whole: Source, weight: Array, windows: Sequence[Window], groups: int) -> Commuted:
    plane = tuple(w.size for w in windows)
    kernels: dict[Source, Array] = {}
    for patch, weights in patch_weights(windows).items():
        source = whole if patch == plane else replace(whole, patch=patch)
        kernels[source] = _kernels(weight, weights, groups)

    def compute(values: Mapping[Source, Array]) -> Array:
        return np.asarray(sum(_product(_flat(values[s]), kernel) for s, kernel in kernels.items()))

    return Commuted(tuple(kernels), compute)


def _by_products(
    labelled: Source, weight: Array, windows: Sequence[Window], groups: int
) -> Commuted:
    rows, columns = ((w.visits / w.output).astype(weight.dtype) for w in windows)
    source = replace(labelled, visits=(rows, columns))
    kernel = _grouped(weight.reshape(len(weight), -1), groups)
    return Commuted((source,), lambda values: _product(_flat(values[source]), kernel))


def _is_pointwise(attrs: Mapping[str, object], weight: Array) -> bool:
    """Whether each position of the output sees the same position of the input, and no other."""
    plain = all(k == 1 for k in weight.shape[2:])
    strides, pads = (_ints(attrs.get(name), [0]) for name in ("strides", "pads"))
    return plain and max(strides) <= 1 and not any(pads)


def _is_depthwise(
    walk: Commuting, name: str, weight: Array, windows: Sequence[Window], groups: int
) -> bool:
    shape = walk.view.shape(name)
    channels = None if shape is None else shape[1]
    plane = np.prod([w.size for w in windows])
    return groups == channels == len(weight) and bool(plane <= _LARGEST_KERNEL)


def _windows(
    attrs: Mapping[str, object],
    kernel: Sequence[int],
    shape: Sequence[int | str | None] | None,
) -> list[Window] | None:
    """The windows along each axis of the plane, None where its sizes are not known."""
    axes = len(kernel)
    sizes = [size for size in (shape or ())[2:] if isinstance(size, int)]
    if len(sizes) != axes:
        return None
    strides, dilations = (_ints(attrs.get(name), [1] * axes) for name in ("strides", "dilations"))
    along = list(zip(sizes, kernel, strides, dilations, strict=True))
    before, after = _pads(attrs, [Window(*axis) for axis in along])
    windows = [Window(*along[i], before=before[i], after=after[i]) for i in range(axes)]
    return windows if all(w.output > 0 for w in windows) else None


def _pads(attrs: Mapping[str, object], windows: Sequence[Window]) -> tuple[list[int], list[int]]:
    """Padding at the start and at the end of each axis (specification of Conv)."""
    automatic = attrs.get("auto_pad", b"NOTSET")
    if automatic in (b"SAME_UPPER", b"SAME_LOWER"):
        total = [
            max(0, (-(-w.size // w.stride) - 1) * w.stride + w.reach - w.size) for w in windows
        ]
        small, large = [t // 2 for t in total], [t - t // 2 for t in total]
        return (small, large) if automatic == b"SAME_UPPER" else (large, small)
    given = [] if automatic == b"VALID" else _ints(attrs.get("pads"), [])
    pads = given or [0] * (2 * len(windows))
    return pads[: len(windows)], pads[len(windows) :]


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


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1)


def numbers(walk: Commuting, name: str) -> Array | None:
    """Constant weights in single or double precision, None where they are none."""
    value = walk.view.weights(name)
    return value if value is not None and value.dtype in (np.float32, np.float64) else None

"""ONE table: how an operator carries the letters of a layout on, operator -> rule.

A rule gets the layouts found so far, the node and its attributes, and returns the letters of the
node's outputs, None where they are not known.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import onnx

from onnx_affscore.graph.reshaping import merged, reshaped, split

if TYPE_CHECKING:
    from onnx_affscore.graph.layout import Layouts

__all__ = ["RULES", "Letters", "Rule", "elementwise"]

Letters: TypeAlias = str
Rule: TypeAlias = "Callable[[Layouts, onnx.NodeProto, dict[str, Any]], Letters | None]"


def _same(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    return layouts.of(node)


def _convolution(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    rank = len(before) if before else layouts.view.rank(node.output[0])
    if rank is None:
        weight = node.input[3] if node.op_type == "QLinearConv" else node.input[1]
        rank = layouts.view.rank(weight)
    if rank is None or rank < 3:
        return None
    return (before[0] if before else "N") + "C" + "S" * (rank - 2)


def _channels_first(
    layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]
) -> Letters | None:
    """Normalisation over axis 1: it says where the features are, if nothing else does."""
    before = layouts.of(node)
    rank = len(before) if before else layouts.view.rank(node.output[0])
    if before and "C" in before:
        return before
    return None if not rank or rank < 2 else (before[0] if before else "N") + "C" + "S" * (rank - 2)


def _layer_norm(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    if before and "C" not in before:
        return before[:-1] + "C"
    return before


def _gemm(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before, right = layouts.of(node), layouts.of(node, 1)
    if before is None and right is not None:  # W x: rows are features
        return "C" + (right[0] if attrs.get("transB") else right[-1])
    if attrs.get("transA"):
        return (before[1] if before else "?") + "C"
    return (before[0] if before else "N") + "C"


def _matmul(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    quantised = {"QLinearMatMul": 3}.get(node.op_type, 1)
    left, right = layouts.of(node), layouts.of(node, quantised)
    view = layouts.view
    if left is None:  # W x: rows are features, columns are not
        if right is None or len(right) < 2:
            return None
        return right[:-2] + "C" + right[-1].replace("C", "S")
    if right is None:  # x W
        rank = view.rank(node.input[quantised])
        if rank is not None and rank > len(left):
            return "S" * (rank - len(left)) + left[:-1] + "C"
        return left[:-1] if rank == 1 else left[:-1] + "C"
    batch = left[:-2] if len(left) >= len(right) else right[:-2]
    return batch + left[-2] + right[-1] if len(left) > 1 and len(right) > 1 else None


def _transpose(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    if before is None:
        return None
    perm = attrs.get("perm")
    return "".join(before[int(p)] for p in perm) if isinstance(perm, list) else before[::-1]


def _reduce(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if not before:  # unknown, or a scalar
        return before
    dropped = {a % len(before) for a in axes} if axes else set(range(len(before)))
    if attrs.get("keepdims", 1):
        return before
    return "".join(c for i, c in enumerate(before) if i not in dropped)


def _arg_reduce(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    axis = attrs.get("axis", 0)
    if not before or attrs.get("keepdims", 1) or not isinstance(axis, int):
        return before
    axis %= len(before)
    return before[:axis] + before[axis + 1 :]


def _squeeze(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if not before:
        return before
    if axes is None:
        shape = layouts.view.shape(node.input[0])
        if shape is None:
            return None
        axes = [i for i, d in enumerate(shape) if d == 1]
    dropped = {a % len(before) for a in axes}
    return "".join(c for i, c in enumerate(before) if i not in dropped)


def _unsqueeze(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if before is None or axes is None:
        return None
    rank = len(before) + len(axes)
    added = {a % rank for a in axes}
    if len(added) < len(axes):
        return None  # an axis said twice is no graph that runs
    rest = iter(before)
    return "".join("S" if i in added else next(rest) for i in range(rank))


def _flatten(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before, axis = layouts.of(node), attrs.get("axis", 1)
    if before is None or not isinstance(axis, int):
        return None
    return merged(before[:axis]) + merged(before[axis:])


def _reshape(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before = layouts.of(node)
    old, new = layouts.view.shape(node.input[0]), layouts.view.shape(node.output[0])
    if before is None:
        return None
    target = layouts.constant_ints(node, 1, "shape")
    if new is None and target is not None:
        new = tuple(
            (old[i] if old is not None and i < len(old) else f"copied{i}") if d == 0 else
            (None if d < 0 else d)
            for i, d in enumerate(target)
        )  # fmt: skip
    if old is None or new is None or len(old) != len(before):
        return None
    letters = reshaped(before, old, new)
    # Features merged with positions come apart again where their old shape comes back.
    return letters if letters.count("C") == 1 else _restored(layouts, node, new) or letters


def _restored(
    layouts: "Layouts", node: onnx.NodeProto, shape: tuple[int | str | None, ...]
) -> Letters | None:
    """Return the letters from in front of an earlier Reshape that a later one takes back.

    Between the two (a group normalisation, say) every tensor has the shape of the first one's.
    """
    view, name = layouts.view, node.input[0]
    between = view.shape(name)
    while (producer := view.producer_of(name)) is not None and producer.input:
        if producer.op_type == "Reshape":
            return layouts.of(producer) if view.shape(producer.input[0]) == shape else None
        name = producer.input[0]
        if view.shape(name) != between:
            return None
    return None


def _concat(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    return next((found for i in range(len(node.input)) if (found := layouts.of(node, i))), None)


def _gather(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    data, indices = layouts.of(node), layouts.of(node, 1)
    axis = attrs.get("axis", 0)
    if not isinstance(axis, int):
        return None
    if data is None:  # an embedding: rows of a table
        rank = layouts.view.rank(node.input[0])
        table = "S" * ((rank or 2) - 2) + "C"
        letters = indices.replace("C", "S") if indices else None
        return letters + table if letters is not None and axis == 0 else None
    if not data:  # nothing can be taken from a scalar
        return None
    axis %= len(data)
    rank = layouts.view.rank(node.input[1])
    if rank is None:
        constant = layouts.view.constant(node.input[1])
        rank = constant.ndim if constant is not None else None
    return None if rank is None else data[:axis] + split(data[axis], rank) + data[axis + 1 :]


def elementwise(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    """Broadcast: align at the last axis; the first operand that knows an axis names it."""
    known = [f for i in range(len(node.input)) if (f := layouts.of(node, i))]
    if not known:
        return None
    rank = max(len(f) for f in known)
    padded = [f.rjust(rank, "?") for f in known]
    letters = "".join(
        next((c for c in "NCS" if c in column), "?") for column in zip(*padded, strict=True)
    )
    return letters if "C" in letters else _from_constant(layouts, node, letters)


def _from_constant(layouts: "Layouts", node: onnx.NodeProto, letters: Letters) -> Letters:
    """A constant with a single long axis (a bias, a slope) lies along the features."""
    for name in node.input:
        shape = layouts.view.shape(name) if name in layouts.view.initializers else None
        if not shape or len(shape) > len(letters):
            continue
        long = [i for i, d in enumerate(shape) if d != 1]
        if len(long) == 1:
            axis = len(letters) - len(shape) + long[0]
            if letters[axis] in "S?":
                return letters[:axis] + "C" + letters[axis + 1 :]
    return letters


def _recurrent(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    batch_first = attrs.get("layout", 0) == 1
    state = "NSC" if batch_first else "SNC"
    for name in node.output[1:]:
        if name:
            layouts.set(name, state)
    if node.output[0]:
        layouts.set(node.output[0], "NSSC" if batch_first else "SSNC")
    return None


def _expand(layouts: "Layouts", node: onnx.NodeProto, attrs: dict[str, Any]) -> Letters | None:
    before, rank = layouts.of(node), layouts.view.rank(node.output[0])
    return None if before is None else before.rjust(rank or len(before), "S")


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "DeformConv",
         "com.microsoft::FusedConv"),
        _convolution,
    ),
    **dict.fromkeys(
        ("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LRN",
         "SpatialBN", "MaxRoiPool"),
        _channels_first,
    ),
    **dict.fromkeys(
        ("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization",
         "com.microsoft::SkipLayerNormalization"),
        _layer_norm,
    ),
    **dict.fromkeys(
        ("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
         "GlobalLpPool", "Pad", "Resize", "Upsample", "Slice", "Softmax", "LogSoftmax",
         "Hardmax", "LpNormalization", "MeanVarianceNormalization", "CumSum", "Split",
         "DepthToSpace", "SpaceToDepth", "GridSample", "Tile", "ScatterND", "ScatterElements",
         "ReverseSequence", "Trilu", "TopK", "QLinearAdd", "Crop",
         "com.microsoft::QLinearGlobalAveragePool", "com.microsoft::QLinearAveragePool",
         "com.microsoft::QLinearAdd", "com.microsoft::QLinearLeakyRelu",
         "com.microsoft::QLinearSigmoid", "com.microsoft::BiasDropout"),
        _same,
    ),
    **dict.fromkeys(
        tuple(f"Reduce{r}" for r in ("Mean", "Sum", "Max", "Min", "L1", "L2", "Prod",
                                     "LogSum", "LogSumExp", "SumSquare")),
        _reduce,
    ),
    "ArgMax": _arg_reduce,
    "ArgMin": _arg_reduce,
    **dict.fromkeys(("Gemm", "com.microsoft::FusedGemm", "com.microsoft::GemmFastGelu"), _gemm),
    **dict.fromkeys(
        ("MatMul", "MatMulInteger", "QLinearMatMul", "com.microsoft::FusedMatMul",
         "com.microsoft::MatMulNBits", "com.microsoft::DynamicQuantizeMatMul",
         "com.microsoft::MatMulIntegerToFloat"),
        _matmul,
    ),
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Concat": _concat,
    "Gather": _gather,
    "Expand": _expand,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}  # fmt: skip

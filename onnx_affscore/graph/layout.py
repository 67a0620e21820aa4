"""Which axis of a tensor counts samples and which its features, by following the producers.

Each axis carries a letter: N counts samples (or samples times windows, batch-major), C features
(channels, units), S positions (pixels, tokens, time steps), ``?`` is not known. The letters start
at the model's inputs and at the operators that make features (Conv, Gemm, MatMul with weights),
and are carried on by ONE table, operator -> rule. An operator that is not in the table ends them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, final

import numpy as np
import onnx

from onnx_affscore.graph.operators import is_elementwise
from onnx_affscore.graph.view import GraphView, attributes, kind
from onnx_affscore.records import InputHint

__all__ = ["Layouts", "default_feature_axis", "feature_axis", "sample_axis"]

Letters: TypeAlias = str
Rule: TypeAlias = "Callable[[Layouts, onnx.NodeProto, dict[str, object]], Letters | None]"


def sample_axis(letters: Letters | None) -> int | None:
    """Return the axis that counts samples, None where it is not known."""
    return letters.index("N") if letters and "N" in letters else None


def feature_axis(letters: Letters | None) -> int | None:
    """Return the feature axis: the last one of features (of heads and units, the units)."""
    return letters.rindex("C") if letters and "C" in letters else None


def default_feature_axis(rank: int) -> int | None:
    """Return the feature axis of a tensor of which only the rank is known."""
    return {0: None, 1: 0, 2: 1, 3: 2}.get(rank, 1)


def input_letters(hints: Sequence[InputHint]) -> dict[str, Letters]:
    """Return the letters of a model's inputs, as far as their shapes are declared."""
    return {
        hint.spec.name: _input_letters(hint.spec.shape, hint.sample_axis)
        for hint in hints
        if hint.spec.shape is not None
    }


@final
class Layouts:
    """The letters of every tensor of a view, as far as the table carries them.

    ``known`` are the letters of the graph's inputs, and of what it captures from around it.
    """

    def __init__(self, view: GraphView, known: Mapping[str, Letters]) -> None:
        self.view = view
        self._letters: dict[str, Letters] = dict(known)
        for node in view.nodes:
            letters = self._follow(node)
            if letters is None:
                continue
            for name in node.output:
                if name and name not in self._letters:
                    rank = view.rank(name)
                    if rank is None or rank == len(letters):
                        self._letters[name] = letters

    def __getitem__(self, name: str) -> Letters | None:
        return self._letters.get(name)

    def set(self, name: str, letters: Letters) -> None:
        """Give a tensor its letters (an operator whose outputs differ in layout)."""
        self._letters[name] = letters

    def inside(self, node: onnx.NodeProto, graph: GraphView) -> dict[str, Letters]:
        """Return the letters that a subgraph of ``node`` starts with.

        What it captures keeps its letters; a Loop's carried values and a Scan's states have those
        of their initial values, a Scan's slices those of the sequence less the scanned axis.
        """
        known = {n: f for n in graph.captured if (f := self._letters.get(n)) is not None}
        formal = [i.name for i in graph.graph.input]
        if node.op_type == "Loop":
            pairs = zip(formal[2:], node.input[2:], strict=False)
            known |= {n: f for n, outer in pairs if (f := self._letters.get(outer)) is not None}
        elif node.op_type == "Scan":
            attrs = attributes(node)
            scanned = int(attrs.get("num_scan_inputs", 0))
            axes = attrs.get("scan_input_axes") or [0] * scanned
            states = len(formal) - scanned
            for i, (name, outer) in enumerate(zip(formal, node.input, strict=False)):
                letters = self._letters.get(outer)
                if letters is not None and i >= states:
                    axis = axes[i - states] % len(letters)
                    letters = letters[:axis] + letters[axis + 1 :]
                if letters is not None:
                    known[name] = letters
        return known

    def of(self, node: onnx.NodeProto, index: int = 0) -> Letters | None:
        """Return the letters of a node's input, None where it has none or they are unknown."""
        return self._letters.get(node.input[index]) if len(node.input) > index else None

    def constant_ints(self, node: onnx.NodeProto, index: int, name: str) -> list[int] | None:
        """Return integers given as an attribute (older opsets) or as a constant input."""
        value = attributes(node).get(name)
        if value is not None:
            return [int(v) for v in np.ravel(value)]
        if len(node.input) > index and node.input[index]:
            constant = self.view.constant(node.input[index])
            return None if constant is None else [int(v) for v in constant.ravel()]
        return None

    def _follow(self, node: onnx.NodeProto) -> Letters | None:
        rule = _RULES.get(kind(node))
        if rule is None:
            rule = _elementwise if is_elementwise(kind(node)) else None
        if rule is None:
            return None
        try:
            return rule(self, node, attributes(node))
        except (IndexError, ValueError):
            return None


def _input_letters(shape: Sequence[int | str | None], sample: int | None) -> Letters:
    """Letters of a model input: features first for images with few channels, else last."""
    rank = len(shape)
    letters = ["S"] * rank
    if rank >= 4 and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4):
        letters[-1] = "C"
    elif rank >= 4:
        letters[1] = "C"
    elif rank >= 2:
        letters[-1] = "C"
    if sample is not None and sample < rank:
        letters[sample] = "N"
    return "".join(letters)


def _same(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    return layouts.of(node)


def _convolution(
    layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]
) -> Letters | None:
    before = layouts.of(node)
    rank = len(before) if before else layouts.view.rank(node.output[0])
    if rank is None:
        weight = node.input[3] if node.op_type == "QLinearConv" else node.input[1]
        rank = layouts.view.rank(weight)
    if rank is None or rank < 3:
        return None
    return (before[0] if before else "N") + "C" + "S" * (rank - 2)


def _channels_first(
    layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]
) -> Letters | None:
    """Normalisation over axis 1: it says where the features are, if nothing else does."""
    before = layouts.of(node)
    rank = len(before) if before else layouts.view.rank(node.output[0])
    if before and "C" in before:
        return before
    return None if not rank or rank < 2 else (before[0] if before else "N") + "C" + "S" * (rank - 2)


def _layer_norm(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    if before and "C" not in before:
        return before[:-1] + "C"
    return before


def _gemm(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    if attrs.get("transA"):
        return (before[1] if before else "?") + "C"
    return (before[0] if before else "N") + "C"


def _matmul(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    quantised = {"QLinearMatMul": 3}.get(node.op_type, 1)
    left, right = layouts.of(node), layouts.of(node, quantised)
    view = layouts.view
    if left is None and right is None:
        return None
    if right is None and left is not None:  # x W
        rank = view.rank(node.input[quantised])
        if rank is not None and rank > len(left):
            return "S" * (rank - len(left)) + left[:-1] + "C"
        return left[:-1] if rank == 1 else left[:-1] + "C"
    if left is None and right is not None:  # W x: rows are features
        return right[:-2] + "C" + right[-1] if len(right) > 1 else None
    assert left is not None
    assert right is not None
    batch = left[:-2] if len(left) >= len(right) else right[:-2]
    return batch + left[-2] + right[-1] if len(left) > 1 and len(right) > 1 else None


def _transpose(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    if before is None:
        return None
    perm = attrs.get("perm")
    return "".join(before[int(p)] for p in perm) if isinstance(perm, list) else before[::-1]


def _reduce(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if before is None:
        return None
    dropped = {a % len(before) for a in axes} if axes else set(range(len(before)))
    if attrs.get("keepdims", 1):
        return before
    return "".join(c for i, c in enumerate(before) if i not in dropped)


def _arg_reduce(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    axis = attrs.get("axis", 0)
    if before is None or attrs.get("keepdims", 1) or not isinstance(axis, int):
        return before
    axis %= len(before)
    return before[:axis] + before[axis + 1 :]


def _squeeze(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if before is None:
        return None
    if axes is None:
        shape = layouts.view.shape(node.input[0])
        if shape is None:
            return None
        axes = [i for i, d in enumerate(shape) if d == 1]
    dropped = {a % len(before) for a in axes}
    return "".join(c for i, c in enumerate(before) if i not in dropped)


def _unsqueeze(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before = layouts.of(node)
    axes = layouts.constant_ints(node, 1, "axes")
    if before is None or axes is None:
        return None
    rank = len(before) + len(axes)
    added = {a % rank for a in axes}
    rest = iter(before)
    return "".join("S" if i in added else next(rest) for i in range(rank))


def _flatten(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before, axis = layouts.of(node), attrs.get("axis", 1)
    if before is None or not isinstance(axis, int):
        return None
    return _merged(before[:axis]) + _merged(before[axis:])


def _merged(letters: Letters) -> Letters:
    """The letter of several axes made one: samples in front stay samples, else features win."""
    if letters.startswith("N"):
        return "N" if "C" not in letters else "?"
    return next((c for c in "NC" if c in letters), "S") if "N" not in letters else "?"


def _split(letter: str, parts: int) -> Letters:
    """The letters of one axis made several: samples are the outermost, features stay features."""
    return "N" + "S" * (parts - 1) if letter == "N" else letter * parts


def _reshape(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
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
    return reshaped(before, old, new)


def reshaped(
    before: Letters, old: Sequence[int | str | None], new: Sequence[int | str | None]
) -> Letters:
    """Carry letters through a reshape by matching runs of axes of equal size.

    Symbolic dimensions match where their names do; one run that cannot be matched takes what is
    left over on both sides.
    """
    front: list[str] = []
    i = j = 0
    while i < len(old) and j < len(new):
        run = _run(old[i:], new[j:])
        if run is None:
            break
        a, b = run
        front.append(_carried(before[i : i + a], b))
        i, j = i + a, j + b
    back: list[str] = []
    k, m = len(old), len(new)
    while k > i and m > j:
        run = _run(old[i:k][::-1], new[j:m][::-1])
        if run is None:
            break
        a, b = run
        back.insert(0, _carried(before[k - a : k], b))
        k, m = k - a, m - b
    middle = _carried(before[i:k], m - j) if i < k else "S" * (m - j)
    return "".join(front) + middle + "".join(back)


def _carried(letters: Letters, parts: int) -> Letters:
    if len(letters) == parts:
        return letters
    if parts == 0:
        return ""
    return _split(_merged(letters), parts)


def _run(
    old: Sequence[int | str | None], new: Sequence[int | str | None]
) -> tuple[int, int] | None:
    """Return the shortest runs at the start of both shapes that hold equally many elements."""
    if old[0] is not None and old[0] == new[0]:
        return 1, 1
    a = b = 0
    left = right = 1
    while True:
        if left <= right:
            if a >= len(old) or not isinstance(old[a], int):
                return None
            left *= int(str(old[a]))
            a += 1
        else:
            if b >= len(new) or not isinstance(new[b], int):
                return None
            right *= int(str(new[b]))
            b += 1
        if left == right and a and b:
            return a, b


def _concat(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    return next((found for i in range(len(node.input)) if (found := layouts.of(node, i))), None)


def _gather(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    data, indices = layouts.of(node), layouts.of(node, 1)
    axis = attrs.get("axis", 0)
    if not isinstance(axis, int):
        return None
    if data is None:  # an embedding: rows of a table
        rank = layouts.view.rank(node.input[0])
        table = "S" * ((rank or 2) - 2) + "C"
        letters = indices.replace("C", "S") if indices else None
        return letters + table if letters is not None and axis == 0 else None
    axis %= len(data)
    rank = layouts.view.rank(node.input[1])
    if rank is None:
        constant = layouts.view.constant(node.input[1])
        rank = constant.ndim if constant is not None else None
    return None if rank is None else data[:axis] + _split(data[axis], rank) + data[axis + 1 :]


def _elementwise(
    layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]
) -> Letters | None:
    """Broadcast: align at the last axis; the first operand that knows an axis names it."""
    known = [f for i in range(len(node.input)) if (f := layouts.of(node, i))]
    if not known:
        return None
    rank = max(len(f) for f in known)
    padded = [f.rjust(rank, "?") for f in known]
    letters = "".join(
        next((c for c in column if c != "?"), "?") for column in zip(*padded, strict=True)
    )
    return letters if "C" in letters else _from_constant(layouts, node, letters)


def _from_constant(layouts: Layouts, node: onnx.NodeProto, letters: Letters) -> Letters:
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


def _recurrent(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    batch_first = attrs.get("layout", 0) == 1
    state = "NSC" if batch_first else "SNC"
    for name in node.output[1:]:
        if name:
            layouts.set(name, state)
    if node.output[0]:
        layouts.set(node.output[0], "NSSC" if batch_first else "SSNC")
    return None


def _expand(layouts: Layouts, node: onnx.NodeProto, attrs: dict[str, object]) -> Letters | None:
    before, rank = layouts.of(node), layouts.view.rank(node.output[0])
    return None if before is None else before.rjust(rank or len(before), "S")


_RULES: Mapping[str, Rule] = {
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

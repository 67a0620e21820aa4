"""Residual blocks: a sum of two tensors, one of which the other one was computed from.

The pair is the tensor that is skipped with, and the sum. Where the shortcut is projected (a 1x1
convolution, a pooling) it is the block's input, before the projection.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import onnx

from onnx_affscore.graph.context import WEIGHTED
from onnx_affscore.graph.level import Level, Probe
from onnx_affscore.graph.operators import STRUCTURAL, is_elementwise
from onnx_affscore.graph.paths import between
from onnx_affscore.graph.view import GraphView, kind

__all__ = ["SKIP_NORMS", "name_sums", "residuals"]

# Operators that add two tensors: operator -> the inputs added, and the output that is their sum.
_SUMS = {
    "Add": ((0, 1), 0),
    "Sum": ((0, 1), 0),
    "QLinearAdd": ((0, 3), 0),
    "com.microsoft::QLinearAdd": ((0, 3), 0),
    "com.microsoft::SkipLayerNormalization": ((0, 1), 3),
    "com.microsoft::SkipSimplifiedLayerNormalization": ((0, 1), 3),
    "com.microsoft::SkipGroupNorm": ((0, 3), 1),
}
SKIP_NORMS = frozenset(name for name, (_, output) in _SUMS.items() if output)
"""Sums and a normalisation in one operator, whose further output is the sum."""

# A block computes something new of its input: weights, or a mixture of positions.
_MIXING = WEIGHTED | {"AveragePool", "MaxPool"}
_PRESERVING = frozenset({"Identity", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear"})
# The operators of a projected shortcut: few, at most one with weights, one operand computed.
_PROJECTING = _MIXING | _PRESERVING | {
    "Pad", "Concat", "BatchNormalization", "Transpose", "Add", "Sub", "Mul", "Div",
}  # fmt: skip
_LONGEST_SHORTCUT = 8


@final
@dataclass(frozen=True, slots=True)
class _Shortcut:
    """Where a block begins, the nodes between that and the sum, the weights in its shortcut."""

    start: str
    nodes: tuple[int, ...]
    weights: int


def residuals(level: Level) -> Iterator[Probe]:
    """Yield the residual blocks of one graph."""
    view = level.view
    for position in sorted(view.live):
        node = view.nodes[position]
        if kind(node) not in _SUMS:
            continue
        operands, at = _SUMS[kind(node)]
        if len(node.output) <= at or not node.output[at] or len(node.input) <= operands[1]:
            continue
        a, b = (node.input[i] for i in operands)
        plain = kind(node) != "Sum" or len(node.input) == 2
        computed = all(n in level.context.from_data and not view.is_constant(n) for n in (a, b))
        if not (plain and computed and _same_shape(view, a, b)) or _feeds_softmax(view, position):
            continue
        found = _shortcut(view, a, b)
        if found is not None:
            nodes = (*found.nodes, position)
            params = {"projected": True} if found.start not in (a, b) else {}
            ends = (found.start, node.output[at])
            yield Probe(*ends, nodes, "Residual", label="residual", params=params)


def name_sums(graph: onnx.GraphProto) -> None:
    """Have every skip normalisation put out its sum, which it computes anyway."""
    for number, node in enumerate(graph.node):
        at = _SUMS[kind(node)][1] if kind(node) in SKIP_NORMS else 0
        if at and (len(node.output) <= at or not node.output[at]):
            node.output.extend([""] * (at + 1 - len(node.output)))
            node.output[at] = f"{node.output[0]}/sum_{number}"


def _same_shape(view: GraphView, a: str, b: str) -> bool:
    """Whether two tensors may have one shape: a sum that broadcasts is no residual one."""
    first, second = view.shape(a), view.shape(b)
    if first is None or second is None:
        return True
    sized = zip(first, second, strict=False)
    return len(first) == len(second) and all(
        p == q for p, q in sized if isinstance(p, int) and isinstance(q, int)
    )


def _feeds_softmax(view: GraphView, position: int) -> bool:
    """Whether a sum is one of attention scores and their mask or bias."""
    pending, seen = list(view.nodes[position].output), set()
    while pending:
        for node in view.consumers_of(pending.pop()):
            if node.op_type == "Softmax":
                return True
            computed = [n for n in node.input if n and not view.is_constant(n)]
            passes = is_elementwise(kind(node)) or node.op_type in STRUCTURAL
            if passes and len(computed) == 1 and node.output[0] not in seen:
                seen.add(node.output[0])
                pending.append(node.output[0])
    return False


def _shortcut(view: GraphView, a: str, b: str) -> _Shortcut | None:
    skip, branch = sorted((a, b), key=lambda name: view.producer.get(name, -1))
    nodes = between(view, skip, branch)
    if nodes:
        return _Shortcut(skip, nodes, 0) if _weights(view, nodes) else None
    found = [s for s in (_projected(view, a, b), _projected(view, b, a)) if s is not None]
    found.sort(key=lambda s: s.weights)
    # Two branches alike are a sum of branches, no block with a shortcut.
    if not found or (len(found) == 2 and found[0].weights == found[1].weights):
        return None
    return found[0]


def _projected(view: GraphView, skip: str, branch: str) -> _Shortcut | None:
    """Follow a shortcut back through its projection to a tensor that the branch comes from."""
    names, passed = [skip], []
    for _ in range(_LONGEST_SHORTCUT):
        position = view.producer.get(names[-1])
        if position is None:
            return None
        node = view.nodes[position]
        computed = [n for n in node.input if n and not view.is_constant(n)]
        passed.append(position)
        names.append(computed[0] if computed else "")
        weights = sum(kind(view.nodes[p]) in WEIGHTED for p in passed)
        if len(computed) != 1 or weights > 1 or kind(node) not in _PROJECTING:
            return None
        nodes = between(view, names[-1], branch)
        if nodes and _weights(view, nodes) > weights:
            start = _first_numbers(view, names, passed)
            return _Shortcut(start, tuple(sorted({*nodes, *passed})), weights)
    return None


def _first_numbers(view: GraphView, names: Sequence[str], passed: Sequence[int]) -> str:
    """Return the input of a projection: the last of ``names``, or what it becomes unprojected.

    Of a tensor and its quantised copy the one that holds real numbers counts.
    """
    preserved = [kind(view.nodes[p]) in _PRESERVING for p in passed]
    at = len(passed)
    while at and preserved[at - 1]:
        if "float" in (view.dtype(names[at]) or "float") and not all(preserved[:at]):
            break
        at -= 1
    return names[at]


def _weights(view: GraphView, nodes: tuple[int, ...]) -> int:
    """How many operators with weights, or poolings, are among some nodes."""
    return sum(kind(view.nodes[p]) in _MIXING for p in nodes)

"""Normalisations, as one operator or spelled out, and the tensors before and behind them.

Spelled out means: a mean of squares, its root, and a quotient, all of one tensor; weights and bias
behind belong to it. With the mean taken off it is a layer or an instance normalisation, without it
an RMS one; between two reshapes, a group normalisation.
"""

import heapq
from collections.abc import Iterator
from typing import Final

import onnx

from onnx_affscore.graph.layout import Layouts
from onnx_affscore.graph.level import Level, Probe
from onnx_affscore.graph.paths import between
from onnx_affscore.graph.view import GraphView, kind

__all__ = ["FUSED", "normalisations"]

_LAYER, _RMS = "LayerNormalization", "RMSNormalization"
_GROUP, _INSTANCE = "GroupNormalization", "InstanceNormalization"

FUSED: Final = {
    **{
        name: name
        for name in ("BatchNormalization", _GROUP, _INSTANCE, _LAYER, _RMS, "LRN",
                     "LpNormalization", "MeanVarianceNormalization")
    },
    "SimplifiedLayerNormalization": _RMS,
    "com.microsoft::GroupNorm": _GROUP,
    "com.microsoft::SkipGroupNorm": _GROUP,
    "com.microsoft::SkipLayerNormalization": _LAYER,
    "com.microsoft::SkipSimplifiedLayerNormalization": _RMS,
}  # fmt: skip
"""Operators that normalise, and the names of the sites."""

# Where an operator adds first, the output that is the sum: what is normalised.
_SUM_AT: Final = {
    "com.microsoft::SkipGroupNorm": 1,
    "com.microsoft::SkipLayerNormalization": 3,
    "com.microsoft::SkipSimplifiedLayerNormalization": 3,
}

# What a spelled-out normalisation is made of, besides means.
_ARITHMETIC = frozenset({
    "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Reciprocal", "Neg", "Cast", "Identity", "Max",
    "Clip", "Expand",
})  # fmt: skip
_MOST_NODES = 64


def normalisations(level: Level) -> Iterator[Probe]:
    """Yield the normalisations of one graph that depend on data."""
    view = level.view
    for position in sorted(view.live):
        node = view.nodes[position]
        if not node.output or not node.output[0]:
            continue
        if kind(node) in FUSED:
            probe = _fused(view, position)
        elif node.op_type == "ReduceMean":
            probe = _spelled_out(view, position, level.layouts)
        else:
            continue
        if probe is not None and probe.input in level.context.from_data:
            yield probe


def _fused(view: GraphView, position: int) -> Probe | None:
    node = view.nodes[position]
    name, at = FUSED[kind(node)], _SUM_AT.get(kind(node), -1)
    source = node.input[0] if at < 0 else "".join(node.output[at : at + 1])
    if not source:
        return None
    return _ended(view, source, node.output[0], (position,), name)


def _spelled_out(view: GraphView, anchor: int, layouts: Layouts) -> Probe | None:
    """Return the normalisation whose mean of squares a ReduceMean is."""
    base = _squared(view, view.nodes[anchor].input[0])
    if base is None:
        return None
    source = _uncentred(view, base) or base
    target = _normalised(view, source, anchor)
    if target is None:
        return None
    nodes = between(view, source, target)
    centred = sum(view.nodes[p].op_type == "ReduceMean" for p in nodes) > 1
    axes = layouts.constant_ints(view.nodes[anchor], 1, "axes")
    letters = layouts[source]
    name = _LAYER if centred else _RMS
    if centred and axes and letters and not any(letters[a % len(letters)] == "C" for a in axes):
        name = _INSTANCE
    return _ended(view, source, target, nodes, name)


def _squared(view: GraphView, name: str) -> str | None:
    """Return the tensor that another one is the square of."""
    node = _behind_cast(view, name)
    if node is None:
        return None
    if node.op_type == "Pow":
        power = view.constant(node.input[1])
        return node.input[0] if power is not None and bool((power == 2).all()) else None
    if node.op_type != "Mul":
        return None
    first, second = (view.producer_of(n) for n in node.input)
    twice = node.input[0] == node.input[1]
    # Exporters may compute the difference from the mean twice.
    if not twice and first is not None and second is not None and first.op_type == "Sub":
        twice = second.op_type == "Sub" and first.input == second.input
    return node.input[0] if twice else None


def _uncentred(view: GraphView, name: str) -> str | None:
    """Return the tensor whose mean was taken off to get another one."""
    node = _behind_cast(view, name)
    if node is None or node.op_type != "Sub":
        return None
    mean = _behind_cast(view, node.input[1])
    means = mean is not None and mean.op_type == "ReduceMean" and mean.input[0] == node.input[0]
    return node.input[0] if means else None


def _behind_cast(view: GraphView, name: str) -> onnx.NodeProto | None:
    node = view.producer_of(name)
    while node is not None and node.op_type in ("Cast", "Identity"):
        node = view.producer_of(node.input[0])
    return node


def _normalised(view: GraphView, source: str, anchor: int) -> str | None:
    """Return the first tensor that all that follows from the mean of squares leads to.

    It has the shape of ``source`` and is computed from it alone, by arithmetic and means.
    """
    whole, follows = {source: True}, set[str]()
    seen: set[int] = set()
    waiting = list(view.consumers.get(source, ()))
    heapq.heapify(waiting)
    while waiting and len(seen) < _MOST_NODES:
        position = heapq.heappop(waiting)
        node = view.nodes[position]
        computed = [n for n in node.input if n and not view.is_constant(n)]
        known = kind(node) in _ARITHMETIC or kind(node) == "ReduceMean"
        if position in seen or not known or any(n not in whole for n in computed):
            continue
        seen.add(position)
        output = node.output[0]
        whole[output] = node.op_type != "ReduceMean" and any(whole[n] for n in computed)
        if position == anchor or any(n in follows for n in computed):
            if whole[output] and all(set(view.consumers[n]) <= seen for n in follows):
                return output
            follows.add(output)
        for consumer in view.consumers.get(output, ()):
            heapq.heappush(waiting, consumer)
    return None


def _ended(
    view: GraphView, source: str, target: str, nodes: tuple[int, ...], name: str
) -> Probe | None:
    """Take in the reshapes around a normalisation, and the weights and the bias behind it."""
    outer = _unfolded(view, source, target) if name in (_LAYER, _INSTANCE) else None
    if outer is not None:
        source, target, around = outer
        nodes, name = tuple(sorted({*nodes, *around})), _GROUP
    if len(nodes) > 1:
        target, behind = _scaled(view, target)
        nodes = (*nodes, *behind)
        before = view.producer_of(source)
        if before is not None and before.op_type == "Cast":
            source = before.input[0]
    return Probe(source, target, nodes, name, label="norm")


def _unfolded(view: GraphView, source: str, target: str) -> tuple[str, str, tuple[int, int]] | None:
    """Return the ends of a Reshape in front and the Reshape behind that takes it back.

    None where the last axis stays: then only positions were folded, no groups of features.
    """
    before, after = view.producer_of(source), _only_reader(view, target)
    if before is None or after is None or {before.op_type, after.op_type} != {"Reshape"}:
        return None
    ends = (before.input[0], after.output[0])
    inner, (outer, again) = view.shape(source), map(view.shape, ends)
    if not inner or not outer or outer != again or inner[-1] == outer[-1]:
        return None
    return *ends, (view.producer[source], view.producer[after.output[0]])


def _scaled(view: GraphView, target: str) -> tuple[str, tuple[int, ...]]:
    """Follow a tensor through one product and one sum with vectors of constants."""
    nodes: list[int] = []
    start = target
    for wanted in (("Mul",), ("Add", "Sub")):
        name, passed = target, []
        node = _only_reader(view, name)
        while node is not None and node.op_type in ("Cast", "Identity"):
            passed.append(view.producer[node.output[0]])
            name = node.output[0]
            node = _only_reader(view, name)
        if node is None or node.op_type not in wanted or not _by_vector(view, node, name):
            continue
        target = node.output[0]
        nodes += [*passed, view.producer[target]]
    return (target, tuple(nodes)) if nodes else (start, ())


def _by_vector(view: GraphView, node: onnx.NodeProto, name: str) -> bool:
    others = [n for n in node.input if n != name]
    shapes = [view.shape(n) or () for n in others if view.is_constant(n)]
    return len(shapes) == 1 and any(d != 1 for d in shapes[0])


def _only_reader(view: GraphView, name: str) -> onnx.NodeProto | None:
    readers = view.consumers_of(name)
    return readers[0] if len(readers) == 1 and name not in view.outputs else None

"""Maximal single-source elementwise regions of a graph, as functions of one number.

Every tensor is either a *source* (an input, or made by an operator that mixes elements or
tensors) or an elementwise function of exactly one source. Following the origins back gives, for
each tensor, the cone of nodes that computes it, and the cone's cuts: the tensors through which
every path from the source leads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import onnx

from onnx_affscore.graph.catalogue import Curve
from onnx_affscore.graph.operators import STRUCTURAL, evaluate_operator, is_elementwise
from onnx_affscore.graph.view import GraphView, attributes, kind
from onnx_affscore.records import Array, FloatArray

__all__ = ["DEEPEST", "Cone", "Origin", "Regions"]

DEEPEST = 256
"""Operators in a row that a region may have. Activations have some ten; a file may have millions,
and what a region costs grows faster than it is deep."""

# Inputs that do not take part in the elementwise function: scales, zero points, the like-tensor.
_FIRST_INPUT_ONLY = frozenset({"Dropout", "CastLike", "QuantizeLinear", "DequantizeLinear"})


@final
@dataclass(frozen=True, slots=True)
class Origin:
    """Where a tensor comes from: a source, and how its elements were moved about on the way."""

    source: str
    moves: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Cone:
    """The nodes between a source and a tensor that is an elementwise function of it.

    ``nodes`` are positions in the view, in execution order; ``cuts`` the tensors that every path
    passes, from ``source`` to ``target``, both included.
    """

    source: str
    target: str
    nodes: tuple[int, ...]
    cuts: tuple[str, ...]


@final
class Regions:
    """The origins of a view's tensors. ``channelwise`` lets per-channel constants take part."""

    def __init__(self, view: GraphView, *, channelwise: bool = False) -> None:
        self.view = view
        self.channelwise = channelwise
        self._origins: dict[str, Origin] = {}
        depths: dict[str, int] = {}
        for node in view.nodes:
            depth = 1 + max((depths.get(name, 0) for name in node.input), default=0)
            origin = self._origin(node) if depth <= DEEPEST else None
            if origin is not None:
                self._origins[node.output[0]] = origin
                depths[node.output[0]] = depth

    def origin(self, name: str) -> Origin:
        """Return the origin of a tensor; a source is its own."""
        return self._origins.get(name) or Origin(name)

    def is_source(self, name: str) -> bool:
        """Whether a tensor is no elementwise function of another one."""
        return name not in self._origins

    def inputs(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs that take part in a node's function and are not constant."""
        names = list(node.input[:1] if _first_only(node) else node.input)
        return [n for n in names if n and not self.view.is_constant(n)]

    def _origin(self, node: onnx.NodeProto) -> Origin | None:
        if not node.output or not node.output[0]:
            return None
        inputs = self.inputs(node)
        if not inputs:
            return None
        if node.op_type in STRUCTURAL and not node.domain:
            if inputs[0] != node.input[0]:
                return None
            before = self.origin(inputs[0])
            moves = _moved(before.moves, self._move(node))
            if moves == (f"R{self.view.shape(before.source)}",):
                moves = ()  # back in the shape of the source
            return Origin(before.source, moves)
        if not is_elementwise(kind(node)):
            return None
        origins = {self.origin(n) for n in inputs}
        if len(origins) != 1 or not self._constants_allowed(node):
            return None
        return origins.pop()

    def _constants_allowed(self, node: onnx.NodeProto) -> bool:
        if _first_only(node):
            return True
        return all(
            _uniform(value) or self.channelwise
            for name in node.input
            if name and (value := self.view.constant(name)) is not None
        ) and all(
            self.view.constant(n) is not None for n in node.input if n in self.view.initializers
        )

    def _move(self, node: onnx.NodeProto) -> str:
        """What a node does to the places of elements.

        All but Transpose keep their order: there, only the shape that comes out matters.
        """
        if node.op_type == "Transpose":
            perm = attributes(node).get("perm")
            return f"T{','.join(map(str, perm))}" if perm else "T"
        shape = self.view.shape(node.output[0])
        if shape is not None and None not in shape:
            return f"R{shape}"
        if len(node.input) > 1:
            target = self.view.constant(node.input[1])
            to = node.input[1] if target is None else str(target.ravel().tolist())
        else:
            to = str(attributes(node).get("axes", attributes(node).get("axis", "")))
        return f"R{node.op_type}{to}"

    def cone(self, target: str, source: str | None = None) -> Cone:
        """Return the nodes between ``source`` (default: the tensor's origin) and ``target``."""
        source = self.origin(target).source if source is None else source
        found: set[int] = set()
        pending = [target]
        while pending:
            name = pending.pop()
            position = self.view.producer.get(name)
            if name == source or position is None or position in found:
                continue
            found.add(position)
            pending += self.inputs(self.view.nodes[position])[: self._arity(position)]
        nodes = tuple(sorted(found))
        return Cone(source, target, nodes, tuple(self._cuts(source, nodes)))

    def _arity(self, position: int) -> int | None:
        node = self.view.nodes[position]
        return 1 if node.op_type in STRUCTURAL else None

    def _cuts(self, source: str, nodes: Sequence[int]) -> Iterator[str]:
        last_use: dict[str, int] = {}
        for position in nodes:
            for name in self.inputs(self.view.nodes[position]):
                last_use[name] = position
        yield source
        reach = last_use.get(source, -1)
        for position in nodes:
            output = self.view.nodes[position].output[0]
            if reach <= position:
                yield output
            reach = max(reach, last_use.get(output, -1))

    def curve(self, cone: Cone, *, channel: int | None = None) -> Curve:
        """Return the cone's function of one number; ``channel`` picks from per-channel constants.

        The function raises ValueError where an operator's input is missing.
        """
        nodes = [self.view.nodes[p] for p in cone.nodes]
        constants = {
            name: _scalar(value, channel)
            for node in nodes
            for name in node.input
            if name and (value := self.view.constant(name)) is not None
        }
        prepared = [(kind(n), attributes(n), tuple(n.input), n.output[0]) for n in nodes]

        def function(x: FloatArray) -> FloatArray:
            values: dict[str, Array] = {**constants, cone.source: np.asarray(x, np.float64)}
            for op, attrs, inputs, output in prepared:
                if op in STRUCTURAL:
                    values[output] = values[inputs[0]]
                    continue
                used = inputs[:1] if op in _FIRST_INPUT_ONLY else inputs
                values[output] = evaluate_operator(
                    op, [values[i] if i else None for i in used], attrs
                )
            return np.asarray(values[cone.target], np.float64)

        return function

    def channels(self, cone: Cone) -> int:
        """Return the length of the longest constant in a cone: how many functions it holds."""
        sizes: Mapping[str, int] = {
            name: value.size
            for p in cone.nodes
            if not _first_only(self.view.nodes[p]) and self.view.nodes[p].op_type not in STRUCTURAL
            for name in self.view.nodes[p].input
            if name and (value := self.view.constant(name)) is not None and not _uniform(value)
        }
        return max(sizes.values(), default=1)


def _first_only(node: onnx.NodeProto) -> bool:
    return node.op_type in _FIRST_INPUT_ONLY


def _uniform(value: Array) -> bool:
    return value.size > 0 and bool((value == value.flat[0]).all())


def _scalar(value: Array, channel: int | None) -> Array:
    flat = value.ravel()
    if not flat.size:
        return np.zeros(())
    index = 0 if channel is None or flat.size == 1 else channel % flat.size
    return np.asarray(flat[index])


def _moved(moves: tuple[str, ...], move: str) -> tuple[str, ...]:
    """Append a move; a second reshape replaces the first, a transpose may undo the one before."""
    if moves and move.startswith("R") and moves[-1].startswith("R"):
        return (*moves[:-1], move)
    if moves and move.startswith("T") and moves[-1].startswith("T") and move != "T":
        first, second = moves[-1][1:].split(","), move[1:].split(",")
        if len(first) == len(second) and all(first[int(s)] == str(i) for i, s in enumerate(second)):
            return moves[:-1]
    return (*moves, move)

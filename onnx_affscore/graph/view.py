"""An index over one graph: who produces and who consumes a tensor, what is constant, its types."""

import math
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import onnx

from onnx_affscore.graph.infer import TypeInfo
from onnx_affscore.graph.operators import evaluate_operator, is_elementwise
from onnx_affscore.graph.tensors import array_of
from onnx_affscore.records import Array

__all__ = ["GraphView", "Step", "attributes", "graphs", "kind", "reads", "subgraphs"]

# Constants above this many elements are weights: nothing here needs their values.
_LARGEST_CONSTANT = 1 << 16


def kind(node: onnx.NodeProto) -> str:
    """Return the operator with its domain, ``Relu`` or ``com.microsoft::Gelu``."""
    return node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """Return the node's plain attributes as Python values (subgraphs and tensors left out)."""
    skip = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS, onnx.AttributeProto.TENSOR)
    return {
        a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if a.type not in skip
    }


def subgraphs(node: onnx.NodeProto) -> list[tuple[str, onnx.GraphProto]]:
    """Return the graphs that a control-flow node holds, by attribute name."""
    return [(a.name, a.g) for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those inside it, the outermost first."""
    yield graph
    for node in graph.node:
        for _, inner in subgraphs(node):
            yield from graphs(inner)


@final
@dataclass(frozen=True, slots=True)
class Step:
    """One step into a subgraph: the control-flow node's place in the file's order, and which."""

    node: int
    attribute: str


@final
class GraphView:
    """Read-only index of a graph; nodes are in a topological order that keeps the file's.

    ``types`` holds what shape inference found. Names used inside a subgraph count as consumed by
    the control-flow node that holds it. The view of a subgraph has a ``parent`` and a ``path`` of
    steps that leads to it from the main graph; names that it does not define are its parent's.
    """

    def __init__(
        self,
        graph: onnx.GraphProto,
        *,
        types: Mapping[str, TypeInfo],
        folder: Path,
        parent: "GraphView | None" = None,
        path: tuple[Step, ...] = (),
        label: str = "",
    ) -> None:
        self.graph = graph
        self.types: Mapping[str, TypeInfo] = (
            types if parent is None else ChainMap(dict(types), dict(parent.types))
        )
        self.folder = folder
        self.parent, self.path, self.label = parent, path, label
        self.initializers = {t.name: t for t in graph.initializer} | {
            t.values.name: t for t in graph.sparse_initializer
        }
        self.inputs = tuple(i.name for i in graph.input if i.name not in self.initializers)
        self.outputs = frozenset(o.name for o in graph.output)
        self.nodes: Sequence[onnx.NodeProto] = _sorted(graph)
        self.producer: dict[str, int] = {}
        self.consumers: dict[str, list[int]] = {}
        for position, node in enumerate(self.nodes):
            for name in node.output:
                if name:
                    self.producer[name] = position
            for name in sorted(reads(node)):
                self.consumers.setdefault(name, []).append(position)
        self._constants: dict[str, Array | None] = {}

    @cached_property
    def live(self) -> frozenset[int]:
        """Positions of the nodes on which an output of the graph depends."""
        pending = [self.producer[o] for o in self.outputs if o in self.producer]
        seen: set[int] = set()
        while pending:
            position = pending.pop()
            if position not in seen:
                seen.add(position)
                pending += [
                    self.producer[n] for n in reads(self.nodes[position]) if n in self.producer
                ]
        return frozenset(seen)

    def producer_of(self, name: str) -> onnx.NodeProto | None:
        """Return the node that makes a tensor, None for inputs and initialisers."""
        position = self.producer.get(name)
        return None if position is None else self.nodes[position]

    def consumers_of(self, name: str) -> list[onnx.NodeProto]:
        """Return the nodes that read a tensor, in execution order."""
        return [self.nodes[p] for p in self.consumers.get(name, ())]

    def dtype(self, name: str) -> str | None:
        """Return the element type of a tensor as NumPy spells it, None where unknown."""
        info = self.types.get(name)
        return info.dtype if info else None

    def shape(self, name: str) -> tuple[int | str | None, ...] | None:
        """Return the dimensions of a tensor as far as inference knows them."""
        info = self.types.get(name)
        return info.shape if info else None

    def rank(self, name: str) -> int | None:
        """Return the number of axes of a tensor, None where unknown."""
        shape = self.shape(name)
        return None if shape is None else len(shape)

    def constant(self, name: str) -> Array | None:
        """Return the value of a tensor that no input can change, folding constant operators.

        None where the tensor depends on an input, or is too large to be a parameter.
        """
        pending = [] if name in self._constants else [name]
        while pending:  # no recursion: chains may be as long as a file is large
            current = pending[-1]
            if current not in self._constants:
                self._constants[current] = None  # goes no further in a cyclic graph
                pending += [n for n in self._operands(current) if n not in self._constants]
                continue
            pending.pop()
            if self.parent is not None and not self.defines(current):
                self._constants[current] = self.parent.constant(current)
            elif self._constants[current] is None:
                self._constants[current] = self._fold(current)
        return self._constants[name]

    def _operands(self, name: str) -> Sequence[str]:
        """The tensors whose values are wanted to fold the node that makes a tensor."""
        node = None if name in self.initializers else self.producer_of(name)
        if node is None or node.op_type == "Constant":
            return ()
        foldable = node.op_type in _GIVEN or node.op_type in _FOLDED or is_elementwise(kind(node))
        return [n for n in node.input if n] if foldable else ()

    def defines(self, name: str) -> bool:
        """Whether a tensor is made in this graph or comes in by name, not from the graph around."""
        return name in self.producer or name in self.initializers or name in self.inputs

    @property
    def captured(self) -> frozenset[str]:
        """Tensors of the graphs around this one that its nodes read."""
        return frozenset(n for node in self.nodes for n in reads(node) if not self.defines(n))

    def key(self, name: str) -> str:
        """Return a name for a tensor that is unique in the whole model."""
        return f"{self.label}::{name}" if self.path else name

    def weights(self, name: str) -> Array | None:
        """Return an initialiser or constant of any size as it stands, None for other tensors.

        External data are mapped, not read.
        """
        if name in self.initializers:
            tensor = self.initializers[name]
            return self._values(tensor) if isinstance(tensor, onnx.TensorProto) else None
        node, seen = self.producer_of(name), {name}
        while node is not None and node.op_type == "Identity" and len(node.input) == 1:
            name = node.input[0]
            if name in self.initializers:
                return self.weights(name)
            if name in seen:  # a circle
                return None
            seen.add(name)
            node = self.producer_of(name)
        return self._given(node) if node is not None and node.op_type == "Constant" else None

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is an initialiser or follows from constants alone."""
        if name in self.initializers or self.constant(name) is not None:
            return True
        return self.parent is not None and not self.defines(name) and self.parent.is_constant(name)

    def _fold(self, name: str) -> Array | None:
        if name in self.initializers:
            return self._initializer(self.initializers[name])
        node = self.producer_of(name)
        if node is None or node.op_type in _GIVEN:
            return None if node is None else _GIVEN[node.op_type](self, node)
        if not is_elementwise(kind(node)) and node.op_type not in _FOLDED:
            return None
        values = [self._constants.get(i) if i else None for i in node.input]
        if not values or any(v is None and i for v, i in zip(values, node.input, strict=True)):
            return None
        try:
            shapes = [v.shape for v in values if v is not None]
            if node.op_type not in _FOLDED and (
                math.prod(np.broadcast_shapes(*shapes)) > _LARGEST_CONSTANT
            ):
                return None
            if node.op_type in _FOLDED:
                return values[0]  # reshaped or not, only the elements matter here
            return evaluate_operator(
                kind(node),
                [None if v is None else v.astype(np.float64) for v in values],
                attributes(node),
            )
        except (ValueError, TypeError, KeyError, IndexError, OverflowError):
            return None

    def _initializer(self, tensor: Any) -> Array | None:
        if not isinstance(tensor, onnx.TensorProto) or tensor.data_type == onnx.TensorProto.STRING:
            return None
        if int(np.prod(tensor.dims, dtype=object)) > _LARGEST_CONSTANT:
            return None
        return self._values(tensor)

    def _values(self, tensor: onnx.TensorProto) -> Array | None:
        try:
            return array_of(tensor, self.folder)
        except (ValueError, TypeError, KeyError, OSError):
            return None

    def _given(self, node: onnx.NodeProto) -> Array | None:
        """The value that a Constant holds, None for text and for what is no value."""
        for a in node.attribute:
            if a.name == "value" and a.t.data_type != onnx.TensorProto.STRING:
                return self._values(a.t)
            if a.name in ("value_float", "value_int"):
                return np.asarray(a.f if a.name == "value_float" else a.i)
            if a.name in ("value_floats", "value_ints"):
                return np.asarray(list(a.floats if a.name == "value_floats" else a.ints))
        return None

    def _filling(self, node: onnx.NodeProto) -> Array | None:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        return np.zeros(1, np.float32) if value is None else self._values(value)


_FOLDED = frozenset({"Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose"})


def reads(node: onnx.NodeProto) -> set[str]:
    """Return the names that a node reads, those its subgraphs capture included."""
    names = {n for n in node.input if n}
    for _, graph in subgraphs(node):
        own = {i.name for i in graph.input} | {t.name for t in graph.initializer}
        inner: set[str] = {o.name for o in graph.output}
        for child in graph.node:
            inner |= reads(child)
            own |= set(child.output)
        names |= inner - own
    return names


def _sorted(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Sort nodes so that producers come first; ties keep the order of the file.

    Nodes on a cycle (an invalid graph) keep their place at the end.
    """
    nodes = list(graph.node)
    producer = {name: i for i, node in enumerate(nodes) for name in node.output if name}
    needs = [
        {producer[n] for n in reads(node) if n in producer and producer[n] != i}
        for i, node in enumerate(nodes)
    ]
    if all(all(p < i for p in need) for i, need in enumerate(needs)):
        return nodes
    order: list[int] = []
    state = [0] * len(nodes)  # 0 untouched, 1 on the stack, 2 placed
    for start in range(len(nodes)):
        stack = [start]
        while stack:
            current = stack[-1]
            if state[current] == 2:
                stack.pop()
                continue
            state[current] = 1
            waiting = [p for p in sorted(needs[current], reverse=True) if state[p] == 0]
            if waiting:
                stack += waiting
            else:
                state[current] = 2
                order.append(current)
                stack.pop()
    return [nodes[i] for i in order]


# Operators whose elements are known whatever the shape is that they are given.
_GIVEN: Mapping[str, Callable[[GraphView, onnx.NodeProto], Array | None]] = {
    "Constant": GraphView._given,
    "ConstantOfShape": GraphView._filling,
    "Expand": lambda view, node: view._constants.get(node.input[0]) if node.input else None,
}

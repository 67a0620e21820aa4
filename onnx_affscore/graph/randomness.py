"""ONE table of operators that draw random numbers, and where a model has them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, final

import onnx
from onnx import numpy_helper

from onnx_affscore.graph.tensors import external_location
from onnx_affscore.graph.view import graphs, kind, reads, subgraphs

__all__ = ["RANDOM", "Draw", "behind_draws", "draws"]

_ALWAYS: Final = None

# Operators, and the place of the input that says whether they draw; None: they always do.
RANDOM: Final[dict[str, int | None]] = {
    "Bernoulli": _ALWAYS,
    "Multinomial": _ALWAYS,
    "RandomNormal": _ALWAYS,
    "RandomNormalLike": _ALWAYS,
    "RandomUniform": _ALWAYS,
    "RandomUniformLike": _ALWAYS,
    "com.microsoft::Sampling": _ALWAYS,
    "Dropout": 2,
    "com.microsoft::BitmaskDropout": 2,
    "com.microsoft::BiasDropout": 4,
    "com.microsoft::BitmaskBiasDropout": 4,
}


@final
@dataclass(frozen=True, slots=True)
class Draw:
    """A node that draws random numbers; ``seed`` is None where each process draws others."""

    name: str
    operator: str
    seed: float | None = None

    def __str__(self) -> str:
        seeded = "" if self.seed is None else f" with seed {self.seed:g}"
        return f"{self.operator} {self.name!r}{seeded}"


def draws(proto: onnx.ModelProto) -> tuple[Draw, ...]:
    """Return the nodes of a model that draw random numbers, in subgraphs and functions too.

    A dropout does so only in training mode; one whose mode is computed counts.
    """
    nodes = [n for graph in graphs(proto.graph) for n in graph.node]
    nodes += [n for function in proto.functions for n in _within(function.node)]
    fixed = _constants(proto, nodes)
    return tuple(
        Draw(node.name or "".join(node.output[:1]), kind(node), _seed(node))
        for node in nodes
        if kind(node) in RANDOM and _drawing(node, fixed)
    )


def behind_draws(proto: onnx.ModelProto) -> frozenset[str]:
    """Return the tensors of the main graph that depend on random numbers.

    A control-flow node that holds a random operator draws with all its outputs.
    """
    fixed = _constants(proto, [n for graph in graphs(proto.graph) for n in graph.node])
    readers: dict[str, list[onnx.NodeProto]] = {}
    pending: list[str] = []
    for node in proto.graph.node:
        for name in reads(node):
            readers.setdefault(name, []).append(node)
        if any(kind(n) in RANDOM and _drawing(n, fixed) for n in _within([node])):
            pending += node.output
    drawn: set[str] = set()
    while pending:
        name = pending.pop()
        if name and name not in drawn:
            drawn.add(name)
            pending += [output for node in readers.get(name, ()) for output in node.output]
    return frozenset(drawn)


def _within(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for _, inner in subgraphs(node):
            for graph in graphs(inner):
                yield from graph.node


def _constants(proto: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> dict[str, bool]:
    """Truth by name of the constants that hold one."""
    tensors = {t.name: t for graph in graphs(proto.graph) for t in graph.initializer}
    for node in nodes:
        for attribute in node.attribute if node.op_type == "Constant" else ():
            if attribute.name == "value":
                tensors |= dict.fromkeys(node.output, attribute.t)
    held = {n: t for n, t in tensors.items() if external_location(t) is None}
    flags = {n: t for n, t in held.items() if t.data_type == onnx.TensorProto.BOOL}
    return {name: bool(numpy_helper.to_array(t).any()) for name, t in flags.items()}


def _drawing(node: onnx.NodeProto, fixed: dict[str, bool]) -> bool:
    place = RANDOM[kind(node)]
    if place is None:
        return True
    mode = node.input[place] if len(node.input) > place else ""
    return bool(mode) and fixed.get(mode, True)


def _seed(node: onnx.NodeProto) -> float | None:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    seed = values.get("seed")
    return None if seed is None else float(seed)

"""ONE table of operators that draw random numbers, and where a model has them."""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final

import onnx
from onnx import numpy_helper

from onnx_affscore.graph.tensors import external_location
from onnx_affscore.graph.view import kind, reads, subgraphs

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
    held: list[onnx.GraphProto | onnx.FunctionProto] = [proto.graph, *proto.functions]
    levels = [level for one in held for level in _levels(one)]
    return tuple(
        Draw(node.name or "".join(node.output[:1]), kind(node), _seed(node))
        for level in levels
        for node in level.nodes
        if _drawing(node, level.flags)
    )


def behind_draws(proto: onnx.ModelProto) -> frozenset[str]:
    """Return the tensors of the main graph that depend on random numbers.

    A control-flow node that holds a random operator draws with all its outputs.
    """
    main = next(_levels(proto.graph))
    readers: dict[str, list[onnx.NodeProto]] = {}
    pending: list[str] = []
    for node in main.nodes:
        for name in reads(node):
            readers.setdefault(name, []).append(node)
        inner = [(n, level.flags) for level in _inside(node, main.flags) for n in level.nodes]
        if any(_drawing(n, flags) for n, flags in ((node, main.flags), *inner)):
            pending += node.output
    drawn: set[str] = set()
    while pending:
        name = pending.pop()
        if name and name not in drawn:
            drawn.add(name)
            pending += [output for node in readers.get(name, ()) for output in node.output]
    return frozenset(drawn)


@final
@dataclass(frozen=True, slots=True)
class _Level:
    """The nodes of one graph or function, and the flags that its names stand for.

    None where a flag is computed, or no flag: such a name hides one of the graph around.
    """

    nodes: Sequence[onnx.NodeProto]
    flags: ChainMap[str, bool | None]


def _levels(
    held: onnx.GraphProto | onnx.FunctionProto, around: ChainMap[str, bool | None] | None = None
) -> Iterator[_Level]:
    """Yield a function, or a graph, which sees the names of the one around it; then those in it."""
    flags: dict[str, bool | None] = {}
    if isinstance(held, onnx.GraphProto):
        flags |= {i.name: None for i in held.input} | {t.name: _flag(t) for t in held.initializer}
    else:
        flags |= dict.fromkeys(held.input)
    for node in held.node:
        flags |= dict.fromkeys(node.output, _given(node))
    level = _Level(held.node, (around or ChainMap()).new_child(flags))
    yield level
    for node in held.node:
        yield from _inside(node, level.flags)


def _inside(node: onnx.NodeProto, around: ChainMap[str, bool | None]) -> Iterator[_Level]:
    for _, graph in subgraphs(node):
        yield from _levels(graph, around)


def _given(node: onnx.NodeProto) -> bool | None:
    if node.op_type != "Constant":
        return None
    return next((_flag(a.t) for a in node.attribute if a.name == "value"), None)


def _flag(tensor: onnx.TensorProto) -> bool | None:
    if tensor.data_type != onnx.TensorProto.BOOL or external_location(tensor) is not None:
        return None
    return bool(numpy_helper.to_array(tensor).any())


def _drawing(node: onnx.NodeProto, flags: Mapping[str, bool | None]) -> bool:
    if kind(node) not in RANDOM:
        return False
    place = RANDOM[kind(node)]
    if place is None:
        return True
    mode = node.input[place] if len(node.input) > place else ""
    return bool(mode) and flags.get(mode) is not False


def _seed(node: onnx.NodeProto) -> float | None:
    values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    seed = values.get("seed")
    return None if seed is None else float(seed)

"""Write single nodes and constants in the vocabulary of a model's own opset and IR version."""

from collections.abc import Iterator, Sequence
from itertools import chain, count
from typing import Any, final

import numpy as np
import onnx
from onnx import helper

from onnx_affscore.graph.view import subgraphs
from onnx_affscore.records import Array

__all__ = ["NodeWriter", "unused_prefix"]

_PREFIX = "affscore"
_OPSET_WHERE_NONE = 13
_OPSET_WITH_AXES_INPUT = 18
_IR_WITH_PLAIN_INITIALISERS = 4  # before, every initialiser is an input as well


@final
class NodeWriter:
    """Makes nodes with names that nothing in a model has, and extends its initialisers."""

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.graph = proto.graph
        versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
        if not versions:  # a model of other domains only
            proto.opset_import.append(helper.make_opsetid("", _OPSET_WHERE_NONE))
        self.opset: int = versions[0] if versions else _OPSET_WHERE_NONE
        self._initializers_are_inputs = proto.ir_version < _IR_WITH_PLAIN_INITIALISERS
        self._prefix = unused_prefix(self.graph)
        self._constants: set[str] = set()
        self._count = 0

    def add(self, nodes: list[onnx.NodeProto], op: str, inputs: list[str], **attrs: Any) -> str:
        """Append a node with one output to ``nodes``; return the output's name."""
        output = f"{self._prefix}/{op}_{self._count}"
        self._count += 1
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attrs))
        return output

    def constant(self, key: str, value: Array) -> str:
        """Return the name of an initialiser; the same for the same key."""
        name = f"{self._prefix}/{key}"
        if name not in self._constants:
            self._constants.add(name)
            tensor = onnx.numpy_helper.from_array(value, name)
            self.graph.initializer.append(tensor)
            if self._initializers_are_inputs:
                self.graph.input.append(
                    helper.make_tensor_value_info(name, tensor.data_type, value.shape)
                )
        return name

    def mean(self, nodes: list[onnx.NodeProto], x: str, axes: Sequence[int]) -> str:
        """Append the mean over some axes, which disappear."""
        if not axes:
            return self.add(nodes, "Identity", [x])
        if self.opset >= _OPSET_WITH_AXES_INPUT:
            name = self.constant("axes_" + "_".join(map(str, axes)), np.array(axes, np.int64))
            return self.add(nodes, "ReduceMean", [x, name], keepdims=0)
        return self.add(nodes, "ReduceMean", [x], axes=list(axes), keepdims=0)


def unused_prefix(graph: onnx.GraphProto) -> str:
    """Return a first part for names that no name in a graph, or in one inside it, has."""
    taken = {name.partition("/")[0] for name in _names(graph)}
    candidates = chain((_PREFIX,), (f"{_PREFIX}_{i}" for i in count(2)))
    return next(prefix for prefix in candidates if prefix not in taken)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (i.name for i in graph.input)
    yield from (t.name for t in graph.initializer)
    yield from (t.values.name for t in graph.sparse_initializer)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)
        for _, inner in subgraphs(node):
            yield from _names(inner)

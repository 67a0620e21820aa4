"""Bring tensors of subgraphs out of them: through both branches of an If, as scan outputs of loops.

A Loop or Scan stacks what leaves it along a new first axis, one entry an iteration. An If has to
give something from the branch that does not compute the tensor: an empty array, which also tells
that this branch ran.
"""

from collections.abc import Sequence
from typing import final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from onnx_affscore.errors import InternalError, ModelError
from onnx_affscore.graph.view import Step, subgraphs
from onnx_affscore.plain_text import printable, shorten
from onnx_affscore.records import Array

__all__ = ["Lifter"]


@final
class Lifter:
    """Lifts tensors of one model, whose nodes must still be in the file's order."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph

    def chain(self, path: Sequence[Step]) -> list[tuple[onnx.GraphProto, onnx.NodeProto | None]]:
        """Return the graphs from the main one inwards, each with the node that holds it."""
        chain: list[tuple[onnx.GraphProto, onnx.NodeProto | None]] = [(self.graph, None)]
        for step in path:
            node = chain[-1][0].node[step.node]
            chain.append((_subgraph(node, step.attribute), node))
        return chain

    def lift(self, name: str, path: Sequence[Step], *, element: int, rank: int | None) -> int:
        """Make a tensor of the graph at ``path`` an output of every graph, the main one too.

        It keeps its name, which must be unique in the model. ``element`` is its element type,
        ``rank`` None where it is not known: a wrong one would make the runtime fail. Returns the
        number of loops that it came through.
        """
        loops = 0
        chain = self.chain(path)
        for (graph, node), step in zip(chain[:0:-1], list(path)[::-1], strict=True):
            if node is None:
                raise InternalError("a subgraph without a node that holds it")
            graph.output.append(_port(name, element, _plus(rank, loops)))
            if node.op_type == "If":
                _empty_in_other_branch(node, step.attribute, graph.output[-1])
            else:
                _pad_outputs(node, len(graph.output) - 1)
                loops += 1
            node.output.append(name)
        self.graph.output.append(_port(name, element, _plus(rank, loops)))
        return loops


def _subgraph(node: onnx.NodeProto, attribute: str) -> onnx.GraphProto:
    return dict(subgraphs(node))[attribute]


def _pad_outputs(node: onnx.NodeProto, body_outputs: int) -> None:
    """Name the trailing outputs that the node leaves out: outputs count by place."""
    dropped = 1 if node.op_type == "Loop" else 0  # the condition does not leave a Loop
    while len(node.output) < body_outputs - dropped:
        node.output.append("")
    for attribute in node.attribute:
        if attribute.name in ("scan_output_axes", "scan_output_directions"):
            attribute.ints.append(0)


def _plus(rank: int | None, loops: int) -> int | None:
    return None if rank is None else rank + loops


def _port(name: str, element: int, rank: int | None) -> onnx.ValueInfoProto:
    """An output of known type; the checker wants a shape too, if one of unknown sizes."""
    return helper.make_tensor_value_info(name, element, None if rank is None else [None] * rank)


def _empty_in_other_branch(node: onnx.NodeProto, attribute: str, port: onnx.ValueInfoProto) -> None:
    other = next((graph for branch, graph in subgraphs(node) if branch != attribute), None)
    if other is None:
        raise ModelError(
            f"the If node '{shorten(printable(node.name or attribute), 80)}' has one branch; wanted"
            " two: export the model again"
        )
    tensor = port.type.tensor_type
    rank = len(tensor.shape.dim) if tensor.HasField("shape") else None
    empty: Array = np.zeros((0,) * (rank or 1), helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    dummy = f"{port.name}/none"
    other.node.append(
        helper.make_node("Constant", [], [dummy], name=dummy, value=numpy_helper.from_array(empty))
    )
    other.output.append(_port(dummy, tensor.elem_type, rank))

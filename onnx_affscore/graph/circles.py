"""Refuse a graph in which a tensor is made from itself: no order of its nodes could run."""

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

import onnx

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.view import graphs, reads
from onnx_affscore.plain_text import printable, shorten

__all__ = ["check_circles"]

_MOST_SHOWN = 4


def check_circles(proto: onnx.ModelProto, path: str) -> None:
    """Raise :class:`ModelError` where the nodes of a graph, or of a function, form a circle.

    ONNX wants nodes in an order in which each reads what is there already (IR specification,
    graphs). Another order can be mended, a circle cannot.
    """
    for nodes in _levels(proto):
        maker = {name: i for i, node in enumerate(nodes) for name in node.output if name}
        needs = {i: {maker[n] for n in reads(node) & maker.keys()} for i, node in enumerate(nodes)}
        own = next((i for i, needed in needs.items() if i in needed), None)
        if own is not None:
            raise _refusal([own, own], nodes, path)
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as exc:
            raise _refusal(exc.args[1], nodes, path) from exc


def _levels(proto: onnx.ModelProto) -> Iterator[Sequence[onnx.NodeProto]]:
    for graph in graphs(proto.graph):
        yield graph.node
    for function in proto.functions:
        body = onnx.GraphProto()
        body.node.extend(function.node)
        for graph in graphs(body):
            yield graph.node


def _refusal(circle: Sequence[int], nodes: Sequence[onnx.NodeProto], path: str) -> ModelError:
    names = [printable(nodes[i].name or nodes[i].op_type) for i in circle]
    shown = " -> ".join(shorten(name, 40) for name in names[:_MOST_SHOWN])
    more = f" -> ... ({len(names) - 1} nodes)" if len(names) > _MOST_SHOWN else ""
    return ModelError(
        f"{path}: the graph runs in a circle: {shown}{more}; wanted nodes that read only what"
        " others have made, each tensor made once: export the model again"
    )

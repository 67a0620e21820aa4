"""How many tokens a model can take whose graph counts their places itself, by its table of them."""

from collections.abc import Iterator

import onnx
from onnx import GraphProto, NodeProto, TensorProto

from onnx_affscore.graph.view import graphs

__all__ = ["most_tokens"]

# What places pass through unchanged, by their first input. What bounds them or makes buckets of
# them (Min, Where, Div) is none: such tables have a row for many places.
_KEEPS = frozenset({"Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Expand", "Slice"})


def most_tokens(graph: GraphProto) -> int | None:
    """Return the rows of the smallest table that is indexed by 0, 1, ... up to the input's length.

    Less what is added to the places first. None where no table is.
    """
    makers: dict[str, NodeProto] = {}
    constants: dict[str, TensorProto] = {}
    for inner in graphs(graph):
        constants |= {t.name: t for t in inner.initializer}
        for node in inner.node:
            makers |= dict.fromkeys(node.output, node)
            if node.op_type == "Constant":
                values = [a.t for a in node.attribute if a.name == "value"]
                constants |= dict(zip(node.output, values, strict=False))
    found = [
        constants[node.input[0]].dims[0] - added
        for inner in graphs(graph)
        for node in inner.node
        if node.op_type == "Gather" and len(node.input) == 2
        if _is_table(constants.get(node.input[0]), node)
        if (added := _added(node.input[1], makers, constants)) is not None
    ]
    return min((rows for rows in found if rows > 0), default=None)


def _is_table(tensor: TensorProto | None, node: NodeProto) -> bool:
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
    return tensor is not None and len(tensor.dims) == 2 and axis == 0


def _added(
    name: str, makers: dict[str, NodeProto], constants: dict[str, TensorProto]
) -> int | None:
    """What is added to places counted by a shape; None where these are no such."""
    added, counted = 0, False
    for _ in range(len(makers)):  # a circle ends, too
        node = makers.get(name)
        if node is None or node.op_type == "Constant":
            return added if counted and name in constants else None
        if node.op_type == "Range":
            return added if any(_counts(n, makers) for n in node.input) else None
        if node.op_type == "Add":
            terms = [_number(constants.get(n)) for n in node.input]
            known = [i for i, term in enumerate(terms) if term is not None]
            if len(known) != 1:
                return None
            added += terms[known[0]] or 0
            name = node.input[1 - known[0]]
        elif node.op_type in _KEEPS:
            counted = counted or any(_counts(n, makers) for n in node.input[1:])
            name = node.input[0]
        else:
            return None
    return None


def _number(tensor: TensorProto | None) -> int | None:
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return None
    value = onnx.numpy_helper.to_array(tensor)
    return int(value.flat[0]) if value.size == 1 else None


def _counts(name: str, makers: dict[str, NodeProto]) -> bool:
    """Whether a number comes from the shape of something."""
    return any(node.op_type == "Shape" for node in _behind(name, makers))


def _behind(name: str, makers: dict[str, NodeProto]) -> Iterator[NodeProto]:
    pending, seen = [name], {name}
    while pending:
        node = makers.get(pending.pop())
        if node is not None:
            yield node
            if node.op_type != "Shape":
                fresh = set(node.input) - seen
                pending += fresh
                seen |= fresh

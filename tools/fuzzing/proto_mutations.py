"""Ways to damage a model's structure: one table, each a function of a generator and a model."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper

from tools.fuzzing.values import HOSTILE_TEXTS, INTEGERS, LOCATIONS, OPERATORS, REALS

__all__ = ["MUTATIONS", "mutated"]

Mutation = Callable[[Random, ModelProto], None]


def mutated(rng: Random, model: ModelProto) -> tuple[ModelProto, list[str]]:
    """Return a damaged copy and the names of one to three mutations that made it."""
    copy = ModelProto()
    copy.CopyFrom(model)
    names = rng.choices(list(MUTATIONS), k=rng.choice((1, 1, 1, 2, 3)))
    for name in names:
        MUTATIONS[name](rng, copy)
    return copy, names


def graphs(model: ModelProto) -> list[Any]:
    """All that holds nodes: the graph, the graphs inside it, and functions."""

    def inner(holder: Any) -> Iterator[Any]:
        yield holder
        for node in holder.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    yield from inner(attribute.g)

    return [h for top in (model.graph, *model.functions) for h in inner(top)]


def _holder(rng: Random, model: ModelProto) -> Any:
    filled = [g for g in graphs(model) if len(g.node)]
    return rng.choice(filled) if filled else model.graph


def _node(rng: Random, model: ModelProto) -> NodeProto:
    holder = _holder(rng, model)
    found: NodeProto = rng.choice(list(holder.node)) if len(holder.node) else holder.node.add()
    return found


def _names(holder: Any) -> list[str]:
    names = [n for node in holder.node for n in (*node.input, *node.output)]
    names += [t.name for t in getattr(holder, "initializer", ())]
    return names or ["x"]


def _tensor(rng: Random, model: ModelProto) -> TensorProto:
    found = list(model.graph.initializer)
    for holder in graphs(model):
        found += getattr(holder, "initializer", ())
        found += [a.t for n in holder.node for a in n.attribute if a.HasField("t")]
    return rng.choice(found) if found else model.graph.initializer.add(name="made", data_type=1)


def _swap_nodes(rng: Random, model: ModelProto) -> None:
    nodes = _holder(rng, model).node
    if len(nodes) > 1:
        one, other = rng.sample(range(len(nodes)), 2)
        kept = NodeProto.FromString(nodes[one].SerializeToString())
        nodes[one].CopyFrom(nodes[other])
        nodes[other].CopyFrom(kept)


def _duplicate_node(rng: Random, model: ModelProto) -> None:
    _holder(rng, model).node.append(_node(rng, model))


def _delete_node(rng: Random, model: ModelProto) -> None:
    nodes = _holder(rng, model).node
    if len(nodes):
        del nodes[rng.randrange(len(nodes))]


def _rewire(rng: Random, model: ModelProto) -> None:
    """An input becomes another tensor, later ones too: circles, wrong types, self-loops."""
    holder = _holder(rng, model)
    node = rng.choice(list(holder.node)) if len(holder.node) else holder.node.add()
    if node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice([*_names(holder), ""])


def _drop_port(rng: Random, model: ModelProto) -> None:
    node = _node(rng, model)
    ports = rng.choice((node.input, node.output))
    if len(ports):
        del ports[rng.randrange(len(ports)) if rng.random() < 0.7 else 0 :]


def _add_port(rng: Random, model: ModelProto) -> None:
    node = _node(rng, model)
    rng.choice((node.input, node.output)).append(rng.choice([*_names(model.graph), "", "new"]))


def _rename_output(rng: Random, model: ModelProto) -> None:
    """Two nodes make one tensor, or a node makes an input or a weight again."""
    node = _node(rng, model)
    if node.output:
        node.output[rng.randrange(len(node.output))] = rng.choice(_names(model.graph))


def _operator(rng: Random, model: ModelProto) -> None:
    node = _node(rng, model)
    node.op_type, node.domain = rng.choice(OPERATORS)


def _attribute(rng: Random, model: ModelProto) -> None:
    node = _node(rng, model)
    if not node.attribute or rng.random() < 0.3:
        name = rng.choice(("axis", "perm", "alpha", "to", "value", "axes", "hidden_size", "body"))
        node.attribute.add(name=name, type=rng.choice(list(AttributeProto.AttributeType.values())))
    attribute = rng.choice(list(node.attribute))
    what = rng.randrange(6)
    if what == 0:
        attribute.i = rng.choice(INTEGERS)
    elif what == 1:
        attribute.ints.extend(rng.choices(INTEGERS, k=rng.randrange(1, 9)))
    elif what == 2:
        attribute.f = rng.choice(REALS)
    elif what == 3:
        attribute.s = rng.choice(HOSTILE_TEXTS).encode("utf-8", "surrogatepass")
    elif what == 4:
        kinds: list[Any] = list(AttributeProto.AttributeType.values())
        attribute.type = rng.choice(kinds)
    else:
        node.attribute.remove(attribute)


def _dims(rng: Random, model: ModelProto) -> None:
    tensor = _tensor(rng, model)
    if len(tensor.dims) and rng.random() < 0.7:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(INTEGERS)
    else:
        tensor.dims.extend(rng.choices(INTEGERS, k=rng.randrange(1, 4)))


def _tensor_bytes(rng: Random, model: ModelProto) -> None:
    tensor = _tensor(rng, model)
    raw = tensor.raw_data
    tensor.raw_data = rng.choice((raw[: len(raw) // 2], raw + b"123", b"", raw * 3))


def _tensor_type(rng: Random, model: ModelProto) -> None:
    _tensor(rng, model).data_type = rng.choice((*range(-1, 30), 2**31 - 1))


def _weights(rng: Random, model: ModelProto) -> None:
    """Weights that are not finite, huge, or zero."""
    tensor = _tensor(rng, model)
    size = len(tensor.raw_data) // 4
    if tensor.data_type == TensorProto.FLOAT and size:
        values = np.frombuffer(tensor.raw_data, np.float32).copy()
        values[:: rng.choice((1, 2, 7))] = np.float32(rng.choice(REALS))
        tensor.raw_data = values.tobytes()


def _outside(rng: Random, model: ModelProto) -> None:
    tensor = _tensor(rng, model)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=rng.choice(LOCATIONS))
    for key in ("offset", "length"):
        if rng.random() < 0.6:
            value = rng.choice((*map(str, INTEGERS), "x", "", "1e9", "٣"))
            tensor.external_data.add(key=key, value=value)


def _port_type(rng: Random, model: ModelProto) -> None:
    ports = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    if not ports:
        return
    kind = rng.choice(ports).type
    what = rng.randrange(4)
    if what == 0:
        kind.tensor_type.elem_type = rng.choice((*range(30), 2**31 - 1))
    elif what == 1:
        kind.sequence_type.elem_type.tensor_type.elem_type = 1
    elif what == 2:
        kind.tensor_type.shape.dim.add(dim_value=rng.choice(INTEGERS))
    elif kind.tensor_type.shape.dim:
        rng.choice(list(kind.tensor_type.shape.dim)).dim_value = rng.choice(INTEGERS)


def _opset(rng: Random, model: ModelProto) -> None:
    if model.opset_import and rng.random() < 0.7:
        rng.choice(list(model.opset_import)).version = rng.choice((*range(30), *INTEGERS))
    elif rng.random() < 0.5:
        model.opset_import.add(domain=rng.choice(("", "ai.onnx", "x")), version=rng.choice((1, 9)))
    else:
        model.ir_version = rng.choice(INTEGERS)


def _graft(rng: Random, model: ModelProto) -> None:
    """Put a graph of the model where a node may hold one, the main graph included."""
    node, graft = _node(rng, model), onnx.GraphProto()
    graft.CopyFrom(rng.choice([g for g in graphs(model) if isinstance(g, onnx.GraphProto)]))
    node.op_type = rng.choice(("If", "Loop", "Scan", node.op_type))
    name = rng.choice(("then_branch", "else_branch", "body"))
    node.attribute.add(name=name, type=AttributeProto.GRAPH).g.CopyFrom(graft)


def _functions(rng: Random, model: ModelProto) -> None:
    """Functions that call themselves, one another, or the next one twice, forty times over."""
    depth, circle = rng.choice((1, 2, 40)), rng.random() < 0.5
    names = [f"F{i}" for i in range(depth)]
    after = [*names[1:], names[0] if circle else "Relu"]
    for name, following in zip(names, after, strict=True):
        domain = "" if following == "Relu" else "local"
        nodes = [
            helper.make_node(following, ["i"], ["m"], domain=domain),
            helper.make_node(following, ["m"], ["o"], domain=domain),
        ]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
        model.functions.append(helper.make_function("local", name, ["i"], ["o"], nodes, opsets))
    node = _node(rng, model)
    node.op_type, node.domain = "F0", "local"


def _texts(rng: Random, model: ModelProto) -> None:
    text, node = rng.choice(HOSTILE_TEXTS), _node(rng, model)
    what = rng.randrange(5)
    if what == 0:
        node.name = text
    elif what == 1:
        model.producer_name = text
    elif what == 2:
        node.op_type = text
    elif what == 3:
        node.doc_string = model.graph.name = text
    else:  # everywhere: the model stays whole
        old = rng.choice(_names(model.graph))
        for each in model.graph.node:
            for ports in (each.input, each.output):
                ports[:] = [text if n == old else n for n in ports]


def _port(rng: Random, model: ModelProto) -> None:
    """An input or output that is double, gone, or named like another tensor."""
    holder = rng.choice([g for g in graphs(model) if isinstance(g, onnx.GraphProto)])
    ports: Any = rng.choice((holder.input, holder.output, holder.initializer))
    if not len(ports):
        return
    place = rng.randrange(len(ports))
    what = rng.randrange(3)
    if what == 0:
        ports.append(ports[place])
    elif what == 1:
        del ports[place]
    else:
        ports[place].name = rng.choice([*_names(holder), ""])


def _any_field(rng: Random, model: ModelProto) -> None:
    """Follow the message tree to a random field and set, double or clear it."""
    message: Any = model
    while True:
        fields = message.ListFields()
        if not fields:
            return
        field, value = rng.choice(fields)
        # Message lists first: they hold nearly all there is.
        if field.type == field.TYPE_MESSAGE:
            repeated = hasattr(value, "append")
            if repeated and rng.random() < 0.05:
                if rng.random() < 0.5:
                    value.append(rng.choice(list(value)))
                else:
                    del value[rng.randrange(len(value))]
                return
            message = rng.choice(list(value)) if repeated else value
            continue
        _set(rng, message, field, value)
        return


def _set(rng: Random, message: Any, field: Any, value: Any) -> None:
    kinds: Mapping[int, Any] = {
        field.TYPE_STRING: HOSTILE_TEXTS,
        field.TYPE_BYTES: (b"", b"\xff" * 9),
        field.TYPE_FLOAT: REALS,
        field.TYPE_DOUBLE: REALS,
        field.TYPE_INT32: (*range(-1, 20), 2**31 - 1),
        field.TYPE_INT64: INTEGERS,
        field.TYPE_UINT64: (0, 1, 2**63),
    }
    if field.type not in kinds or rng.random() < 0.1:
        message.ClearField(field.name)
    elif hasattr(value, "append"):
        value[rng.randrange(len(value))] = rng.choice(kinds[field.type])
    else:
        setattr(message, field.name, rng.choice(kinds[field.type]))


MUTATIONS: Mapping[str, Mutation] = {
    "swap nodes": _swap_nodes,
    "duplicate node": _duplicate_node,
    "delete node": _delete_node,
    "rewire": _rewire,
    "drop port": _drop_port,
    "add port": _add_port,
    "rename output": _rename_output,
    "operator": _operator,
    "attribute": _attribute,
    "dims": _dims,
    "tensor bytes": _tensor_bytes,
    "tensor type": _tensor_type,
    "weights": _weights,
    "external data": _outside,
    "port type": _port_type,
    "opset": _opset,
    "graft": _graft,
    "functions": _functions,
    "texts": _texts,
    "ports": _port,
    "any field": _any_field,
}

"""Who is to blame where the walk over a graph breaks: the file, if ONNX itself refuses it too."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import onnx

from onnx_affscore.errors import AffscoreError, ModelError
from onnx_affscore.graph.infer import without_weights
from onnx_affscore.plain_text import printable, shorten

__all__ = ["check_text", "malformed"]

_CURE = "export the model again, and look at it with onnx.checker.check_model"
_WORDS = 300


@contextmanager
def malformed(proto: onnx.ModelProto, path: str) -> Iterator[None]:
    """Turn an error that nobody raised on purpose into a :class:`ModelError` for a broken file.

    Where the file keeps the rules of ONNX the error is a bug of this package, and goes on as it is.
    """
    try:
        yield
    except (AffscoreError, MemoryError):
        raise
    except Exception as exc:
        found = _broken_rule(proto)
        if found is None:
            raise
        raise ModelError(f"{path} is not a valid ONNX model: {found}; {_CURE}") from exc


def _broken_rule(proto: onnx.ModelProto) -> str | None:
    """Return what a model breaks, in a sentence, None for a valid one."""
    try:
        onnx.checker.check_model(without_weights(proto))
    except Exception as exc:  # noqa: BLE001 - the checker raises whatever its C++ code throws
        text = " ".join(str(exc)[: 20 * _WORDS].partition("==> Context")[0].split())
        return shorten(printable(text), _WORDS).rstrip(".")
    for node in _nodes(proto):
        if not any(node.output) or not (any(node.input) or node.op_type == "Constant"):
            name = shorten(printable(node.name or node.op_type), _WORDS // 2)
            return f"node '{name}' has no {'input' if any(node.output) else 'output'}"
    return None


def check_text(proto: onnx.ModelProto, path: str) -> None:
    """Refuse a model in which a name is no UTF-8 text; protobuf gives bytes for it."""
    for texts in _texts(proto):
        for text in texts:
            if not isinstance(text, str):
                shown = shorten(printable(repr(text[:_WORDS])), 80)
                raise ModelError(
                    f"{path}: the name {shown} is not UTF-8 text, as names in ONNX are: the file is"
                    " damaged or from a faulty exporter; export or fetch it again"
                )


def _nodes(proto: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    for holder in (proto.graph, *proto.functions):
        yield from _inside(holder)


def _inside(holder: Any) -> Iterator[onnx.NodeProto]:
    for node in holder.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _inside(attribute.g)
            for graph in attribute.graphs:
                yield from _inside(graph)


def _texts(proto: onnx.ModelProto) -> Iterator[Iterable[Any]]:
    yield (proto.producer_name, proto.producer_version, proto.domain, proto.doc_string)
    yield (o.domain for o in proto.opset_import)
    yield (p for entry in proto.metadata_props for p in (entry.key, entry.value))
    yield from _texts_of_graph(proto.graph)
    for function in proto.functions:
        yield (function.name, function.domain, function.overload, function.doc_string)
        yield from (function.input, function.output, function.attribute)
        yield (o.domain for o in function.opset_import)
        yield from _texts_of_ports(function.value_info)
        yield from _texts_of_nodes(function.node)


def _texts_of_graph(graph: onnx.GraphProto) -> Iterator[Iterable[Any]]:
    yield (graph.name, graph.doc_string)
    yield (t.name for t in graph.initializer)
    yield (s.values.name for s in graph.sparse_initializer)
    for ports in (graph.input, graph.output, graph.value_info):
        yield from _texts_of_ports(ports)
    yield from _texts_of_nodes(graph.node)


def _texts_of_ports(ports: Iterable[onnx.ValueInfoProto]) -> Iterator[Iterable[Any]]:
    for port in ports:
        yield (port.name, *(d.dim_param for d in port.type.tensor_type.shape.dim))


def _texts_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[Iterable[Any]]:
    for node in nodes:
        yield (node.name, node.op_type, node.domain, node.overload, node.doc_string)
        yield from (node.input, node.output)
        yield (p for entry in node.metadata_props for p in (entry.key, entry.value))
        for attribute in node.attribute:
            yield (attribute.name, attribute.ref_attr_name)
            if attribute.HasField("t"):
                yield (attribute.t.name,)
            for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from _texts_of_graph(graph)

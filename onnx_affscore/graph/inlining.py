"""Put the bodies of model-local functions where they are called, their nodes named after the call.

ONNX's own inliner does the work; as it numbers names on its own, each call first gets a copy of
its function whose nodes carry the names they shall have.
"""

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias, final

import onnx
from onnx import helper, inliner

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.view import subgraphs

__all__ = ["inline_functions"]

Key: TypeAlias = tuple[str, str, str]

# The key under which a node carries its name through the inliner.
_NAME = "onnx_affscore.name"
# Functions that call one another twice over grow without bound; no real model comes near this.
_MOST_NODES = 200_000
# The inliner takes and returns a message of protobuf, and none is larger.
_MOST_BYTES = 2**31 - 1


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model without model-local functions; the same object where it has none.

    A node that came from a function is called ``<call>/<its name, else its operator>``, where
    ``<call>`` is the name of the node that called it, else of that node's output, and has the
    metadata of that node wherever it has none of its own. What ONNX has to convert, of functions
    written for other versions of operators than the model's, loses its names.

    Raises :class:`ModelError` where functions call themselves, would bring more than any
    real model has, or cannot be inlined.
    """
    if not proto.functions:
        return proto
    functions = {_function_key(f): f for f in proto.functions}
    _refuse_growth(proto.graph, functions)
    work = onnx.ModelProto()
    work.CopyFrom(proto)
    del work.functions[:]
    unfolding = _Unfolding(functions, work)
    try:
        unfolding.unfold(work.graph.node)
    except RecursionError as exc:
        raise ModelError(
            f"the model's {len(functions)} functions call one another too deep to be inlined;"
            " wanted fewer levels: export the model without functions"
        ) from exc
    convert = unfolding.other_versions
    try:
        inlined = inliner.inline_local_functions(work, convert_version=convert)
    except Exception as exc:  # the inliner raises whatever its C++ code throws
        raise ModelError(
            f"the model's functions cannot be inlined ({str(exc).strip()}); wanted functions that"
            " onnx.inliner accepts: inline them where the model is exported"
        ) from exc
    _restore_names(inlined.graph)
    return inlined


@final
class _Unfolding:
    """Gives each call a function of its own, whose nodes are named after the call."""

    def __init__(self, functions: Mapping[Key, onnx.FunctionProto], model: onnx.ModelProto) -> None:
        self.functions = functions
        self.model = model
        self.versions = {_domain(o.domain): o.version for o in model.opset_import}
        self.taken = {n.name for g in _graphs(model.graph.node) for n in g if n.name}
        self.names = {f.name for f in functions.values()}
        self.nodes = 0
        self.other_versions = False

    def unfold(self, nodes: Sequence[onnx.NodeProto]) -> None:
        """Point the calls among these nodes to functions of their own, subgraphs included."""
        for node in nodes:
            for _, graph in subgraphs(node):
                self.unfold(graph.node)
            function = self.functions.get(_call_key(node))
            if function is not None:
                node.op_type, node.overload = self._copy(function, node), ""

    def _copy(self, function: onnx.FunctionProto, call: onnx.NodeProto) -> str:
        copy = onnx.FunctionProto()
        copy.CopyFrom(function)
        copy.name, copy.overload = self._function_name(function.name), ""
        prefix = _carried_name(call) or call.name or next((o for o in call.output if o), "")
        _spell_out_defaults(copy, call)
        self._name_after(prefix, call, copy.node)
        self._match_versions(copy)
        self.unfold(copy.node)
        self.model.functions.append(copy)
        return copy.name

    def _name_after(
        self, prefix: str, call: onnx.NodeProto, nodes: Sequence[onnx.NodeProto]
    ) -> None:
        for node in nodes:
            self.nodes += 1
            own = {p.key for p in node.metadata_props}
            node.metadata_props.extend(p for p in call.metadata_props if p.key not in own | {_NAME})
            name = self._fresh(f"{prefix}/{node.name or node.op_type}")
            node.metadata_props.add(key=_NAME, value=name)
            for _, graph in subgraphs(node):
                self._name_after(prefix, call, graph.node)

    def _fresh(self, name: str) -> str:
        """Number a name that is taken the way exporters do: Relu, Relu_1."""
        candidate, count = name, 0
        while candidate in self.taken:
            count += 1
            candidate = f"{name}_{count}"
        self.taken.add(candidate)
        return candidate

    def _function_name(self, name: str) -> str:
        candidate = f"{name}__{len(self.model.functions)}_{self.nodes}"
        while candidate in self.names:
            candidate += "_"
        self.names.add(candidate)
        return candidate

    def _match_versions(self, function: onnx.FunctionProto) -> None:
        """Write a function for the model's opset where its operators are the same in both."""
        for needed in function.opset_import:
            domain = _domain(needed.domain)
            version = self.versions.get(domain)
            if version is None:
                self.versions[domain] = needed.version
                self.model.opset_import.append(helper.make_opsetid(domain, needed.version))
            elif version != needed.version:
                nodes = [n for g in _graphs(function.node) for n in g]
                used = {n.op_type for n in nodes if _domain(n.domain) == domain}
                if all(_same(op, domain, version, needed.version) for op in used):
                    needed.version = version
                else:
                    self.other_versions = True


def _spell_out_defaults(function: onnx.FunctionProto, call: onnx.NodeProto) -> None:
    """Give a call the attributes that it leaves out: the inliner knows of no defaults."""
    given = {a.name for a in call.attribute}
    call.attribute.extend(a for a in function.attribute_proto if a.name not in given)
    function.attribute.extend(a.name for a in function.attribute_proto)
    del function.attribute_proto[:]


def _restore_names(graph: onnx.GraphProto) -> None:
    """Give each node the name that it carried through the inliner."""
    for nodes in _graphs(graph.node):
        for node in nodes:
            name = _carried_name(node)
            if name:
                node.name = name
                kept = [p for p in node.metadata_props if p.key != _NAME]
                del node.metadata_props[:]
                node.metadata_props.extend(kept)


def _carried_name(node: onnx.NodeProto) -> str:
    return next((p.value for p in node.metadata_props if p.key == _NAME), "")


def _graphs(nodes: Sequence[onnx.NodeProto]) -> Iterator[Sequence[onnx.NodeProto]]:
    """These nodes, and those of every graph inside them."""
    yield nodes
    for node in nodes:
        for _, graph in subgraphs(node):
            yield from _graphs(graph.node)


def _refuse_growth(graph: onnx.GraphProto, functions: Mapping[Key, onnx.FunctionProto]) -> None:
    """Count the nodes and the bytes that the calls will bring, before any of them is there."""
    nodes: dict[Key, int] = {}
    sizes: dict[Key, int] = {}
    for key in _called_first(functions):
        within = [_call_key(n) for inner in _graphs(functions[key].node) for n in inner]
        nodes[key] = len(within) + sum(nodes.get(called, 0) for called in within)
        sizes[key] = functions[key].ByteSize() + sum(sizes.get(called, 0) for called in within)
    calls = [_call_key(n) for inner in _graphs(graph.node) for n in inner]
    for found, most, what in (
        (sum(nodes.get(called, 0) for called in calls), _MOST_NODES, "nodes"),
        (sum(sizes.get(called, 0) for called in calls), _MOST_BYTES, "bytes"),
    ):
        if found > most:
            raise ModelError(
                f"the model's functions hold more than {most} {what} where they are called; wanted"
                " fewer: export the model without functions"
            )


def _called_first(functions: Mapping[Key, onnx.FunctionProto]) -> list[Key]:
    """The functions in such an order that none calls one behind it."""
    calls = {
        key: {k for g in _graphs(f.node) for n in g if (k := _call_key(n)) in functions}
        for key, f in functions.items()
    }
    try:
        return list(TopologicalSorter(calls).static_order())
    except CycleError as exc:
        circle = " -> ".join(name for _, name, _ in reversed(exc.args[1]))
        raise ModelError(
            f"the model's functions call one another in a circle: {circle}; wanted functions that"
            " never call themselves, as ONNX has it: export the model again"
        ) from exc


def _same(op_type: str, domain: str, one: int, other: int) -> bool:
    try:
        schemas = [onnx.defs.get_schema(op_type, version, domain) for version in (one, other)]
    except onnx.defs.SchemaError:
        return True  # an operator of a runtime, which has no versions here
    return schemas[0].since_version == schemas[1].since_version


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _call_key(node: onnx.NodeProto) -> Key:
    return _domain(node.domain), node.op_type, node.overload


def _function_key(function: onnx.FunctionProto) -> Key:
    return _domain(function.domain), function.name, function.overload

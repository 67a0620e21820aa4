"""Inference over every operator that ONNX has: where types are not known it ends in a graph."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import product

import onnx
from onnx import defs, helper

from onnx_affscore.graph.infer import infer

_VALUES = {"FLOAT": 1.0, "INT": 1, "STRING": "a", "FLOATS": [1.0], "INTS": [1], "STRINGS": ["a"]}
_UNKNOWN = ("made by nobody", "made by a custom operator", "left out", "of no known rank")


def _attributes(schema: defs.OpSchema, *, every: bool) -> Iterator[onnx.AttributeProto]:
    for name, attribute in schema.attributes.items():
        value = _VALUES.get(str(attribute.type).rpartition(".")[2])
        if (every or attribute.required) and value is not None:
            yield helper.make_attribute(name, value)


def _model(
    schema: defs.OpSchema, *, unknown: str, inputs: int, domain: str, every: bool
) -> onnx.ModelProto:
    """One node of an operator whose inputs have no types, with the attributes it needs or all."""
    names = [f"x{i}" for i in range(inputs)]
    ports = [helper.make_tensor_value_info("i", 1, [1])]
    nodes = []
    if unknown == "made by a custom operator" and names:
        nodes.append(helper.make_node("Custom", ["i"], names, domain="custom"))
    if unknown == "of no known rank":
        ports += [helper.make_tensor_value_info(n, 1, None) for n in names]
    read = [""] * inputs if unknown == "left out" else names
    made = [f"y{i}" for i in range(max(1, schema.min_output))]
    node = helper.make_node(schema.name, read, made, domain=domain)
    node.attribute.extend(_attributes(schema, every=every))
    versions = [helper.make_opsetid(domain, schema.since_version), helper.make_opsetid("custom", 1)]
    return helper.make_model(
        helper.make_graph([*nodes, node], "g", ports, []), opset_imports=versions
    )


def _infer_all() -> int:
    done = 0
    for schema in defs.get_all_schemas_with_history():
        counts = {schema.min_input, min(schema.max_input, schema.min_input + 3)}
        domains = ("", "ai.onnx") if schema.domain == "" else (schema.domain,)
        for unknown, inputs, domain, every in product(_UNKNOWN, counts, domains, (False, True)):
            model = _model(schema, unknown=unknown, inputs=inputs, domain=domain, every=every)
            done += len(infer(model).node) > 0
    return done


def test_no_operator_ends_the_process_where_a_type_is_not_known() -> None:
    """Four of onnx 1.23 do, left to themselves: a custom operator before one is a valid model."""
    program = f"from {__name__} import _infer_all; print(_infer_all())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr[-2000:]
    assert int(done.stdout) > 8 * len(defs.get_all_schemas())


def test_such_an_operator_is_left_out_in_functions_and_branches_too() -> None:
    node = helper.make_node("DictVectorizer", ["nobody"], ["y"], domain="ai.onnx.ml")
    branch = helper.make_graph([node], "branch", [], [onnx.ValueInfoProto(name="y")])
    choice = helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    call = helper.make_node("F", ["nobody"], ["w"], domain="own")
    versions = [helper.make_opsetid(d, v) for d, v in (("", 18), ("ai.onnx.ml", 2), ("own", 1))]
    function = helper.make_function("own", "F", ["nobody"], ["y"], [node], versions)
    graph = helper.make_graph(
        [choice, call],
        "g",
        [helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])],
        [onnx.ValueInfoProto(name="z")],
    )
    model = helper.make_model(graph, opset_imports=versions, functions=[function])
    before = model.SerializeToString()
    assert len(infer(model).node) == 2
    assert model.SerializeToString() == before

"""Functions are put where they are called; names lead back to the call."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_affscore.errors import ModelError
from onnx_affscore.graph import inlining
from onnx_affscore.graph.inlining import inline_functions
from onnx_affscore.graph.names import module_path
from onnx_affscore.records import Array
from tests.builder import Builder

ROWS = np.random.default_rng(5).normal(size=(3, 4)).astype(np.float32)
DOMAIN = "modules"
ONNX17, CALLS = helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)
SCOPES = "pkg.torch.onnx.name_scopes"


def _function(
    name: str,
    nodes: Sequence[onnx.NodeProto],
    *,
    opsets: Sequence[onnx.OperatorSetIdProto] = (ONNX17, CALLS),
    attributes: Sequence[str] = (),
    defaults: Sequence[onnx.AttributeProto] = (),
) -> onnx.FunctionProto:
    """A function of ``a`` that returns ``b``."""
    return helper.make_function(
        DOMAIN, name, ["a"], ["b"], nodes, opsets, attributes, attribute_protos=defaults
    )


def _leaky(x: str, y: str, name: str = "") -> onnx.NodeProto:
    """LeakyRelu whose alpha is the attribute ``slope`` of the function around it."""
    node = helper.make_node("LeakyRelu", [x], [y], name=name)
    node.attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    return node


def _call(function: str, x: str, y: str, name: str = "", **attrs: Any) -> onnx.NodeProto:
    return helper.make_node(function, [x], [y], name=name, domain=DOMAIN, **attrs)


def _model(nodes: Sequence[onnx.NodeProto], *functions: onnx.FunctionProto) -> onnx.ModelProto:
    b = Builder(opset=17)
    b.domains[DOMAIN] = 1
    b.input([3, 4])
    b.nodes.extend(nodes)
    b.functions.extend(functions)
    b.output("y", [3, 4])
    return b.proto()


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _names(proto: onnx.ModelProto) -> list[str]:
    return [n.name for n in _nodes(proto.graph)]


def _run(proto: onnx.ModelProto) -> Array:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(None, {"x": ROWS})[0])


def _inlined(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Inline, and check what always holds."""
    before = proto.SerializeToString()
    inlined = inline_functions(proto)
    assert proto.SerializeToString() == before
    assert not inlined.functions
    assert not any(n.domain == DOMAIN for n in _nodes(inlined.graph))
    named = [n for n in _names(inlined) if n]
    assert len(set(named)) == len(named)
    assert not any(
        "onnx_affscore" in p.key for n in _nodes(inlined.graph) for p in n.metadata_props
    )
    onnx.checker.check_model(inlined)
    np.testing.assert_array_equal(_run(inlined), _run(proto))
    return inlined


RELU = _function("Act", [helper.make_node("Relu", ["a"], ["b"])])
SLOPED = _function("Sloped", [_leaky("a", "b", "leaky")], attributes=["slope"])
BLOCK = _function(
    "Block",
    [
        _call("Sloped", "a", "s", "first", slope=0.3),
        _call("Act", "s", "t"),
        _call("Sloped", "t", "b", "last", slope=0.7),
    ],
)


def test_a_model_without_functions_is_handed_back() -> None:
    proto = _model([helper.make_node("Relu", ["x"], ["y"])])
    assert inline_functions(proto) is proto


def test_a_function_that_is_called_twice_has_its_names_twice() -> None:
    nodes = [_call("Act", "x", "h", "/encoder/act"), helper.make_node("Neg", ["h"], ["i"]),
             _call("Act", "i", "y", "/decoder/act")]  # fmt: skip
    inlined = _inlined(_model(nodes, RELU))
    assert _names(inlined) == ["/encoder/act/Relu", "", "/decoder/act/Relu"]
    assert module_path([inlined.graph.node[2]], "y") == ("decoder.act", "decoder")


def test_functions_in_functions_are_named_by_the_way_to_them() -> None:
    nodes = [_call("Block", "x", "h", "block0"), _call("Block", "h", "y")]
    inlined = _inlined(_model(nodes, BLOCK, SLOPED, RELU))
    assert _names(inlined) == [
        "block0/first/leaky", "block0/Act/Relu", "block0/last/leaky",
        "y/first/leaky", "y/Act/Relu", "y/last/leaky",
    ]  # fmt: skip
    alphas = [n.attribute[0].f for n in inlined.graph.node if n.op_type == "LeakyRelu"]
    assert alphas == pytest.approx([0.3, 0.7, 0.3, 0.7])


def test_repeated_operators_and_repeated_names_are_numbered() -> None:
    twice = _function(
        "Twice", [helper.make_node("Tanh", ["a"], ["t"]), helper.make_node("Tanh", ["t"], ["b"])]
    )
    nodes = [_call("Twice", "x", "h", "c"), helper.make_node("Neg", ["h"], ["y"], name="c/Tanh")]
    assert _names(_inlined(_model(nodes, twice))) == ["c/Tanh_1", "c/Tanh_2", "c/Tanh"]


def test_an_attribute_left_out_has_its_default() -> None:
    default = helper.make_attribute("slope", 0.25)
    function = _function("Sloped", [_leaky("a", "b")], defaults=[default])
    nodes = [_call("Sloped", "x", "h", "one"), _call("Sloped", "h", "y", "two", slope=0.5)]
    inlined = _inlined(_model(nodes, function))
    assert [n.attribute[0].f for n in inlined.graph.node] == [0.25, 0.5]


def _choice(then: onnx.NodeProto, other: onnx.NodeProto, y: str) -> list[onnx.NodeProto]:
    graphs = [
        helper.make_graph(
            [n], n.output[0], [],
            [helper.make_tensor_value_info(n.output[0], TensorProto.FLOAT, [3, 4])],
        )
        for n in (then, other)
    ]  # fmt: skip
    true = helper.make_tensor("c", TensorProto.BOOL, [], [True])
    return [
        helper.make_node("Constant", [], ["c"], name="c", value=true),
        helper.make_node("If", ["c"], [y], name="if", then_branch=graphs[0], else_branch=graphs[1]),
    ]


def test_a_call_in_a_branch_is_inlined_there() -> None:
    nodes = _choice(_call("Act", "x", "t", "act"), _call("Block", "x", "e"), "y")
    inlined = _inlined(_model(nodes, RELU, SLOPED, BLOCK))
    expected = ["c", "if", "act/Relu", "e/first/leaky", "e/last/leaky", "e/Act/Relu"]
    assert sorted(_names(inlined)) == sorted(expected)


def test_a_branch_in_a_function_has_the_function_s_attributes_and_calls() -> None:
    body = _choice(_leaky("a", "t"), _call("Act", "a", "e", "act"), "b")
    function = _function("Chosen", body, attributes=["slope"])
    nodes = [
        _call("Chosen", "x", "h", "one", slope=0.4),
        _call("Chosen", "h", "y", "two", slope=0.2),
    ]
    inlined = _inlined(_model(nodes, function, RELU))
    names = ["c", "if", "LeakyRelu", "act/Relu"]
    assert sorted(_names(inlined)) == sorted(f"{c}/{n}" for c in ("one", "two") for n in names)


def test_metadata_of_the_call_goes_to_the_nodes_that_have_none() -> None:
    own = helper.make_node("Neg", ["t"], ["b"], name="neg")
    own.metadata_props.add(key=SCOPES, value="['', 'other.module', 'neg']")
    function = _function("Act", [helper.make_node("Relu", ["a"], ["t"]), own])
    call = _call("Act", "x", "y", "call_3")
    call.metadata_props.add(key=SCOPES, value="['', 'layers.0.act', 'relu']")
    relu, neg = _inlined(_model([call], function)).graph.node
    assert module_path([relu], "y")[0] == "layers.0.act"
    assert module_path([neg], "y")[0] == "other.module"


def test_operators_of_another_version_that_is_the_same_keep_their_names() -> None:
    older = _function("Act", [helper.make_node("Relu", ["a"], ["b"])],
                      opsets=[helper.make_opsetid("", 14)])  # fmt: skip
    assert _names(_inlined(_model([_call("Act", "x", "y", "act")], older))) == ["act/Relu"]


def test_operators_that_changed_are_converted() -> None:
    body = [helper.make_node("ReduceMean", ["a"], ["m"], axes=[1]),
            helper.make_node("Sub", ["a", "m"], ["b"])]  # fmt: skip
    proto = _model([_call("Centred", "x", "y")],
                   _function("Centred", body, opsets=[helper.make_opsetid("", 17)]))  # fmt: skip
    proto.opset_import[0].version = 18
    inlined = inline_functions(proto)
    onnx.checker.check_model(inlined)
    expected = ROWS - ROWS.mean(1, keepdims=True)
    np.testing.assert_allclose(_run(inlined), expected, rtol=1e-5, atol=1e-6)


def test_an_opset_that_only_the_function_names_is_added() -> None:
    gelu = helper.make_node("Gelu", ["a"], ["b"], domain="com.microsoft")
    opsets = [ONNX17, helper.make_opsetid("com.microsoft", 1)]
    inlined = _inlined(_model([_call("Act", "x", "y")], _function("Act", [gelu], opsets=opsets)))
    assert ("com.microsoft", 1) in [(o.domain, o.version) for o in inlined.opset_import]


def test_functions_that_call_one_another_in_a_circle_are_refused() -> None:
    one, two = (
        _function("One", [_call("Two", "a", "b")]),
        _function("Two", [_call("One", "a", "b")]),
    )
    with pytest.raises(ModelError, match=r"in a circle: (One -> Two -> One|Two -> One -> Two);"):
        inline_functions(_model([_call("One", "x", "y")], one, two))


def _doubling(depth: int) -> onnx.ModelProto:
    """2^(depth + 1) - 1 nodes in functions, called once."""
    functions = [_function("F0", [helper.make_node("Relu", ["a"], ["b"])])]
    for i in range(1, depth + 1):
        calls = [_call(f"F{i - 1}", "a", "t"), _call(f"F{i - 1}", "t", "b")]
        functions.append(_function(f"F{i}", calls))
    return _model([_call(f"F{depth}", "x", "y")], *functions)


def test_functions_that_grow_without_bound_are_refused_before_any_is_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(inlining, "_Unfolding")
    for depth in (19, 40, 3000):  # the last has more nodes than a float can tell
        with pytest.raises(ModelError, match="more than 200000 nodes where they are called"):
            inline_functions(_doubling(depth))


def test_constants_that_calls_multiply_are_refused_before_any_is_copied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = numpy_helper.from_array(np.zeros(250_000, np.float32), "c")  # a million bytes
    constant = helper.make_node("Constant", [], ["c"], value=value)
    holds = _function("Holds", [constant, helper.make_node("Relu", ["a"], ["b"])])
    twice = _function("Twice", [_call("Holds", "a", "t"), _call("Holds", "t", "b")])
    names = ["x", *(f"t{i}" for i in range(1100)), "y"]
    calls = [_call("Twice", a, b) for a, b in pairwise(names)]
    assert len(inline_functions(_model([_call("Twice", "x", "y")], holds, twice)).graph.node) == 4
    monkeypatch.delattr(inlining, "_Unfolding")
    with pytest.raises(ModelError, match="more than 2147483647 bytes where they are called"):
        inline_functions(_model(calls, holds, twice))


@pytest.mark.parametrize("make", [
    lambda: _doubling(4),
    lambda: _model([_call("Block", "x", "h"), _call("Block", "h", "y")], BLOCK, SLOPED, RELU),
    lambda: _model(_choice(_call("Act", "x", "t"), _call("Block", "x", "e"), "y"),
                   RELU, SLOPED, BLOCK),
    lambda: _model([_call("Chosen", "x", "y", slope=0.5)],
                   _function("Chosen", _choice(_call("Act", "a", "t"), _leaky("a", "e"), "b"),
                             attributes=["slope"]), RELU),
])  # fmt: skip
def test_nodes_are_counted_as_they_will_be(
    make: Callable[[], onnx.ModelProto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is where expansion, which counts for itself, comes to so many nodes."""
    copied = []
    count = inlining._Unfolding._name_after

    def counting(self: Any, prefix: str, call: onnx.NodeProto, nodes: Any) -> None:
        copied.append(len(nodes))
        count(self, prefix, call, nodes)

    with monkeypatch.context() as patch:
        patch.setattr(inlining._Unfolding, "_name_after", counting)
        inline_functions(make())
    monkeypatch.setattr(inlining, "_MOST_NODES", sum(copied))
    assert not inline_functions(make()).functions
    monkeypatch.setattr(inlining, "_MOST_NODES", sum(copied) - 1)
    with pytest.raises(ModelError, match="where they are called"):
        inline_functions(make())


def test_functions_that_call_one_another_too_deep_are_refused() -> None:
    functions = [_function(f"F{i}", [_call(f"F{i + 1}", "a", "b")]) for i in range(1500)]
    functions.append(_function("F1500", [helper.make_node("Relu", ["a"], ["b"])]))
    with pytest.raises(ModelError, match="1501 functions call one another too deep"):
        inline_functions(_model([_call("F0", "x", "y")], *functions))


def test_what_the_inliner_refuses_is_a_model_error() -> None:
    broken = _function("Act", [helper.make_node("Relu", ["a"], ["b"])])
    call = helper.make_node("Act", ["x", "x", "x"], ["y"], domain=DOMAIN)
    with pytest.raises(ModelError, match="the model's functions cannot be inlined"):
        inline_functions(_model([call], broken))

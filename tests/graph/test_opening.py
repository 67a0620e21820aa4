"""Operators that hide an activation compute the same when opened, with the activation in sight."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema
from scipy import special

from onnx_affscore.graph.names import module_path
from onnx_affscore.graph.opaque import OPAQUE
from onnx_affscore.graph.opening import (
    Opaque,
    open_up,
)
from onnx_affscore.graph.opening_rules import OPENED
from onnx_affscore.graph.operators import ELEMENTWISE, evaluate_operator, is_elementwise
from onnx_affscore.graph.view import attributes, kind
from onnx_affscore.records import Array
from tests.graph.opening_cases import CASES, MICROSOFT, Case, model_of, port, run

# A handful of float32 roundings: fused kernels order their sums in another way.
TOLERANCE = 16 * float(np.finfo(np.float32).eps)
ALL = [pytest.param(k, c, id=f"{k}-{i}") for k, cases in CASES.items() for i, c in enumerate(cases)]
FLOAT = TensorProto.FLOAT


def _case(operator: str, case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    domain, _, op_type = operator.rpartition("::")
    names = [f"i{i}" if a is not None else "" for i, a in enumerate(case.inputs)]
    feeds = {n: np.asarray(a) for n, a in zip(names, case.inputs, strict=True) if a is not None}
    outputs = [f"o{i}" for i in range(case.outputs)]
    node = helper.make_node(
        op_type, names, outputs, name="block/layer", domain=domain, **case.attributes
    )
    node.metadata_props.add(key="stage", value="3")
    proto = model_of([node], feeds, [], case.opset)
    proto.graph.output.extend(port(o, feeds["i0"]) for o in outputs)  # all are like the data
    return proto, feeds


def _opened(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    assert open_up(copy) == ()
    return copy


def _without_kernel(
    proto: onnx.ModelProto, operator: str, case: Case, feeds: dict[str, Array]
) -> dict[str, Array]:
    """Let NumPy compute the operator that stays in the opened graph, as a new input."""
    if case.kernel is None:
        return feeds
    stays = next(n for n in proto.graph.node if kind(n) == operator)
    value = case.kernel(*case.inputs).astype(np.float32)
    proto.graph.input.append(port(stays.output[0], value))
    proto.graph.node.remove(stays)
    del proto.graph.output[1:]
    del proto.graph.input[: len(feeds)]
    return {stays.output[0]: value}


def test_every_opened_operator_has_a_case() -> None:
    assert set(CASES) == set(OPENED)


@pytest.mark.parametrize(("operator", "case"), ALL)
def test_an_opened_operator_computes_the_same(operator: str, case: Case) -> None:
    proto, feeds = _case(operator, case)
    opened = _opened(proto)
    if case.oracle is None:
        wanted = list(run(proto, feeds).values())
    else:
        wanted = [case.oracle(*case.inputs)]
    if case.opset > 26:  # newer than ONNX Runtime
        opened.opset_import[0].version = 24
    feeds = _without_kernel(opened, operator, case, feeds)
    for one, other in zip(run(opened, feeds).values(), wanted, strict=True):
        if case.exact:
            np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE)


def test_a_wrong_parameter_would_be_seen() -> None:
    (case, *_) = (c for c in CASES["com.microsoft::FusedGemm"] if c.activation == "LeakyRelu")
    proto, feeds = _case("com.microsoft::FusedGemm", case)
    opened = _opened(proto)
    opened.graph.node[-1].attribute[0].f += 1e-4
    wrong, right = run(opened, feeds)["o0"], run(proto, feeds)["o0"]
    assert np.abs(wrong - right).max() > 2 * TOLERANCE * (1 + np.abs(right).max())


@pytest.mark.parametrize(("operator", "case"), ALL)
def test_the_activation_lies_between_two_tensors(operator: str, case: Case) -> None:
    proto, feeds = _case(operator, case)
    opened = _opened(proto)
    if case.opset > 26:
        opened.opset_import[0].version = 24
    node = next(n for n in opened.graph.node if kind(n) == case.activation)
    feeds = _without_kernel(opened, operator, case, feeds)
    inner = [n for n in (*node.input, node.output[0]) if n]
    values = run(opened, feeds, [n for n in inner if n not in feeds]) | feeds
    x, y = values[node.input[0]], values[node.output[0]]
    if node.op_type == "Softmax":
        axis = attributes(node)["axis"]
        rows = x.reshape(int(np.prod(x.shape[:axis])), -1) if case.opset < 13 else x
        expected = special.softmax(rows, axis=axis if rows is x else -1).reshape(x.shape)
    else:
        bounds = [values[n] for n in node.input[1:]]
        expected = evaluate_operator(case.activation, [x, *bounds], attributes(node))
    np.testing.assert_allclose(y, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert np.ptp(y) > 0


@pytest.mark.parametrize(("operator", "case"), ALL)
def test_names_metadata_and_outputs_survive(operator: str, case: Case) -> None:
    proto, _ = _case(operator, case)
    opened = _opened(proto)
    onnx.checker.check_model(opened)
    assert opened.graph.output == proto.graph.output
    names = [n.name for n in opened.graph.node]
    assert len(set(names)) == len(names)
    for node in opened.graph.node:
        assert node.name == "block/layer" or node.name.startswith("block/layer/")
        assert node.metadata_props == proto.graph.node[0].metadata_props
    assert module_path([opened.graph.node[-1]], "o")[0] == "block.layer"
    made = [o for n in opened.graph.node for o in n.output]
    assert len(set(made)) == len(made)
    known = set(made) | {i.name for i in opened.graph.input} | {""}
    assert all(i in known for n in opened.graph.node for i in n.input)


NOTHING_HIDDEN = [
    helper.make_node("FastGelu", ["x"], ["y"], domain=MICROSOFT),
    helper.make_node("FusedConv", ["x", "w"], ["y"], domain=MICROSOFT),
    helper.make_node("GroupNorm", ["x", "w", "w"], ["y"], domain=MICROSOFT, activation=0),
    helper.make_node("CausalConvWithState", ["x", "w"], ["y"], domain=MICROSOFT),
    helper.make_node("LinearAttention", ["x", "w", "w"], ["y"], domain=MICROSOFT,
                     update_rule="delta"),
    helper.make_node("Conv", ["x", "w"], ["y"], domain="com.microsoft.nchwc"),
    helper.make_node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml"),
    helper.make_node("Relu", ["x"], ["y"]),
]  # fmt: skip


@pytest.mark.parametrize("node", NOTHING_HIDDEN, ids=lambda n: n.op_type)
def test_what_hides_nothing_stays_as_it_is(node: onnx.NodeProto) -> None:
    proto = model_of([node], {"x": np.zeros((1, 4), np.float32)}, ["y"])
    before = proto.SerializeToString()
    assert open_up(proto) == ()
    assert proto.SerializeToString() == before


def test_new_names_give_way_to_those_in_use() -> None:
    node = helper.make_node("BiasGelu", ["x", "y/Add"], ["y"], name="n", domain=MICROSOFT)
    other = helper.make_node("Neg", ["y"], ["z"], name="n/Add")
    feeds = {"x": np.ones((2, 3), np.float32), "y/Add": np.ones(3, np.float32)}
    proto = model_of([node, other], feeds, ["z"])
    before = run(proto, feeds)["z"]
    opened = _opened(proto)
    assert [n.name for n in opened.graph.node] == ["n/Add_1", "n/Gelu", "n/Add"]
    np.testing.assert_array_equal(run(opened, feeds)["z"], before)


def test_a_branch_is_opened_and_a_missing_opset_import_added() -> None:
    feeds = {"c": np.array(True), "x": np.ones((2, 3), np.float32), "w": np.eye(3, 4, dtype="f4")}
    fused = [
        helper.make_node("FusedGemm", ["x", "w"], [o], domain=MICROSOFT, activation=a)
        for o, a in (("t", "Tanh"), ("e", "Relu"))
    ]
    ports = [helper.make_tensor_value_info(o, FLOAT, [2, 4]) for o in "te"]
    then, other = (
        helper.make_graph([n], n.output[0], [], [p]) for n, p in zip(fused, ports, strict=True)
    )
    choice = helper.make_node("If", ["c"], ["y"], name="if", then_branch=then, else_branch=other)
    proto = model_of([choice], feeds, ["y"])
    before = run(proto, feeds)["y"]
    opened = _opened(proto)
    np.testing.assert_allclose(run(opened, feeds)["y"], before, rtol=TOLERANCE)
    branch = next(a.g for a in opened.graph.node[0].attribute if a.name == "then_branch")
    assert [n.op_type for n in branch.node] == ["Gemm", "Tanh"]

    alone = model_of(fused[:1], {"x": feeds["x"], "w": feeds["w"]}, ["t"])
    del alone.opset_import[0]
    assert open_up(alone) == ()
    assert {o.domain: o.version for o in alone.opset_import} == {MICROSOFT: 1, "": 15}


_NAMED: dict[str, dict[str, Any]] = {
    "com.microsoft.nchwc::Conv": {"activation": "Relu"},
    "com.ms.internal.nhwc::Conv": {"activation": "Relu"},
    **{k: {"post_transform": "LOGISTIC"} for k in OPAQUE if k.startswith("ai.onnx.ml")},
}


@pytest.mark.parametrize("operator", OPAQUE)
def test_what_stays_closed_says_what_it_hides(operator: str) -> None:
    domain, _, op_type = operator.rpartition("::")
    attrs = _NAMED.get(operator, {})
    node = helper.make_node(op_type, ["x"], ["y"], name="n", domain=domain, **attrs)
    proto = model_of([node], {}, ["y"])  # no input: the element type is not known either
    before = proto.SerializeToString()
    (closed,) = open_up(proto)
    assert (closed.node, closed.kind) == ("n", operator)
    words = ("Softmax", "Sigmoid", "Relu", "relu", "Exp", "Tanh", "silu", "Gelu", "all activations",
             "LOGISTIC")  # fmt: skip
    assert any(word in closed.reason for word in words)
    assert proto.SerializeToString() == before


CANNOT = {
    "opset 17 has no operator 'Cubic'": helper.make_node(
        "FusedGemm", ["x", "w"], ["y"], domain=MICROSOFT, activation="Cubic"),
    "its integer type is not known": helper.make_node(
        "QLinearSigmoid", ["u", "s", "", "s"], ["y"], domain=MICROSOFT),
    "its kernel's GELU is not specified": helper.make_node(
        "GemmFloat8", ["x", "w"], ["y"], domain=MICROSOFT, activation="GELU"),
    "its output is quantised to 8 bits": helper.make_node(
        "GemmFloat8", ["x", "w"], ["y"], domain=MICROSOFT, activation="RELU", dtype=17),
}  # fmt: skip


@pytest.mark.parametrize("reason", CANNOT)
def test_what_a_rule_cannot_open_is_reported(reason: str) -> None:
    node = CANNOT[reason]
    proto = model_of([node], {}, ["y"])
    assert open_up(proto) == (
        Opaque("y", kind(node), f"the activation inside cannot be opened: {reason}"),
    )
    assert list(proto.graph.node) == [node]


def test_no_operator_of_the_runtime_with_an_activation_is_forgotten() -> None:
    """A new release of ONNX Runtime may bring more: they need a row in one of the tables."""
    telling = (
        "activation",
        "gelu",
        "silu",
        "sigmoid",
        "softmax",
        "attention",
        "relu",
        "post_transf",
    )
    known = {*OPENED, *OPAQUE, *ELEMENTWISE}
    # positions and indices of attention, and inputs that are called scores: nothing is activated
    innocent = {"RelativePositionBias", "RotaryEmbedding", "GemmaRotaryEmbedding"}
    missing = {
        schema.name
        for schema in get_all_operator_schema()
        if schema.domain == MICROSOFT
        and f"{MICROSOFT}::{schema.name}" not in known
        and (
            any(name.startswith("activation") for name in schema.attributes)
            or any(word in schema.name.lower() for word in telling)
        )
    }
    assert missing - innocent == set()
    assert is_elementwise(f"{MICROSOFT}::QuickGelu")

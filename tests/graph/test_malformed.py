"""Models that break the rules of ONNX, or are made to grow: a sentence, never an internal error."""

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from onnx import helper

from onnx_affscore.errors import ModelError
from onnx_affscore.graph import inlining
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.malformed import malformed
from onnx_affscore.graph.model import load
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.graph.view import GraphView
from tests.builder import Builder


def sound() -> onnx.ModelProto:
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 4]), 4, 3)), 3, 2), ["n", 2])
    return g.proto()


def walked(proto: onnx.ModelProto, folder: Path) -> int:
    """The number of sites that a model has, read from its file."""
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    model = load(path)
    return len(find_activations(model, input_hints(model.proto)).located.sites)


def chain(operator: str, length: int, *, start: str = "x") -> onnx.ModelProto:
    proto = sound()
    names = [start, *(f"t{i}" for i in range(length))]
    del proto.graph.node[:]
    for a, b in pairwise(names):
        proto.graph.node.append(helper.make_node(operator, [a], [b]))
    proto.graph.output[0].name = names[-1]
    return proto


def nested(depth: int) -> onnx.ModelProto:
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "in", [], [])
    for _ in range(depth):
        other = helper.make_graph([], "other", [], [])
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=other)
        inner = helper.make_graph([node], "in", [], [])
    proto = sound()
    proto.graph.node.extend(inner.node)
    return proto


def test_an_error_in_a_valid_model_is_a_bug_and_goes_on() -> None:
    with pytest.raises(KeyError), malformed(sound(), "model.onnx"):
        raise KeyError("our own fault")


def test_an_error_in_a_broken_model_is_the_files() -> None:
    proto = sound()
    del proto.graph.node[1].input[:]
    refused = pytest.raises(ModelError, match=r"not a valid ONNX model: .*export the model")
    with refused, malformed(proto, "model.onnx"):
        raise IndexError("list index out of range")


@pytest.mark.parametrize("domain", ["", "com.microsoft", "somewhere"])
@pytest.mark.parametrize(
    "operator", ["Relu", "Gather", "Gelu", "FusedMatMul", "QuantizeLinear", "If", "Scan"]
)
@pytest.mark.parametrize("left", ["inputs", "outputs", "nothing"])
def test_a_node_that_lacks_its_ports_is_no_internal_error(
    operator: str, domain: str, left: str, tmp_path: Path
) -> None:
    proto = sound()
    node = proto.graph.node[1]
    node.op_type, node.domain = operator, domain
    if left != "inputs":
        del node.input[:]
    if left != "outputs":
        del node.output[:]
    with suppress(ModelError):
        assert walked(proto, tmp_path) >= 0


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    content = sound().SerializeToString().replace(b"relu_", b"re\xff\xfe_")
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"the name .*xff.* is not UTF-8 text"):
        load(tmp_path / "model.onnx")


@pytest.mark.parametrize("operator", ["Relu", "Tanh", "Identity", "Reshape"])
def test_a_chain_of_thousands_of_nodes_is_walked(operator: str, tmp_path: Path) -> None:
    assert walked(chain(operator, 3000), tmp_path) <= 1  # a region is never that long


def test_a_long_chain_of_constants_is_folded_without_recursion(tmp_path: Path) -> None:
    proto = chain("Neg", 30_001, start="w")
    proto.graph.initializer.append(helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [2.0]))
    view = GraphView(proto.graph, types={}, folder=tmp_path)
    value = view.constant(proto.graph.output[0].name)
    assert value is not None
    assert float(value[0]) == -2.0
    assert view.weights(chain("Identity", 30_000, start="w").graph.output[0].name) is None


def test_a_product_of_constants_does_not_grow_beyond_a_parameter(tmp_path: Path) -> None:
    side = 1 << 16
    proto = sound()
    for name, shape in (("row", [1, side]), ("column", [side, 1])):
        ones = helper.make_tensor(name, onnx.TensorProto.FLOAT, shape, bytes(4 * side), raw=True)
        proto.graph.initializer.append(ones)
    proto.graph.node.append(helper.make_node("Add", ["row", "column"], ["large"]))  # 16 GiB
    view = GraphView(proto.graph, types={}, folder=tmp_path)
    assert view.constant("row") is not None
    assert view.constant("large") is None


@pytest.mark.parametrize("operator", ["Relu", "Identity", "Add"])
def test_a_circle_of_nodes_ends(operator: str, tmp_path: Path) -> None:
    proto = sound()
    for one, other in (("p", "q"), ("q", "p")):
        proto.graph.node.append(helper.make_node(operator, [one], [other]))
    with suppress(ModelError):
        assert walked(proto, tmp_path) >= 1
    assert GraphView(proto.graph, types={}, folder=tmp_path).weights("p") is None


@pytest.mark.parametrize("circle", [["p"], ["p", "q"], [f"t{i}" for i in range(9)]], ids=len)
@pytest.mark.parametrize("place", ["graph", "branch", "function"])
def test_a_circle_of_nodes_is_refused_when_a_model_is_read(
    circle: list[str], place: str, tmp_path: Path
) -> None:
    nodes = [
        helper.make_node("Identity", [name], [circle[(i + 1) % len(circle)]])
        for i, name in enumerate(circle)
    ]
    proto = sound()
    if place == "graph":
        proto.graph.node.extend(nodes)
    elif place == "branch":
        branch = helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name="p")])
        proto.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=branch))
    else:
        opsets = [helper.make_opsetid("", 17)]
        proto.functions.append(helper.make_function("local", "F", [], [circle[0]], nodes, opsets))
    path = tmp_path / "round.onnx"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(
        ModelError, match=r"runs in a circle: Identity -> Identity.*each tensor made once"
    ):
        load(path)


def test_nodes_in_another_order_are_no_circle(tmp_path: Path) -> None:
    proto = sound()
    for one, other in (("b", "c"), ("a", "b"), ("x", "a")):
        proto.graph.node.append(helper.make_node("Identity", [one], [other]))
    path = tmp_path / "unsorted.onnx"
    path.write_bytes(proto.SerializeToString())
    assert len(load(path).proto.graph.node) == len(proto.graph.node)


def test_graphs_nested_in_graphs_are_walked_or_refused(tmp_path: Path) -> None:
    assert walked(nested(20), tmp_path) >= 1
    inner = b""
    for _ in range(60):  # graph, attribute and node each take a level; protobuf ends at 100
        for tag in (6, 5, 1):
            size = bytes([len(inner) & 0x7F | 0x80, len(inner) >> 7])
            inner = bytes([tag << 3 | 2]) + size + inner
    path = tmp_path / "deep.onnx"
    path.write_bytes(bytes([7 << 3 | 2, len(inner) & 0x7F | 0x80, len(inner) >> 7]) + inner)
    with pytest.raises(ModelError, match="nested less than 100 deep"):
        load(path)


def _calling(*called: str) -> onnx.ModelProto:
    """Functions of which each calls the one after it as often as it says."""
    proto = sound()
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for place, following in enumerate(called):
        domain = "local" if following.startswith("F") else ""
        nodes = [
            helper.make_node(following, ["i"], ["m"], domain=domain),
            helper.make_node(following, ["m"], ["o"], domain=domain),
        ]
        made = helper.make_function("local", f"F{place}", ["i"], ["o"], nodes, opsets)
        proto.functions.append(made)
    proto.opset_import.append(helper.make_opsetid("local", 1))
    proto.graph.node[1].op_type, proto.graph.node[1].domain = "F0", "local"
    return proto


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _calling("F0"), "call one another in a circle: F0 -> F0"),
        (lambda: _calling("F1", "F2", "F0"), "in a circle"),
        (
            lambda: _calling(*(f"F{i + 1}" for i in range(40)), "Relu"),  # 2^41 nodes
            "hold more than 5000 nodes",
        ),
    ],
)
def test_functions_that_never_end_are_refused(
    make: Callable[[], onnx.ModelProto],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inlining, "_MOST_NODES", 5000)
    with pytest.raises(ModelError, match=message):
        walked(make(), tmp_path)


def test_dimensions_below_zero_do_not_end_the_process(tmp_path: Path) -> None:
    """Shape inference of onnx 1.23 aborts where a Slice reads one."""
    proto = sound()
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -5
    ends = [
        helper.make_tensor(n, onnx.TensorProto.INT64, [1], [v])
        for n, v in zip("sea", (0, 1, 0), strict=True)
    ]
    proto.graph.initializer.extend(ends)
    proto.graph.node.append(helper.make_node("Slice", ["x", "s", "e", "a"], ["part"]))
    assert walked(proto, tmp_path) >= 1


def test_a_branch_that_puts_out_more_than_its_node_breaks_nothing(tmp_path: Path) -> None:
    proto = sound()
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in ("p", "q")]
    branch = helper.make_graph(nodes, "branch", [], [onnx.ValueInfoProto(name=n) for n in "pq"])
    more = helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch)
    proto.graph.node.append(more)
    proto.graph.output.append(onnx.ValueInfoProto(name="z"))
    with suppress(ModelError):
        assert walked(proto, tmp_path) >= 1

"""Names that a person recognises: the module path an exporter left, unique and harmless."""

import onnx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import helper

from onnx_affscore.graph.names import module_path, printable, unique


def node(name: str, op: str = "Relu", scopes: object = None) -> onnx.NodeProto:
    made = helper.make_node(op, ["x"], ["y"], name=name)
    if scopes is not None:
        made.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(scopes))
    return made


# what exporters write: node names or metadata of a region, then the name and the scope shown
EXPORTED = {
    "torchscript": (
        [node("/blocks/blocks.0/act/Div", "Div"), node("/blocks/blocks.0/act/Erf", "Erf")],
        ("blocks.0.act", "blocks.0"),
    ),
    "torchscript, functional": ([node("/layer1/layer1.0/Relu_1")], ("layer1.0", "layer1")),
    "dynamo": (
        [node("node_erf", "Erf", ["", "blocks.0", "blocks.0.act", "erf"])],
        ("blocks.0.act", "blocks.0"),
    ),
    "tf2onnx": (
        [node("StatefulPartitionedCall/model/conv1/Relu")],
        ("model.conv1", "model"),
    ),
    "plain": ([node("relu_7")], ("relu_7", "")),
    "unnamed": ([node("")], ("tensor", "")),
    "damaged metadata": ([node("relu", scopes="[broken")], ("relu", "")),
    "metadata without end": ([node("relu", scopes="[" * 200_000)], ("relu", "")),
    "metadata of another kind": (
        [node("relu", scopes=7), node("relu", scopes="{'a': 1}"), node("relu", scopes="null")],
        ("relu", ""),
    ),
}


@pytest.mark.parametrize("exporter", EXPORTED)
def test_the_path_of_every_exporter_is_found(exporter: str) -> None:
    nodes, expected = EXPORTED[exporter]
    assert module_path(nodes, "tensor") == expected


def test_nodes_of_several_modules_share_the_path_above_them() -> None:
    nodes = [node("/net/gate/Sigmoid", "Sigmoid"), node("/net/value/Mul", "Mul")]
    assert module_path(nodes, "y") == ("net", "")


def test_nodes_that_share_no_path_are_named_by_the_last_one() -> None:
    nodes = [node("/a/Sigmoid", "Sigmoid"), node("/b/Mul", "Mul")]
    assert module_path(nodes, "y")[0] == "/b/Mul"


def test_the_path_does_not_depend_on_the_names_of_tensors() -> None:
    before, after = node("/act/Relu"), node("/act/Relu")
    after.input[0], after.output[0] = "renamed", "too"
    assert module_path([before], "y") == module_path([after], "too")


def test_repeated_names_are_numbered_in_order() -> None:
    assert unique(["act", "fc", "act", "act"]) == ["act", "fc", "act#2", "act#3"]


@example(["a", "a#2", "a"])
@example(["a#2", "a", "a"])
@given(st.lists(st.sampled_from(["a", "a#2", "a#2#2", "b"]), max_size=8))
def test_unique_names_are_unique_whatever_the_names_are(names: list[str]) -> None:
    made = unique(names)
    assert len(set(made)) == len(made) == len(names)
    assert all(new.startswith(old) for new, old in zip(made, names, strict=True))


@given(st.text())
def test_printable_names_hold_no_control_character(name: str) -> None:
    shown = printable(name)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize("bad", ["\x1b[2J", "\r", "\n", "\u202e", "\u2028"])
def test_a_name_cannot_steer_the_terminal(bad: str) -> None:
    name, scope = module_path([node(f"/a{bad}/b{bad}/Relu")], "y")
    assert bad not in name + scope
    assert "\\" in name


def test_harmless_names_stay_as_they_are() -> None:
    assert printable("модель/слой.0 [δ]") == "модель/слой.0 [δ]"

"""An annotated copy computes what the model computes, and tells the scores where its nodes are."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from onnx_affscore import Signature, signature
from onnx_affscore.api import annotated
from onnx_affscore.errors import ModelError
from onnx_affscore.graph.annotate import PREFIX, Annotated, annotate, with_nodes_of
from onnx_affscore.graph.model import load
from onnx_affscore.records import Array
from tests.builder import Builder

MODELS = Path(__file__).parent.parent.parent / "models"
ZOO = sorted(p.stem for p in MODELS.glob("*.onnx"))
X = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


def _told(node: onnx.NodeProto) -> dict[str, str]:
    """The keys of a node, wherever its IR version has them, without the prefix."""
    told = {p.key: p.value for p in node.metadata_props}
    lines = [line.partition(": ") for line in node.doc_string.split("\n")]
    told |= {key: value for key, _, value in lines}
    return {k.removeprefix(PREFIX): v for k, v in told.items() if k.startswith(PREFIX)}


def _outputs(path: Path, feeds: Mapping[str, Array]) -> list[Array]:
    return list(ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds))


def _annotate(folder: Path, builder: Builder, data: Array = X) -> tuple[Signature, Annotated]:
    path = builder.save(folder / "model.onnx")
    found = signature(path, {"x": data})
    return found, annotate(load(path), found)


@pytest.mark.parametrize("name", ZOO)
def test_a_copy_of_each_network_computes_the_same_bits_and_tells_its_scores(
    name: str, tmp_path: Path
) -> None:
    path, copy = MODELS / f"{name}.onnx", tmp_path / "copy.onnx"
    found = signature(path, [str(MODELS / "digits.npz")], samples=64)
    done = annotated(path, found, copy)
    assert (done.placed, done.unplaced) == (len(found.sites), ())
    onnx.checker.check_model(copy, full_check=True)
    with np.load(MODELS / "digits.npz") as digits:
        names = {i.name for i in onnx.load(path).graph.input}
        feeds = {k: digits[k][:16] for k in digits.files if k in names}
    for one, other in zip(_outputs(path, feeds), _outputs(copy, feeds), strict=True):
        assert one.tobytes() == other.tobytes()
    nodes = {n.name: n for n in onnx.load(copy).graph.node}
    for site in found.sites:
        for label in site.nodes:
            told = _told(nodes[label])
            assert (told["site"], told["status"]) == (site.name, site.status)
            shown = None if site.affinity is None else f"{site.affinity:.6g}"
            assert told.get("affinity") == shown


@pytest.mark.parametrize("name", ["torch_resnet", "torch_vit"])
def test_nothing_but_metadata_changes(name: str) -> None:
    model = load(MODELS / f"{name}.onnx")
    before = model.proto.SerializeToString()
    found = signature(model.info.path, samples=16)
    done = annotate(model, found)
    assert model.proto.SerializeToString() == before
    for node in done.proto.graph.node:
        kept = [p for p in node.metadata_props if not p.key.startswith(PREFIX)]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        if node.doc_string.startswith(PREFIX):
            node.ClearField("doc_string")
    assert done.proto.SerializeToString() != before
    del done.proto.metadata_props[:]
    assert done.proto.SerializeToString() == before


def test_the_model_says_what_was_measured(tmp_path: Path) -> None:
    b = Builder()
    b.output(b.op("Relu", b.input(["n", 4])), ["n", 4])
    found, done = _annotate(tmp_path, b)
    told = {p.key.removeprefix(PREFIX): p.value for p in done.proto.metadata_props}
    assert told["model_sha256"] == found.model.sha256
    assert told["data_sha256"] == found.data["sha256"]
    assert json.loads(told["summary"]) == found.summary


@pytest.mark.parametrize("ir", [8, 10])
def test_a_second_annotation_takes_the_place_of_the_first(tmp_path: Path, ir: int) -> None:
    b = Builder(ir=ir)
    b.output(b.op("Relu", b.input(["n", 4])), ["n", 4])
    b.nodes[0].doc_string = "from line 3"
    found, once = _annotate(tmp_path, b)
    again = replace(load(tmp_path / "model.onnx"), proto=once.proto)
    twice = annotate(again, found).proto
    assert twice.SerializeToString() == once.proto.SerializeToString()
    assert twice.graph.node[0].doc_string.startswith("from line 3")
    assert bool(twice.graph.node[0].metadata_props) == (ir >= 10)


def test_a_signature_of_another_file_is_refused_unless_forced(tmp_path: Path) -> None:
    b = Builder()
    b.output(b.op("Relu", b.input(["n", 4])), ["n", 4])
    found, _ = _annotate(tmp_path, b)
    b.nodes[0].doc_string = "another file"
    other = load(b.save(tmp_path / "other.onnx"))
    with pytest.raises(ModelError, match="of another file"):
        annotate(other, found)
    assert annotate(other, found, force=True).placed == 1


def test_a_site_inside_a_function_is_told_at_the_call(tmp_path: Path) -> None:
    b = Builder()
    b.domains["modules"] = 1
    opsets = [helper.make_opsetid("", 17)]
    body = [
        helper.make_node("Sigmoid", ["a"], ["s"]),
        helper.make_node("Mul", ["a", "s"], ["b"]),
    ]
    b.functions.append(helper.make_function("modules", "Silu", ["a"], ["b"], body, opsets))
    b.output(b.op("modules::Silu", b.dense(b.input(["n", 4]), 4, 4), node_name="act"), ["n", 4])
    found, done = _annotate(tmp_path, b)
    assert found.sites[0].nodes == ("act/Sigmoid", "act/Mul")
    call = next(n for n in done.proto.graph.node if n.name == "act")
    assert _told(call)["activation"] == "Silu"
    assert with_nodes_of(load(tmp_path / "model.onnx"), found).sites[0].nodes == ("act",)


def test_an_unnamed_node_is_found_by_its_output(tmp_path: Path) -> None:
    b = Builder(ir=10)
    b.output(b.op("Relu", b.input(["n", 4]), node_name=""), ["n", 4])
    _, done = _annotate(tmp_path, b)
    assert _told(done.proto.graph.node[0])["activation"] == "Relu"


def test_the_gates_of_one_node_are_numbered(tmp_path: Path) -> None:
    b = Builder()
    x = b.input([3, "n", 4])
    weights = b.tensor(np.random.default_rng(1).normal(size=(1, 8, 4)))
    recurrent = b.tensor(np.random.default_rng(2).normal(size=(1, 8, 2)))
    b.output(b.op("LSTM", x, weights, recurrent, node_name="lstm", hidden_size=2), None)
    data = np.random.default_rng(3).normal(size=(3, 40, 4)).astype(np.float32)
    path = b.save(tmp_path / "model.onnx")
    found = signature(path, {"x": data})
    done = annotate(load(path), found)
    told = _told(next(n for n in done.proto.graph.node if n.name == "lstm"))
    assert len(found.sites) > 1
    names = [told[f"site#{i}" if i > 1 else "site"] for i in range(1, len(found.sites) + 1)]
    assert names == [s.name for s in found.sites]


def test_nodes_of_one_name_in_two_branches_are_told_apart_by_their_outputs(tmp_path: Path) -> None:
    def branch(op: str, stem: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info(f"{stem}_y", onnx.TensorProto.FLOAT, ["n", 4])
        nodes = [
            helper.make_node(op, ["h"], [f"{stem}_a"], name="act"),
            helper.make_node("MatMul", [f"{stem}_a", "w_1"], [f"{stem}_y"], name=f"{stem}_dense"),
        ]
        return helper.make_graph(nodes, stem, [], [value])

    b = Builder(ir=10)
    x = b.input(["n", 4])
    b.tensor(np.eye(4))
    b.nodes.append(helper.make_node("MatMul", [x, "w_1"], ["h"], name="first"))
    total = b.op("ReduceSum", "h", keepdims=0)
    condition = b.op("Greater", total, 0.0)
    chosen = b.op(
        "If", condition, then_branch=branch("Relu", "then"), else_branch=branch("Tanh", "else")
    )
    b.output(chosen, ["n", 4])
    _, done = _annotate(tmp_path, b)
    held = next(n for n in done.proto.graph.node if n.op_type == "If")
    told = {n.op_type: _told(n) for a in held.attribute for n in a.g.node if n.name == "act"}
    assert {op: t["activation"] for op, t in told.items()} == {"Relu": "Relu", "Tanh": "Tanh"}
    assert not any("#2" in key for t in told.values() for key in t)


def test_a_site_without_a_node_in_the_file_is_named(tmp_path: Path) -> None:
    b = Builder()
    b.output(b.op("Relu", b.input(["n", 4])), ["n", 4])
    found, _ = _annotate(tmp_path, b)
    lost = replace(found.sites[0], nodes=("nowhere",), name="lost")
    done = annotate(load(tmp_path / "model.onnx"), replace(found, sites=(lost,)))
    assert (done.placed, done.unplaced) == (0, ("lost",))


def test_external_weights_stay_where_they_are(tmp_path: Path) -> None:
    b = Builder()
    b.output(b.op("Relu", b.dense(b.input(["n", 4]), 4, 300)), ["n", 300])
    path = tmp_path / "model.onnx"
    onnx.save(b.proto(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    found = signature(path, {"x": X})
    annotated(path, found, tmp_path / "copy.onnx")
    assert _outputs(tmp_path / "copy.onnx", {"x": X})[0].shape == (40, 300)
    (tmp_path / "else").mkdir()
    with pytest.raises(ModelError, match="lie in files beside it"):
        annotated(path, found, tmp_path / "else" / "copy.onnx")
    with pytest.raises(ModelError, match="is the model itself"):
        annotated(path, found, path)


def test_a_site_inside_a_fused_operator_is_told_at_the_operator(tmp_path: Path) -> None:
    b = Builder()
    bias = b.tensor(np.ones(5))
    x = b.dense(b.input(["n", 4]), 4, 5)
    b.output(b.op("com.microsoft::BiasGelu", x, bias, node_name="fused"), ["n", 5])
    found, done = _annotate(tmp_path, b)
    assert "fused" not in found.sites[0].nodes
    told = _told(next(n for n in done.proto.graph.node if n.name == "fused"))
    assert told["affinity"] == f"{found.sites[0].affinity:.6g}"

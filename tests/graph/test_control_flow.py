"""Activations in If, Loop and Scan bodies are found, tapped and read like any other."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from onnx_affscore.api import signature
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.instrument import expose, instrument
from onnx_affscore.graph.locate import Located, locate
from onnx_affscore.graph.model import LoadedModel, load
from onnx_affscore.graph.resolve import resolve
from onnx_affscore.records import Array, Batch
from onnx_affscore.run.probe import Exposures, probe
from onnx_affscore.run.providers import parse_device
from onnx_affscore.run.session import Session

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
WEIGHTS = np.random.default_rng(3).normal(size=(4, 4)).astype(np.float32)
ROWS = np.random.default_rng(4).normal(size=(12, 4)).astype(np.float32)


def _value(
    name: str, element: int = FLOAT, shape: list[int | str] | None = None
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, element, shape)


def _model(nodes: list[onnx.NodeProto], path: Path) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [_value("x", FLOAT, ["n", 4])],
        [_value("y", FLOAT, ["n", 4])],
        [onnx.numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


def _branch(op: str, name: str) -> onnx.GraphProto:
    """One branch: an activation of what the graph around it computes, and weights."""
    nodes = [
        helper.make_node(op, ["h"], [f"{name}_a"], name=f"{name}_{op}"),
        helper.make_node("MatMul", [f"{name}_a", "w"], [f"{name}_y"]),
    ]
    return helper.make_graph(nodes, name, [], [_value(f"{name}_y", FLOAT, ["n", 4])])


def _conditional(path: Path) -> Path:
    """Relu where the batch's sum is positive, Tanh where it is not."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Greater", ["s", "zero"], ["c"]),
        helper.make_node(
            "If", ["c"], ["y"], name="choice",
            then_branch=_branch("Relu", "yes"), else_branch=_branch("Tanh", "no"),
        ),
    ]  # fmt: skip
    return _model(nodes, path)


def _loop(path: Path, turns: int = 3) -> Path:
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["carried", "w"], ["h"]),
            helper.make_node("Sigmoid", ["h"], ["next"], name="squash"),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [_value("i", INT64, []), _value("go", BOOL, []), _value("carried", FLOAT, ["n", 4])],
        [_value("go_on", BOOL, []), _value("next", FLOAT, ["n", 4])],
    )
    nodes = [
        helper.make_node("Constant", [], ["m"], value_int=turns),
        helper.make_node("Loop", ["m", "", "x"], ["z"], name="again", body=body),
        helper.make_node("MatMul", ["z", "w"], ["y"]),
    ]
    return _model(nodes, path)


def _scan(path: Path) -> Path:
    """An RNN over the columns of x, read as a sequence of (n, 1)."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["state", "column"], ["sum"]),
            helper.make_node("MatMul", ["sum", "w"], ["h"]),
            helper.make_node("Softplus", ["h"], ["next"], name="soft"),
            helper.make_node("Identity", ["next"], ["out"]),
        ],
        "body",
        [_value("state", FLOAT, ["n", 4]), _value("column", FLOAT, ["n", 1])],
        [_value("next", FLOAT, ["n", 4]), _value("out", FLOAT, ["n", 4])],
    )
    nodes = [
        helper.make_node("Transpose", ["x"], ["xt"], perm=[1, 0]),
        helper.make_node("Constant", [], ["last"], value_ints=[2]),
        helper.make_node("Unsqueeze", ["xt", "last"], ["sequence"]),
        helper.make_node("Scan", ["x", "sequence"], ["f", "all"], body=body, num_scan_inputs=1),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    return _model(nodes, path)


def _features(path: Path, rows: Array) -> tuple[Located, dict[str, Array]]:
    """What the taps of every tensor return for one batch."""
    model: LoadedModel = load(path)
    found = locate(model, input_hints(model.proto))
    names = [n for s in found.sites for n in (s.input, s.output)]
    exposed = expose(model.proto, names, found.places)
    device = parse_device("cpu", [])
    probed = probe(
        Session(exposed.proto, device, folder=path.parent),
        Exposures(exposed.shapes, exposed.dtypes, exposed.stacked),
        lambda n: Batch({"x": rows[:n]}, n),
        fixed=None,
    )
    resolved = resolve(found, probed.tensors, batched=True)
    tapped = instrument(model.proto, resolved.layouts, places=found.places)
    onnx.checker.check_model(tapped.proto)
    session = Session(tapped.proto, device, folder=path.parent)
    fetched = session.run(tapped.fetches, {"x": rows})
    return found, {
        key: tap.read({n: fetched[n] for n in tap.fetches}, len(rows))
        for (key, quantity), tap in tapped.taps.items()
        if quantity == "features"
    }


def test_both_branches_of_an_if_are_sites_with_their_names(tmp_path: Path) -> None:
    model = load(_conditional(tmp_path / "m.onnx"))
    found = locate(model, input_hints(model.proto))
    assert [s.activation for s in found.sites] == ["Tanh", "Relu"] or [
        s.activation for s in found.sites
    ] == ["Relu", "Tanh"]
    assert {s.name for s in found.sites} == {
        "choice.then_branch/yes_Relu", "choice.else_branch/no_Tanh",
    }  # fmt: skip
    assert all(s.unscored is None and s.role == "hidden" for s in found.sites)


def test_only_the_branch_that_ran_has_rows(tmp_path: Path) -> None:
    positive = np.abs(ROWS)
    found, features = _features(_conditional(tmp_path / "m.onnx"), positive)
    relu = next(s for s in found.sites if s.activation == "Relu")
    assert {name for name, rows in features.items() if rows.size} == {relu.input, relu.output}
    np.testing.assert_allclose(features[relu.input], positive @ WEIGHTS, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        features[relu.output], np.maximum(positive @ WEIGHTS, 0), rtol=1e-6, atol=1e-6
    )


def test_each_branch_is_scored_on_the_batches_that_took_it(tmp_path: Path) -> None:
    rows = np.concatenate([np.abs(ROWS[:8]), -np.abs(ROWS[:4])])
    path = _conditional(tmp_path / "m.onnx")
    result = signature(path, rows, batch_size=4)
    samples = {s.activation: s.samples for s in result.sites if s.status != "unscored"}
    # The probe's first samples take the Relu branch: the other one is known by inference only.
    assert samples == {"Relu": 8, "Tanh": 4}
    assert result.run["outputs_verified"]


def test_a_loop_body_is_tapped_once_a_turn_and_averaged_over_turns(tmp_path: Path) -> None:
    found, features = _features(_loop(tmp_path / "m.onnx"), ROWS)
    (site,) = found.sites
    assert (site.activation, site.role) == ("Sigmoid", "hidden")
    carried, before, after = ROWS, [], []
    for _ in range(3):
        before.append(carried @ WEIGHTS)
        carried = 1 / (1 + np.exp(-before[-1]))
        after.append(carried)
    np.testing.assert_allclose(features[site.input], np.mean(before, axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(features[site.output], np.mean(after, axis=0), rtol=1e-5, atol=1e-6)


def test_a_loop_without_turns_leaves_its_site_unscored(tmp_path: Path) -> None:
    (site,) = signature(_loop(tmp_path / "m.onnx", turns=0), ROWS).sites
    assert site.status == "unscored"
    assert site.reason == "no batch of the data reached it"


def test_a_scan_body_is_tapped(tmp_path: Path) -> None:
    found, features = _features(_scan(tmp_path / "m.onnx"), ROWS)
    (site,) = found.sites
    state, after = ROWS, []
    for column in ROWS.T:
        state = np.logaddexp(0, (state + column[:, None]) @ WEIGHTS)
        after.append(state)
    np.testing.assert_allclose(features[site.output], np.mean(after, axis=0), rtol=1e-5, atol=1e-5)


def test_the_original_outputs_stay_bit_identical(tmp_path: Path) -> None:
    for write in (_conditional, _loop, _scan):
        path = write(tmp_path / f"{write.__name__}.onnx")
        model = load(path)
        found = locate(model, input_hints(model.proto))
        names = [n for s in found.sites for n in (s.input, s.output)]
        exposed = expose(model.proto, names, found.places).proto
        plain = ort.InferenceSession(str(path)).run(["y"], {"x": ROWS})[0]
        with_more = ort.InferenceSession(exposed.SerializeToString()).run(["y"], {"x": ROWS})[0]
        assert plain.tobytes() == with_more.tobytes()


def test_an_if_within_a_loop_says_why_it_is_not_scored(tmp_path: Path) -> None:
    inner = helper.make_node(
        "If", ["go"], ["next"], name="choice",
        then_branch=_branch("Relu", "yes"), else_branch=_branch("Tanh", "no"),
    )  # fmt: skip
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["carried", "w"], ["h"]),
            inner,
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [_value("i", INT64, []), _value("go", BOOL, []), _value("carried", FLOAT, ["n", 4])],
        [_value("go_on", BOOL, []), _value("next", FLOAT, ["n", 4])],
    )
    nodes = [
        helper.make_node("Constant", [], ["m"], value_int=2),
        helper.make_node("Loop", ["m", "", "x"], ["y"], name="again", body=body),
    ]
    model = load(_model(nodes, tmp_path / "m.onnx"))
    found = locate(model, input_hints(model.proto))
    assert len(found.sites) == 2
    assert all("an If within a loop" in str(s.unscored) for s in found.sites)

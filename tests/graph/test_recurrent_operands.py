"""Where a recurrent operator's operands come from, what is kept, and what is refused."""

import gc
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from onnx_affscore.errors import ModelError
from onnx_affscore.graph import recurrent as recurrent_module
from onnx_affscore.graph.infer import types_of
from onnx_affscore.graph.recurrent import Unsupported, ensure_outputs, recurrent
from onnx_affscore.graph.recurrent_cells import recompute
from onnx_affscore.graph.view import GraphView, Step
from onnx_affscore.records import Array
from tests.graph.recurrent_cases import (
    FULL,
    TOLERANCE,
    Case,
    error,
    inputs_of,
    inside,
    model_of,
    outputs_of,
    run,
    value_info,
    view_of,
)


def test_constants_are_not_fetched_and_computed_weights_are() -> None:
    case = Case("LSTM", "forward", ("B", "initial_h"))
    still, tensors = inside(case)
    assert set(still[0].input.fetches) == {"X", "Y", "initial_h"}
    moving, other = inside(case, dynamic=["W", "R", "B"])
    assert set(moving[0].input.fetches) == {"X", "Y", "initial_h", "W", "R", "B"}
    wanted = outputs_of(still, tensors)
    for key, side in outputs_of(moving, other).items():
        np.testing.assert_array_equal(side, wanted[key])


def test_weights_that_the_user_may_override_are_fetched() -> None:
    case = Case("RNN")
    arrays = case.arrays()
    proto = model_of(case, arrays)
    proto.graph.input.append(value_info("R", np.dtype(np.float32), arrays["R"].shape))
    assert set(recurrent(view_of(proto), 0)[0].input.fetches) == {"X", "R", "Y"}


def test_weights_of_constant_nodes_are_read_and_reshaped_ones_fetched() -> None:
    case = Case("GRU")
    arrays = case.arrays()
    proto = model_of(case, arrays, dynamic=["W", "R"])
    graph = proto.graph
    kept = graph.node[0]
    flat = numpy_helper.from_array(arrays["R"].transpose(0, 2, 1))
    nodes = [
        helper.make_node("Constant", [], ["W"], value=numpy_helper.from_array(arrays["W"])),
        helper.make_node("Constant", [], ["Rt"], value=flat),
        helper.make_node("Transpose", ["Rt"], ["R"], perm=[0, 2, 1]),
        kept,
    ]
    del graph.node[:], graph.input[1:]
    graph.node.extend(nodes)
    graph.output.append(helper.make_empty_tensor_value_info("R"))
    found = recurrent(view_of(proto), 3)
    assert set(found[0].input.fetches) == {"X", "R", "Y"}
    assert error(case, found, arrays | run(proto, arrays)) <= TOLERANCE["float32"]


def test_large_weights_are_read_from_the_models_folder_when_needed(tmp_path: Path) -> None:
    case = Case("RNN", inputs=400, width=200, steps=3, samples=2)
    arrays = case.arrays() | {"W": case.arrays()["W"] / 20, "R": case.arrays()["R"] / 20}
    proto = model_of(case, arrays)
    tensors = arrays | run(proto, arrays)
    onnx.save(
        proto,
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    outside = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    assert all(t.data_location == onnx.TensorProto.EXTERNAL for t in outside.graph.initializer)
    found = recurrent(view_of(outside, tmp_path), 0)
    assert error(case, found, tensors) <= TOLERANCE["float32"]
    (tmp_path / "weights.bin").unlink()
    lost = recurrent(view_of(outside, tmp_path), 0)  # nothing is read yet
    with pytest.raises(ModelError, match="cannot read the weights 'W'"):
        lost[0].input.compute(tensors)


def _branches(case: Case, arrays: Mapping[str, Array]) -> onnx.ModelProto:
    """The operator inside the branch of an If, its weights and its input outside."""
    whole = model_of(case, arrays)
    (node,) = whole.graph.node
    del node.output[:]
    node.output.extend(["", "last"])
    out = value_info("last", np.dtype(np.float32), None)
    zero = numpy_helper.from_array(np.zeros(1, np.float32))
    other = helper.make_node("Constant", [], ["last"], value=zero)
    choice = helper.make_node(
        "If",
        ["flag"],
        ["chosen"],
        name="choice",
        then_branch=helper.make_graph([node], "then", [], [out]),
        else_branch=helper.make_graph([other], "else", [], [out]),
    )
    graph = helper.make_graph(
        [choice],
        "g",
        [*whole.graph.input, value_info("flag", np.dtype(bool), [])],
        [value_info("chosen", np.dtype(np.float32), None)],
        whole.graph.initializer,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def test_an_operator_inside_a_branch_reads_what_lies_outside() -> None:
    case = Case("GRU", "bidirectional", ("B", "initial_h"))
    arrays = case.arrays()
    proto = _branches(case, arrays)
    ensure_outputs(proto)
    outer = view_of(proto)
    branch = next(a.g for a in proto.graph.node[0].attribute if a.name == "then_branch")
    inner = GraphView(
        branch,
        types={},
        folder=Path(),
        parent=outer,
        path=(Step(0, "then_branch"),),
        label="choice.then_branch",
    )
    found = recurrent(inner, 0)
    inside = f"choice.then_branch::{branch.node[0].output[0]}"
    assert set(found[0].input.fetches) == {"X", "initial_h", inside}
    assert found[0].input.name == f"{inside}/forward/update_gate/before"
    tensors = arrays | run(model_of(case, arrays), arrays)
    assert error(case, found, tensors | {inside: tensors["Y"]}) <= TOLERANCE["float32"]


def test_all_sides_of_a_batch_cost_one_recomputation(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(1)
        return recompute(*args, **options)

    monkeypatch.setattr(recurrent_module, "recompute", counted)
    found, tensors = inside(Case("LSTM", "bidirectional"))
    inputs_of(found, tensors), outputs_of(found, tensors)
    assert len(calls) == 1
    inputs_of(found, tensors | {"X": tensors["X"].copy()})
    assert len(calls) == 2


def test_nothing_is_kept_when_the_batch_is_gone() -> None:
    found, tensors = inside(Case("LSTM"))
    gates = weakref.ref(found[0].input.compute(tensors))
    assert gates() is not None
    del tensors
    gc.collect()
    assert gates() is None


def test_arguments_are_not_written_to_and_results_cannot_be() -> None:
    case = Case("LSTM", "bidirectional", FULL["LSTM"])
    found, tensors = inside(case, dynamic=["W", "R", "B", "P"])
    for array in tensors.values():
        array.setflags(write=False)
    side = found[0].input.compute(tensors)
    with pytest.raises(ValueError, match="read-only"):
        np.ma.getdata(side)[:] = 0


def test_names_are_unique_and_tell_where() -> None:
    found, _ = inside(Case("LSTM", "bidirectional"))
    names = [n for a in found for n in (a.input.name, a.output.name)]
    assert len(set(names)) == 20
    assert names[:2] == ["Y/forward/input_gate/before", "Y/forward/input_gate/after"]
    assert {(a.input.features, a.input.dtype) for a in found} == {(4, "float32")}


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"activations": ["Gaussian"]}, "unknown activation function 'Gaussian'"),
        ({"direction": "sideways"}, "unknown direction 'sideways'"),
        ({"direction": "bidirectional", "activations": ["Tanh"]}, "names 1 activation functions"),
        ({"activations": ["ScaledTanh"]}, "without activation_alpha and activation_beta"),
        ({"activations": ["ThresholdedRelu"]}, "ThresholdedRelu without activation_alpha"),
    ],
    ids=str,
)
def test_an_operator_that_cannot_be_understood_says_why(
    attributes: dict[str, Any], reason: str
) -> None:
    case = Case("RNN")
    with pytest.raises(Unsupported, match=reason):
        recurrent(view_of(model_of(case, case.arrays(), **attributes)), 0)


@pytest.mark.parametrize(
    ("place", "reason"), [(0, "without its input X"), (1, "weights W"), (2, "recurrence weights R")]
)
def test_an_operator_without_its_operands_says_so(place: int, reason: str) -> None:
    proto = model_of(Case("RNN"), Case("RNN").arrays())
    proto.graph.node[0].input[place] = ""
    with pytest.raises(Unsupported, match=reason):
        recurrent(view_of(proto), 0)


def test_hidden_states_that_do_not_come_out_are_missed() -> None:
    proto = model_of(Case("RNN"), Case("RNN").arrays())
    proto.graph.node[0].output[0] = ""
    with pytest.raises(Unsupported, match="without its sequence of hidden states Y"):
        recurrent(view_of(proto), 0)


def test_integer_arithmetic_is_refused() -> None:
    proto = model_of(Case("RNN"), Case("RNN").arrays())
    proto.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT8
    with pytest.raises(Unsupported, match="int8 arithmetic"):
        recurrent(GraphView(proto.graph, types=types_of(proto.graph), folder=Path()), 0)


def test_missing_outputs_get_fresh_names_everywhere() -> None:
    case = Case("GRU")
    proto = _branches(case, case.arrays())
    proto.graph.node.append(helper.make_node("LSTM", ["X", "W", "R"], ["", "", "c"], name="cell"))
    proto.graph.node.append(helper.make_node("RNN", ["X", "W", "R"], []))
    proto.graph.node.append(helper.make_node("Identity", ["X"], ["RNN/Y"]))
    ensure_outputs(proto)
    branch = next(a.g for a in proto.graph.node[0].attribute if a.name == "then_branch")
    made = [list(n.output) for n in (*branch.node, *proto.graph.node[1:3])]
    assert made == [["cell/Y_2", "last"], ["cell/Y", "", "c"], ["RNN/Y_2"]]


def test_outputs_that_are_there_stay_and_other_domains_are_left_alone() -> None:
    case = Case("LSTM")
    proto = model_of(case, case.arrays())
    foreign = helper.make_node("LSTM", ["X"], [""], domain="elsewhere")
    proto.graph.node.append(foreign)
    before = proto.SerializeToString()
    ensure_outputs(proto)
    assert proto.SerializeToString() == before


def test_the_model_with_the_added_output_still_runs() -> None:
    case = Case("LSTM", "bidirectional", ("B",))
    arrays = case.arrays()
    proto = model_of(case, arrays)
    whole = run(proto, arrays)
    proto.graph.node[0].output[0] = ""
    del proto.graph.output[0]
    ensure_outputs(proto)
    name = proto.graph.node[0].output[0]
    proto.graph.output.append(value_info(name, np.dtype(np.float32), None))
    np.testing.assert_array_equal(run(proto, arrays)[name], whole["Y"])

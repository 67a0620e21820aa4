"""The sample axis, table sizes and defaults that the graph tells of its inputs."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from onnx_affscore.graph.hints import input_hints
from onnx_affscore.records import InputHint

Dims = Sequence[int | str | None]
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def value(name: str, dims: Dims | None, kind: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, dims)


def hints_of(
    inputs: Sequence[ValueInfoProto],
    nodes: Sequence[NodeProto] = (),
    tables: Sequence[TensorProto] = (),
) -> dict[str, InputHint]:
    graph = helper.make_graph(list(nodes), "g", list(inputs), [], list(tables))
    return {h.spec.name: h for h in input_hints(helper.make_model(graph))}


def axes_of(inputs: Sequence[ValueInfoProto], *nodes: NodeProto) -> dict[str, int | None]:
    return {name: h.sample_axis for name, h in hints_of(inputs, nodes).items()}


def table(name: str, rows: int) -> TensorProto:
    return numpy_helper.from_array(np.zeros((rows, 2), np.float32), name)


@pytest.mark.parametrize("open_size", [0, -1, "", "?", "-1", None])
def test_a_size_that_says_nothing_is_none(open_size: int | str | None) -> None:
    shape = hints_of([value("x", [open_size, "height", 3])])["x"].spec.shape
    assert shape == (None, "height", 3)


def test_a_shape_that_is_not_there_is_none() -> None:
    assert hints_of([value("x", None)])["x"].spec.shape is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TensorProto.FLOAT, "float32"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.FLOAT16, "float16"),
        (TensorProto.BFLOAT16, "bfloat16"),
        (TensorProto.FLOAT8E4M3FN, "float8_e4m3fn"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.STRING, "string"),
        (TensorProto.BOOL, "bool"),
    ],
)
def test_element_types_have_the_names_of_numpy(kind: int, name: str) -> None:
    assert hints_of([value("x", [1], kind)])["x"].spec.dtype == name


def test_a_sequence_is_named_as_one() -> None:
    spec = hints_of([helper.make_tensor_sequence_value_info("s", FLOAT, ["n"])])["s"].spec
    assert (spec.dtype, spec.shape) == ("sequence", None)


def test_an_input_with_an_initialiser_is_optional_and_counts_no_samples() -> None:
    weights = numpy_helper.from_array(np.zeros((4, 2), np.float32), "w")
    found = hints_of([value("x", [1, 4]), value("w", [4, 2])], tables=[weights])
    assert (found["w"].optional, found["w"].sample_axis) == (True, None)
    assert not found["x"].optional


def test_the_batch_symbol_is_found_at_any_axis() -> None:
    inputs = [
        value("x", ["batch", "seq"]),
        value("state", [2, "batch", 128]),
        value("sr", [], INT),
        value("bias", ["width"]),
        value("mask", [1, 1, "seq"]),
    ]
    assert axes_of(inputs) == {"x": 0, "state": 1, "sr": None, "bias": None, "mask": None}


def test_each_input_may_have_a_batch_symbol_of_its_own() -> None:
    inputs = [value("a", ["unk__1", 3]), value("b", ["unk__2", 3]), value("c", [3, "unk__9"])]
    assert axes_of(inputs) == {"a": 0, "b": 0, "c": None}


def test_a_fixed_batch_is_that_of_the_first_data_input() -> None:
    inputs = [value("x", [1, 576]), value("state", [2, 1, 128]), value("scale", [7])]
    assert axes_of(inputs) == {"x": 0, "state": 1, "scale": None}


def test_an_open_batch_leaves_a_constant_of_one_row_alone() -> None:
    inputs = [value("x", [None, 4]), value("one", [1, 4]), value("state", [2, None, 4])]
    assert axes_of(inputs) == {"x": 0, "one": None, "state": 1}


def test_weights_shapes_and_conditions_count_no_samples() -> None:
    inputs = [value("x", [1, 1, 3, 3]), value("w", [1, 1, 2, 2]), value("shape", [2], INT)]
    inputs += [value("m", [1, 5]), value("low", [1]), value("other", [1, 5])]
    nodes = [
        helper.make_node("Identity", ["w"], ["w2"]),
        helper.make_node("Conv", ["x", "w2"], ["c"]),
        helper.make_node("Clip", ["c", "low"], ["d"]),
        helper.make_node("Reshape", ["d", "shape"], ["r"]),
        helper.make_node("MatMul", ["r", "m"], ["y"]),
        helper.make_node("Add", ["y", "other"], ["z"]),
    ]
    expected = {"x": 0, "w": None, "shape": None, "m": None, "low": None, "other": 0}
    assert axes_of(inputs, *nodes) == expected


def test_the_right_operand_of_a_constant_matrix_is_data() -> None:
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    assert hints_of([value("x", [2, 3])], [node], [table("w", 4)])["x"].sample_axis == 0


@pytest.mark.parametrize(("layout", "axis"), [(0, 1), (1, 0)])
def test_a_recurrent_operator_says_where_its_batch_is(layout: int, axis: int) -> None:
    inputs = [value("x", ["time", 2, 4]), value("w", [1, 8, 4]), value("h", [1, 2, 8])]
    node = helper.make_node("GRU", ["x", "w", "r", "", "", "h"], ["y"], layout=layout)
    assert axes_of(inputs, node) == {"x": axis, "w": None, "h": axis}


def test_scan_cuts_up_time_and_leaves_the_batch() -> None:
    inputs = [value("state", [2, 3]), value("steps", [4, 2, 3])]
    body = helper.make_graph([], "body", [], [])
    node = helper.make_node("Scan", ["state", "steps"], ["y"], body=body, num_scan_inputs=1)
    assert axes_of(inputs, node) == {"state": 0, "steps": 1}


def test_ids_are_below_the_rows_of_the_smallest_table_they_reach() -> None:
    nodes = [
        helper.make_node("Cast", ["ids"], ["c"], to=TensorProto.INT32),
        helper.make_node("Unsqueeze", ["c", "axes"], ["u"]),
        helper.make_node("DequantizeLinear", ["big", "s"], ["deq"]),
        helper.make_node("Gather", ["deq", "u"], ["e"]),
        helper.make_node("Gather", ["small", "ids"], ["f"]),
    ]
    ids = [value("ids", ["n", 4], INT)]
    assert hints_of(ids, nodes, [table("big", 90), table("small", 50)])["ids"].below == 50
    assert hints_of(ids, nodes, [table("big", 90)])["ids"].below == 90


@pytest.mark.parametrize("axis", [1, -1])
def test_a_gather_along_another_axis_bounds_nothing(axis: int) -> None:
    node = helper.make_node("Gather", ["t", "ids"], ["y"], axis=axis)
    assert hints_of([value("ids", ["n"], INT)], [node], [table("t", 9)])["ids"].below is None


def test_one_hot_and_the_fused_embedding_bound_their_ids() -> None:
    depth = numpy_helper.from_array(np.array(257), "depth")
    nodes = [
        helper.make_node("OneHot", ["bytes", "depth", "values"], ["y"]),
        helper.make_node(
            "EmbedLayerNormalization", ["ids", "types", "words", "places", "kinds"], ["z"]
        ),
    ]
    inputs = [value(name, ["n", 4], INT) for name in ("bytes", "ids", "types")]
    tables = [depth, table("words", 30), table("places", 20), table("kinds", 2)]
    found = hints_of(inputs, nodes, tables)
    assert [found[n].below for n in ("bytes", "ids", "types")] == [257, 30, 2]
    assert [found[n].table for n in ("bytes", "ids", "types")] == [None, 30, 2]


@pytest.mark.parametrize(("op", "added"), [("Add", True), ("Mul", False), ("Sub", False)])
def test_a_mask_that_is_only_added_to_something_is_told(op: str, added: bool) -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["mask", "axes"], ["m"]),
        helper.make_node("Shape", ["m"], ["size"]),
        helper.make_node(op, ["scores", "m"], ["y"]),
    ]
    assert hints_of([value("mask", ["n", 4])], nodes)["mask"].added == added
    assert not hints_of([value("mask", ["n", 4])])["mask"].added


def test_a_use_inside_a_subgraph_counts() -> None:
    branch = helper.make_graph([helper.make_node("Gather", ["t", "ids"], ["y"])], "b", [], [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    found = hints_of([value("ids", ["n"], INT), value("c", [1], TensorProto.BOOL)], [node])
    assert found["c"].sample_axis is None
    again = hints_of([value("ids", ["n"], INT)], [node], [table("t", 5)])
    assert again["ids"].below == 5


def test_tables_in_files_that_are_not_there_count_by_their_declared_size() -> None:
    far = TensorProto(name="t", data_type=FLOAT, dims=[70, 2])
    far.data_location = TensorProto.EXTERNAL
    node = helper.make_node("Gather", ["t", "ids"], ["y"])
    assert hints_of([value("ids", ["n"], INT)], [node], [far])["ids"].below == 70


def test_a_name_used_again_in_a_subgraph_makes_no_endless_loop() -> None:
    inner = helper.make_graph([helper.make_node("Identity", ["t"], ["t"])], "b", [], [])
    nodes = [
        helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner),
        helper.make_node("Gather", ["t", "ids"], ["y"]),
    ]
    assert hints_of([value("ids", ["n"], INT)], nodes)["ids"].below is None


def test_the_model_is_left_as_it_was() -> None:
    model = helper.make_model(helper.make_graph([], "g", [value("x", [1])], []))
    before = model.SerializeToString()
    input_hints(model)
    assert model.SerializeToString() == before
    assert isinstance(model, onnx.ModelProto)

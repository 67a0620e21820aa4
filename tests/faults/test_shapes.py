"""Tensors of no, of changing, of empty and of impossible shape cost their own site at most."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_affscore import api, signature
from onnx_affscore.errors import AllocationError, DataError, RunError
from onnx_affscore.records import Array, PairedSample, ScoredSite
from tests.builder import Builder
from tests.faults.graphs import FEW, ROWS, lengths, tokens, two_sites

ROUNDING = 1e-5  # sums of some float32 products around 1


def sites(builder: Builder, folder: Path, data: Any, **options: Any) -> dict[str, ScoredSite]:
    found = signature(builder.save(folder / "model.onnx"), data, roles="all", **options)
    assert found.run["outputs_verified"]
    return {s.name: s for s in found.sites}


def before(feeds: list[dict[str, Array]]) -> list[Array]:
    """What lies before the Relu of `tokens`, by NumPy."""
    weights = np.random.default_rng(1).normal(size=(6, 5)) / 6**0.5
    return [f["x"] @ weights for f in feeds]


@pytest.mark.parametrize("samples", [20, 30])  # below and above the size of the census
def test_lengths_that_change_are_averaged_under_mean(
    samples: int, tmp_path: Path, scored: list[PairedSample]
) -> None:
    feeds = lengths(7, 9, 4, 7, samples=samples)
    (site,) = sites(tokens(["n", "t", 6]), tmp_path, feeds).values()
    rows = np.concatenate([x.mean(axis=1) for x in before(feeds)])
    assert (site.status, site.samples) == ("ok", 4 * samples)
    np.testing.assert_allclose(scored[0].x.features, rows, atol=ROUNDING)
    assert not np.allclose(scored[0].x.features, rows[::-1], atol=ROUNDING)


def test_lengths_that_change_are_rows_under_positions(
    tmp_path: Path, scored: list[PairedSample]
) -> None:
    feeds = lengths(7, 9, 4)
    sites(tokens(["n", "t", 6]), tmp_path, feeds, pool="positions")
    rows = np.concatenate([x.reshape(-1, 5) for x in before(feeds)])
    np.testing.assert_allclose(scored[0].x.features, rows, atol=ROUNDING)


@pytest.mark.parametrize(("pool", "first", "second"), [("flatten", 35, 45), ("reference", 7, 9)])
def test_lengths_that_change_make_no_table_under_other_pools(
    pool: str, first: int, second: int, tmp_path: Path
) -> None:
    (site,) = sites(tokens(["n", "t", 6]), tmp_path, lengths(7, 9, 7), pool=pool).values()
    assert site.status == "unscored"
    assert site.reason == (
        f"it has {first} features in the samples before number 20 and {second} from there on:"
        " no table; give inputs of one shape, or choose a --pool that averages what changes"
    )


def test_images_that_change_in_size_are_averaged_under_mean(tmp_path: Path) -> None:
    g, rng = Builder(), np.random.default_rng(2)
    y = g.op("Conv", g.input(["n", 3, "h", "w"]), g.tensor(rng.normal(size=(4, 3, 3, 3))))
    y = g.op("Conv", g.op("Relu", y), g.tensor(rng.normal(size=(4, 4, 3, 3))))
    g.output(g.op("Conv", g.op("Relu", y), g.tensor(rng.normal(size=(2, 4, 1, 1)))), None)
    feeds = [{"x": rng.normal(size=(30, 3, h, h + 1)).astype("f4")} for h in (8, 12, 8, 16)]
    lean, straight = (sites(g, tmp_path, feeds, pool=pool) for pool in ("mean", "reference"))
    for name, site in lean.items():  # the published axes are the same, averaged where they stand
        assert site.samples == 120
        assert site.affinity == pytest.approx(straight[name].affinity, abs=ROUNDING)


def some_rows() -> Builder:
    """A Relu of those samples alone whose first number is positive, beside one of all."""
    g = Builder()
    every = g.dense(g.input(["n", 6]), 6, 5, seed=1)
    first = g.op("Slice", "x", *(g.const(np.array([i])) for i in (0, 1, 1)))
    positive = g.op("Greater", g.op("Squeeze", first, g.const(np.array([1]))), 0.0)
    chosen = g.op("Squeeze", g.op("NonZero", positive), g.const(np.array([0])))
    some = g.op("Relu", g.op("Gather", every, chosen), node_name="/some/Relu")
    total = g.op("ReduceSum", g.dense(some, 5, 3, seed=2), g.const(np.array([0])), keepdims=1)
    rest = g.dense(g.op("Tanh", every, node_name="/all/Tanh"), 5, 3, seed=3)
    g.output(g.op("Add", total, rest), ["n", 3])
    return g


@pytest.mark.parametrize("batch_size", [None, 16])
def test_rows_whose_number_depends_on_the_data_cost_their_own_site(
    batch_size: int | None, tmp_path: Path
) -> None:
    found = sites(some_rows(), tmp_path, np.abs(ROWS) * np.sign(ROWS[:, :1]), batch_size=batch_size)
    assert found["all"].status == "ok"
    assert found["some"].status == "unscored"
    assert "the number of its rows depends on the data" in str(found["some"].reason)


def test_a_batch_that_gives_a_tensor_no_row_is_passed_over(tmp_path: Path) -> None:
    data = ROWS.copy()
    data[:, 0] = 1
    data[32:48, 0] = -1  # of these samples none is chosen
    found = sites(some_rows(), tmp_path, data, batch_size=16)
    assert (found["some"].samples, found["all"].samples) == (84, 100)


def squeezing(*, conv: bool) -> Builder:
    """`two_sites` behind a Squeeze without axes, which one sample alone makes a vector."""
    g = Builder()
    x = g.op("Squeeze", g.input(["n", 1, 6]))
    if conv:  # which wants the sample axis
        kernel = g.tensor(np.ones((1, 1, 1)))
        wide = g.op("Unsqueeze", x, g.const(np.array([1])))
        x = g.op("Squeeze", g.op("Conv", wide, kernel), g.const(np.array([1])))
    y = g.op("Relu", g.dense(x, 6, 5, seed=1), node_name="/first/Relu")
    z = g.op("Tanh", g.dense(y, 5, 4, seed=2), node_name="/second/Tanh")
    g.output(g.dense(z, 4, 3, seed=3), None)
    return g


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("options", [{}, {"batch_size": 16}, {"batch_size": 1}], ids=str)
def test_a_squeeze_without_axes_never_sees_one_sample_alone(
    conv: bool, options: dict[str, Any], tmp_path: Path
) -> None:
    rows = ROWS[:97]  # the last batch of 16 is of one
    path = squeezing(conv=conv).save(tmp_path / "squeezing.onnx")
    found = signature(path, rows[:, None, :], **options)
    plain = signature(two_sites().save(tmp_path / "model.onnx"), rows, **options)
    np.testing.assert_allclose(found.values, plain.values, atol=ROUNDING)
    assert len(found.values) == 2
    assert found.run["outputs_verified"]
    assert [s.samples for s in found.sites] == [97, 97]
    (warning,) = [w for w in found.warnings if "fed one sample alone" in w]
    assert "it is run on 2 at least" in warning


def test_a_single_number_for_the_whole_batch_has_no_samples(tmp_path: Path) -> None:
    g = two_sites()
    gate = g.op("Relu", g.op("ReduceMean", "x", keepdims=0), node_name="/gate/Relu")
    g.output(g.op("Mul", gate, g.outputs[0].name), ["n", 3])
    found = sites(g, tmp_path, FEW)
    assert found["gate"].reason == (
        "no axis of the tensor counts samples: [] and [] for one batch and for two"
    )
    assert found["first"].status == found["second"].status == "ok"


def test_a_single_number_of_each_run_is_one_feature_of_a_model_for_one_sample(
    tmp_path: Path, scored: list[PairedSample]
) -> None:
    g = two_sites(batch=1)
    gate = g.op("Relu", g.op("ReduceMean", "x", keepdims=0), node_name="/gate/Relu")
    g.output(g.op("Mul", gate, g.outputs[0].name), [1, 3])
    assert sites(g, tmp_path, FEW)["gate"].features == 1
    means = FEW.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(scored[-1].x.features, means, atol=ROUNDING)


@pytest.mark.parametrize("pool", ["mean", "positions", "flatten", "reference"])
def test_an_empty_tensor_is_listed_with_its_shape(pool: str, tmp_path: Path) -> None:
    empty = np.zeros((10, 0, 6), np.float32)
    (site,) = sites(tokens(["n", "t", 6]), tmp_path, empty, pool=pool).values()
    assert site.reason == "the tensor is empty, its shape is [1, 0, 5]"


def test_no_sample_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found no sample .* give at least one"):
        signature(two_sites().save(tmp_path / "model.onnx"), FEW[:0])


def reshaped() -> Builder:
    """A Relu of a tensor whose rank only an input tells."""
    g = Builder()
    x, _ = g.input(["n", 12]), g.input([None], "shape", "int64")
    y = g.op("Relu", g.op("Reshape", g.dense(x, 12, 12, seed=1), "shape"), node_name="/first/Relu")
    g.output(g.dense(g.op("Reshape", y, g.const(np.array([-1, 12]))), 12, 3, seed=2), ["n", 3])
    return g


def test_a_rank_that_only_the_run_tells_is_taken_from_the_run(
    tmp_path: Path, scored: list[PairedSample]
) -> None:
    data = np.random.default_rng(3).normal(size=(40, 12)).astype(np.float32)
    feeds = [{"x": data, "shape": np.array([-1, 3, 4])}]
    assert sites(reshaped(), tmp_path, feeds)["first"].status == "ok"
    weights = np.random.default_rng(1).normal(size=(12, 12)) / 12**0.5
    rows = (data @ weights).reshape(40, 3, 4).mean(axis=2)
    np.testing.assert_allclose(scored[0].x.features, rows, atol=ROUNDING)


def test_a_rank_that_the_file_says_and_the_run_does_not_confirm_is_that_of_the_run(
    tmp_path: Path,
) -> None:
    def port(name: str, kind: int, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    state = port("s", TensorProto.FLOAT, ["n", 4])
    nodes = [
        helper.make_node("Identity", ["on"], ["stay"]),
        helper.make_node("MatMul", ["s", "w"], ["m"]),
        helper.make_node("Elu", ["m"], ["t"]),
    ]
    turn = helper.make_graph(
        nodes,
        "turn",
        [port("i", TensorProto.INT64, []), port("on", TensorProto.BOOL, []), state],
        [port("stay", TensorProto.BOOL, []), port("t", TensorProto.FLOAT, ["n", 4])],
    )
    weights = [
        numpy_helper.from_array(np.array(3), "turns"),
        numpy_helper.from_array(np.eye(4, dtype=np.float32), "w"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "", "x"], ["y"], body=turn)],
        "g",
        [port("x", TensorProto.FLOAT, [4])],
        [port("y", TensorProto.FLOAT, ["n", 4])],
        weights,
    )
    versions = [helper.make_opsetid("", 18)]
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=versions), path)
    taps = api.instrumented(path, tmp_path / "tapped.onnx")
    assert [name.rpartition("::")[2] for name in taps] == ["t", "m"]


def beyond(g: Builder, y: str, sizes: list[int]) -> str:
    """The tensor itself, by way of one that has so many copies of it."""
    wide = g.op("Expand", g.op("Unsqueeze", y, g.const(np.array([2]))), g.const(np.array(sizes)))
    return g.op("ReduceMean", wide, axes=[2], keepdims=0)


@pytest.mark.parametrize(
    ("sizes", "error", "said"),
    [
        ([1, 5, 1 << 40], AllocationError, r"Expand.*[Ff]ailed to allocate.*size 21990232555520"),
        ([1, 5, (1 << 63) - 1], RunError, r"Expand.*[Oo]verflow"),
    ],
    ids=["beyond the memory", "beyond 64 bits"],
)
def test_a_tensor_larger_than_any_memory_is_an_error_that_names_its_node(
    sizes: list[int], error: type[Exception], said: str, tmp_path: Path
) -> None:
    g = two_sites(lambda g, y: beyond(g, y, sizes))
    with pytest.raises(error, match=said):
        signature(g.save(tmp_path / "model.onnx"), FEW)


def test_sequences_and_optionals_inside_a_model_are_run_through(tmp_path: Path) -> None:
    def through(g: Builder, y: str) -> str:
        pair = g.op("SequenceConstruct", y, g.op("Neg", y))
        taken = g.op("SequenceAt", pair, g.const(np.array(0)))
        return g.op("OptionalGetElement", g.op("Optional", taken))

    found, plain = (sites(g, tmp_path, FEW) for g in (two_sites(through), two_sites()))
    assert {n: s.affinity for n, s in found.items()} == pytest.approx(
        {n: s.affinity for n, s in plain.items()}, abs=ROUNDING
    )


@pytest.mark.parametrize("kind", ["sequence", "optional"])
def test_an_input_that_is_no_tensor_is_an_error_that_names_it(kind: str, tmp_path: Path) -> None:
    g, tensor = Builder(), helper.make_tensor_type_proto(TensorProto.FLOAT, ["n", 6])
    make = {
        "sequence": helper.make_sequence_type_proto,
        "optional": helper.make_optional_type_proto,
    }
    g.inputs.append(helper.make_value_info("x", make[kind](tensor)))
    got = (
        g.op("OptionalGetElement", "x")
        if kind == "optional"
        else g.op("SequenceAt", "x", g.const(np.array(0)))
    )
    g.output(g.dense(g.op("Relu", g.dense(got, 6, 5)), 5, 3), ["n", 3])
    with pytest.raises(DataError, match=f"input 'x' is declared as {kind}, and only tensors"):
        signature(g.save(tmp_path / "model.onnx"), FEW)


def test_text_beside_numbers_goes_through_the_model(tmp_path: Path) -> None:
    g = two_sites()
    g.inputs.append(helper.make_tensor_value_info("label", TensorProto.STRING, ["n", 1]))
    out = g.op("Identity", "label")
    g.outputs.append(helper.make_tensor_value_info(out, TensorProto.STRING, ["n", 1]))
    labels = np.array([["a"]] * len(FEW), dtype=object)
    found = sites(g, tmp_path, {"x": FEW, "label": labels})
    assert {s.status for s in found.values()} == {"ok"}

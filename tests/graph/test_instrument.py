"""Taps return what NumPy makes of the raw tensors, and leave everything of the model as it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from onnx_affscore.graph.instrument import Instrumented, expose, instrument
from onnx_affscore.graph.model import load
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session
from tests.builder import Builder

SHAPE = (6, 2, 3, 4)
DIALECTS = [
    pytest.param(opset, ir, dtype, id=f"opset{opset}-ir{ir}-{dtype}")
    for opset, ir, dtypes in (
        (6, 3, ("float32",)),
        (7, 3, ("float32",)),
        (9, 4, ("float32", "float64")),
        (11, 3, ("float32", "float16")),
        (13, 7, ("float32", "float16", "float64")),
        (17, 8, ("float32", "float16")),
        (18, 8, ("float32", "float16", "float64")),
        (20, 9, ("float32",)),
        (21, 10, ("float32", "float16", "float64")),
        (24, 10, ("float32",)),
    )
    for dtype in dtypes
]


def network(opset: int = 17, ir: int = 8, dtype: str = "float32") -> tuple[Builder, str, str]:
    """Weights, Relu, weights over four axes; and the tensors before and behind the Relu."""
    g = Builder(opset=opset, ir=ir, dtype=dtype)
    before = g.dense(g.input(["n", *SHAPE[1:]]), SHAPE[-1], SHAPE[-1])
    behind = g.op("Relu", before)
    g.output(g.dense(behind, SHAPE[-1], 2), ["n", *SHAPE[1:-1], 2])
    return g, before, behind


def feeds(dtype: str = "float32") -> dict[str, Array]:
    return {"x": np.random.default_rng(0).normal(size=SHAPE).astype(dtype)}


def run(proto: onnx.ModelProto, names: list[str], data: Mapping[str, Array]) -> dict[str, Array]:
    device = Device("cpu", (CPU,), strict=True)
    return Session(proto, device, folder=Path(), optimisation="disabled").run(names, data)


def read(tapped: Instrumented, data: Mapping[str, Array], samples: int) -> dict[str, Array]:
    """The rows of every tap, by quantity (one tensor) or by tensor and quantity."""
    fetched = run(tapped.proto, list(tapped.fetches), data)
    one = len({tensor for tensor, _ in tapped.taps}) == 1
    return {
        quantity if one else f"{tensor} {quantity}": tap.read(
            {n: fetched[n] for n in tap.fetches}, samples
        )
        for (tensor, quantity), tap in tapped.taps.items()
    }


def by_numpy(raw: Array, layout: TensorLayout, samples: int) -> dict[str, Array]:
    """The mean over all axes but two, the mean square and the share of small elements."""
    wide = raw.astype(np.float64)[np.newaxis, ..., np.newaxis]  # stand in for axes it has not
    sample = 0 if layout.sample_axis is None else layout.sample_axis + 1
    feature = -1 if layout.feature_axis is None else layout.feature_axis + 1
    moved = np.moveaxis(wide, (sample, feature), (0, -1))
    blocks = moved.reshape(samples, -1, moved.shape[-1])
    return {
        "features": blocks.mean(axis=1),
        "square": (blocks**2).mean(axis=(1, 2))[:, None],
        "sparsity": (np.abs(blocks) <= 1e-3).mean(axis=(1, 2))[:, None],
    }


def layout(dtype: str, sample: int | None, feature: int | None) -> TensorLayout:
    return TensorLayout(dtype, len(SHAPE), sample, feature)


def assert_rows(found: Mapping[str, Array], expected: Mapping[str, Array], dtype: str) -> None:
    # Means of at most 72 numbers around 1. Where the CPU has no kernel for half precision, ONNX
    # Runtime computes in single and may leave out the rounding in front of the tap.
    limit = 16 * float(np.finfo(dtype).eps) if dtype != "float16" else 2.0**-10
    assert set(found) == set(expected)
    for quantity, rows in expected.items():
        loose = max(limit, 1e-7) if quantity == "sparsity" else limit  # counted in float32
        np.testing.assert_allclose(found[quantity], rows, rtol=loose, atol=loose, err_msg=quantity)
        assert not np.allclose(found[quantity], rows * (1 + 10 * loose) + 10 * loose, loose, loose)


@pytest.mark.parametrize(("opset", "ir", "dtype"), DIALECTS)
@pytest.mark.parametrize("side", [1, 2], ids=["before", "behind"])
def test_taps_equal_numpy_in_every_dialect(opset: int, ir: int, dtype: str, side: int) -> None:
    g, *tensors = network(opset, ir, dtype)
    name, axes, proto = tensors[side - 1], layout(dtype, 0, 3), g.proto()
    raw = run(expose(proto, [name]).proto, [name], feeds(dtype))[name]
    assert raw.dtype == dtype
    found = read(instrument(proto, {name: axes}), feeds(dtype), SHAPE[0])
    assert_rows(found, by_numpy(raw, axes, SHAPE[0]), dtype)


# sample axis, feature axis, samples: others than the first, none, windows folded into the batch
AXES = [
    (0, 1, 6),
    (0, 3, 6),
    (2, 1, 3),
    (3, 0, 4),
    (None, 2, 1),
    (0, None, 6),
    (0, 3, 2),
    (0, 1, 3),
]


@pytest.mark.parametrize("opset", [6, 11, 18])
@pytest.mark.parametrize(("sample", "feature", "samples"), AXES)
def test_any_axis_may_count_samples_or_features(
    sample: int | None, feature: int | None, samples: int, opset: int
) -> None:
    g, _before, name = network(opset)
    axes, proto = layout("float32", sample, feature), g.proto()
    raw = run(expose(proto, [name]).proto, [name], feeds())[name]
    found = read(instrument(proto, {name: axes}), feeds(), samples)
    assert_rows(found, by_numpy(raw, axes, samples), "float32")


@pytest.mark.parametrize("opset", [6, 13, 18])
@pytest.mark.parametrize("pool", ["flatten", "positions", "reference"])
def test_poolings_that_fetch_more_keep_every_element(pool: str, opset: int) -> None:
    g, _before, name = network(opset)
    proto = g.proto()
    raw = run(expose(proto, [name]).proto, [name], feeds())[name]
    found = read(instrument(proto, {name: layout("float32", 0, 3)}, pool=pool), feeds(), 6)
    expected = {
        "flatten": np.moveaxis(raw, 3, 1).reshape(6, -1),  # features before positions
        "positions": raw.reshape(-1, 4),  # six positions a sample: all are kept
        "reference": raw.mean(axis=(2, 3)),
    }[pool]
    np.testing.assert_allclose(found["features"], expected, rtol=1e-6, atol=1e-6)
    square = by_numpy(raw, layout("float32", 0, 3), 6)["square"]
    np.testing.assert_allclose(found["square"], square, rtol=1e-6)


def test_half_precision_is_averaged_in_single() -> None:
    g, name, _ = network(dtype="float16")
    data = {"x": np.full(SHAPE, 2e4, np.float16)}  # the sum of a few overflows half precision
    proto = g.proto()
    raw = run(expose(proto, [name]).proto, [name], data)[name]
    found = read(instrument(proto, {name: layout("float16", 0, 3)}), data, 6)
    with np.errstate(over="ignore"):
        assert np.isinf(raw.sum(axis=(1, 2), dtype=np.float16)).any()
    assert_rows(
        {"features": found["features"] / 2e4},
        {"features": by_numpy(raw, layout("float16", 0, 3), 6)["features"] / 2e4},
        "float16",
    )


@pytest.mark.parametrize("opset", [6, 17])
def test_numbers_that_are_none_reach_the_features_and_are_not_small(opset: int) -> None:
    g, name, _ = network(opset)
    data = feeds()
    data["x"][1, 0, 0, 0] = np.nan
    found = read(instrument(g.proto(), {name: layout("float32", 0, 3)}), data, 6)
    assert np.isnan(found["features"][1]).all()
    assert np.isfinite(np.delete(found["features"], 1, axis=0)).all()
    assert found["sparsity"][1] == 0


@pytest.mark.parametrize(("opset", "ir", "dtype"), DIALECTS)
def test_the_model_keeps_all_that_it_has(opset: int, ir: int, dtype: str) -> None:
    g, before, behind = network(opset, ir, dtype)
    proto = g.proto()
    untouched = proto.SerializeToString()
    layouts = {name: layout(dtype, 0, 3) for name in (before, behind)}
    made = instrument(proto, layouts).proto
    assert proto.SerializeToString() == untouched
    assert made.ir_version == ir
    assert list(made.opset_import) == list(proto.opset_import)
    for field in ("input", "initializer", "output"):
        own = list(getattr(proto.graph, field))
        assert list(getattr(made.graph, field))[: len(own)] == own
    added = {i.name for i in made.graph.input} - {i.name for i in proto.graph.input}
    assert added <= {t.name for t in made.graph.initializer}  # nothing more to feed
    nodes = [n for n in made.graph.node if not n.name.startswith("affscore/")]
    assert nodes == list(proto.graph.node)
    onnx.checker.check_model(made, full_check=True)


@pytest.mark.parametrize(("opset", "ir", "dtype"), DIALECTS)
def test_the_models_own_outputs_are_the_same_to_the_bit(opset: int, ir: int, dtype: str) -> None:
    g, before, behind = network(opset, ir, dtype)
    proto = g.proto()
    own = [o.name for o in proto.graph.output]
    made = instrument(proto, {name: layout(dtype, 0, 3) for name in (before, behind)})
    after = run(made.proto, [*own, *made.fetches], feeds(dtype))
    for name, array in run(proto, own, feeds(dtype)).items():
        if dtype == "float16":  # computed in single on the CPU, with other roundings in between
            np.testing.assert_allclose(array, after[name], rtol=2.0**-10, atol=2.0**-10)
        else:
            assert array.tobytes() == after[name].tobytes()


def test_taps_stand_right_behind_the_producer() -> None:
    g, before, behind = network()
    layouts = {behind: layout("float32", 0, 3), before: layout("float32", 0, 3)}
    nodes = instrument(g.proto(), layouts).proto.graph.node
    own = [i for i, n in enumerate(nodes) if not n.name.startswith("affscore/")]
    assert [nodes[i].op_type for i in own] == ["MatMul", "Relu", "MatMul"]
    assert min(np.diff(own)) > 1
    assert own[-1] == len(nodes) - 1


def test_inputs_and_outputs_of_the_model_can_be_tapped() -> None:
    g, *_ = network()
    proto = g.proto()
    names = [proto.graph.input[0].name, proto.graph.output[0].name]
    axes = layout("float32", 0, 3)
    tapped = instrument(proto, dict.fromkeys(names, axes), quantities=("features", "square"))
    assert {quantity for _, quantity in tapped.taps} == {"features", "square"}
    found, raw = read(tapped, feeds(), 6), feeds() | run(proto, names[1:], feeds())
    for name in names:
        expected = by_numpy(raw[name], axes, 6)["features"]
        np.testing.assert_allclose(found[f"{name} features"], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("opset", [6, 17, 18])
def test_names_never_collide_even_with_our_own(opset: int) -> None:
    g, before, behind = network(opset)
    axes = layout("float32", 0, 3)
    once = instrument(g.proto(), {before: axes})
    twice = instrument(once.proto, {before: axes, behind: axes})
    assert not set(once.fetches) & set(twice.fetches)
    onnx.checker.check_model(twice.proto, full_check=True)
    first, second = read(once, feeds(), 6), read(twice, feeds(), 6)
    for quantity, rows in first.items():
        np.testing.assert_array_equal(second[f"{before} {quantity}"], rows)


@pytest.mark.parametrize("opset", [17, 18])
def test_a_model_may_use_our_names_for_other_things(opset: int) -> None:
    g, before, _ = network(opset)
    axes = layout("float32", 0, 3)
    expected = read(instrument(g.proto(), {before: axes}), feeds(), 6)
    taken = [n.name for n in instrument(g.proto(), {before: axes}).proto.graph.initializer]
    taken += [f"affscore/{stem}_{i}" for stem in ("Mul", "Abs", "shape") for i in range(3)]
    proto = g.proto()
    for name in (n for n in taken if n.startswith("affscore/")):
        proto.graph.node.append(helper.make_node("Relu", [before], [name], name=name))
    run(expose(proto, [before]).proto, [before], feeds())
    found = read(instrument(proto, {before: axes}), feeds(), 6)
    for quantity, rows in expected.items():
        np.testing.assert_array_equal(found[quantity], rows)


def test_an_old_file_without_weights_stays_valid() -> None:
    g = Builder(opset=9, ir=3)
    name = g.op("Relu", g.input(["n", *SHAPE[1:]]))
    g.output(g.op("Abs", name), ["n", *SHAPE[1:]])
    made = instrument(g.proto(), {name: layout("float32", 0, 3)}).proto
    onnx.checker.check_model(made, full_check=True)


def test_a_model_of_other_domains_only_gets_the_standard_one() -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 4]) for n in "xy"]
    graph = helper.make_graph([node], "g", ports[:1], ports[1:])
    opsets = [helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    data = {"x": np.ones((3, 4), np.float32)}
    found = read(instrument(proto, {"y": TensorLayout("float32", 2, 0, 1)}), data, 3)
    np.testing.assert_allclose(found["features"], 0.8413447, rtol=1e-6)


def test_external_weights_are_neither_loaded_nor_rewritten(tmp_path: Path) -> None:
    g, name, _ = network()
    proto = g.proto()
    where: dict[str, Any] = {"location": "w.data", "size_threshold": 0}
    expected = read(instrument(proto, {name: layout("float32", 0, 3)}), feeds(), 6)
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, **where)
    before = {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in tmp_path.iterdir()}
    assert set(before) == {"m.onnx", "w.data"}
    model = load(tmp_path / "m.onnx")
    tapped = instrument(model.proto, {name: layout("float32", 0, 3)})
    device = Device("cpu", (CPU,), strict=True)
    session = Session(tapped.proto, device, folder=model.folder, optimisation="disabled")
    fetched = session.run(tapped.fetches, feeds())
    assert all(not t.raw_data for t in tapped.proto.graph.initializer if "affscore" not in t.name)
    for (_, quantity), tap in tapped.taps.items():
        rows = tap.read({n: fetched[n] for n in tap.fetches}, 6)
        np.testing.assert_array_equal(rows, expected[quantity])
    after = {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in tmp_path.iterdir()}
    assert after == before

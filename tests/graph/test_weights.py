"""Large weights lie in a file; the model stays the same, and its copies are small."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from onnx_affscore.graph.model import load
from onnx_affscore.graph.weights import LARGE, PAGE, set_aside
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session
from tests.builder import Builder

WIDTH = 300
X = np.random.default_rng(0).normal(size=(4, WIDTH)).astype(np.float32)


def model(path: Path, dtype: str = "float32") -> Path:
    g = Builder(dtype=dtype)
    x = g.op("Add", g.dense(g.input(["n", WIDTH]), WIDTH, WIDTH), g.tensor(np.ones(WIDTH)))
    g.output(g.dense(g.op("Relu", x), WIDTH, WIDTH + 1, seed=1), ["n", WIDTH + 1])
    return g.save(path)


def outputs(proto: onnx.ModelProto, folder: Path) -> np.ndarray:
    session = Session(proto, Device("cpu", (CPU,), strict=True), folder=folder)
    return np.asarray(session.run(session.outputs, {"x": X})[session.outputs[0]])


def test_only_large_weights_are_moved_and_the_model_computes_the_same(tmp_path: Path) -> None:
    path, aside = model(tmp_path / "m.onnx"), tmp_path / "aside"
    aside.mkdir()
    light = set_aside(load(path), aside)
    assert light.folder == aside
    assert light.info == load(path).info
    moved = [t for t in light.proto.graph.initializer if t.external_data]
    assert [list(t.dims) for t in moved] == [[WIDTH, WIDTH], [WIDTH, WIDTH + 1]]
    assert light.proto.ByteSize() < LARGE < (aside / "weights").stat().st_size
    offsets = [int({e.key: e.value for e in t.external_data}["offset"]) for t in moved]
    assert offsets == [0, PAGE * -(-(4 * WIDTH * WIDTH) // PAGE)]
    np.testing.assert_array_equal(outputs(light.proto, aside), outputs(load(path).proto, tmp_path))


def test_weights_that_are_mapped_are_those_of_the_file(tmp_path: Path) -> None:
    from onnx_affscore.graph.view import GraphView

    path, aside = model(tmp_path / "m.onnx"), tmp_path / "aside"
    aside.mkdir()
    whole, light = load(path), set_aside(load(path), aside)
    views = [GraphView(m.proto.graph, types={}, folder=m.folder) for m in (whole, light)]
    for tensor in whole.proto.graph.initializer:
        left, right = (view.weights(tensor.name) for view in views)
        assert left is not None
        assert right is not None
        np.testing.assert_array_equal(left, right)


def test_a_model_with_external_data_stays_as_it_is(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx")
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="w.bin")
    loaded = load(outside)
    assert set_aside(loaded, tmp_path) is loaded


def test_a_folder_that_cannot_be_written_leaves_the_model_whole(tmp_path: Path) -> None:
    loaded = load(model(tmp_path / "m.onnx"))
    assert set_aside(loaded, tmp_path / "missing") is loaded
    assert outputs(loaded.proto, tmp_path).shape == (4, WIDTH + 1)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_types_are_moved_by_their_size(dtype: str, tmp_path: Path) -> None:
    light = set_aside(load(model(tmp_path / "m.onnx", dtype)), tmp_path)
    moved = [list(t.dims) for t in light.proto.graph.initializer if t.external_data]
    size = {"float16": 2, "bfloat16": 2, "float64": 8}[dtype]
    assert (moved == []) == (size * WIDTH * WIDTH < LARGE)

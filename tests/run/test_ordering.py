"""Taps run right behind what they read; everything else keeps its order and its results."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from onnx_affscore.errors import RunError
from onnx_affscore.run import session as sessions
from onnx_affscore.run.ordering import move_forward
from onnx_affscore.run.providers import CPU, Device
from onnx_affscore.run.session import Session
from tests.builder import Builder

DEVICE = Device("cpu", (CPU,), strict=True)


def graph(edges: list[list[int]], outputs: list[int]) -> onnx.GraphProto:
    """Node i reads the outputs of ``edges[i]``, or the input where that is empty."""
    nodes = [
        helper.make_node("Sum", [f"t{j}" for j in needed] or ["x"], [f"t{i}"], name=f"t{i}")
        for i, needed in enumerate(edges)
    ]
    ports = [onnx.ValueInfoProto(name=f"t{i}") for i in outputs]
    return helper.make_graph(nodes, "g", [onnx.ValueInfoProto(name="x")], ports)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    size = draw(st.integers(1, 9))
    edges = [draw(st.lists(st.integers(0, i - 1), max_size=3)) if i else [] for i in range(size)]
    return edges, draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=4, unique=True))


@given(graphs(), st.integers(0, 3))
def test_every_node_stays_and_runs_behind_what_it_reads(
    made: tuple[list[list[int]], list[int]], kept: int
) -> None:
    edges, outputs = made
    g = graph(edges, outputs)
    move_forward(g, [f"t{i}" for i in outputs[kept:]])
    order = [int(node.name[1:]) for node in g.node]
    assert sorted(order) == list(range(len(edges)))
    place = {node: at for at, node in enumerate(order)}
    assert all(place[j] < place[i] for i, needed in enumerate(edges) for j in needed)


def test_taps_move_behind_what_they_read_and_the_rest_keeps_its_order() -> None:
    #            a   b    c    d    tap of a, tap of b, both joined
    edges = [[], [0], [1], [2], [0], [1], [4, 5]]
    g = graph(edges, [3, 6])
    move_forward(g, ["t6"])
    assert [n.name for n in g.node] == ["t0", "t4", "t1", "t5", "t6", "t2", "t3"]


def test_a_tensor_read_inside_a_branch_is_there_in_time(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["r"])], "b", [], [onnx.ValueInfoProto(name="r")]
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
        helper.make_node("Abs", ["x"], ["tap"]),
    ]
    g = helper.make_graph(nodes, "g", [], [onnx.ValueInfoProto(name=n) for n in ("y", "tap")])
    move_forward(g, ["tap"])
    assert [n.op_type for n in g.node] == ["Abs", "Relu", "If"]


def tapped() -> tuple[Builder, str]:
    g = Builder()
    weight = g.tensor(np.random.default_rng(0).normal(size=(16, 8, 3, 3)))
    x = g.op("Relu", g.op("Conv", g.input(["n", 8, 9, 9]), weight, pads=[1, 1, 1, 1]))
    tap = g.op("GlobalAveragePool", x)
    g.output(g.op("Tanh", g.op("MaxPool", x, kernel_shape=[3, 3])), ["n", 16, 7, 7])
    g.output(tap, ["n", 16, 1, 1])
    return g, tap


def test_the_reordered_model_computes_the_same(tmp_path: Path) -> None:
    g, tap = tapped()
    feeds = {"x": np.random.default_rng(1).normal(size=(3, 8, 9, 9)).astype(np.float32)}
    plain, early = (
        Session(g.proto(), DEVICE, folder=tmp_path, early=names) for names in ((), (tap,))
    )
    assert early.outputs == plain.outputs
    for name, value in plain.run(plain.outputs, feeds).items():
        np.testing.assert_array_equal(early.run([name], feeds)[name], value)


def test_a_full_disk_leaves_the_runtimes_own_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    g, tap = tapped()
    monkeypatch.setattr(sessions, "TemporaryFolder", full)
    session = Session(g.proto(), DEVICE, folder=tmp_path, early=(tap,))
    feeds = {"x": np.ones((1, 8, 9, 9), np.float32)}
    assert session.run([tap], feeds)[tap].shape == (1, 16, 1, 1)


def test_a_model_that_does_not_load_says_so_with_early_outputs_too(tmp_path: Path) -> None:
    g, tap = tapped()
    proto = g.proto()
    proto.graph.node[0].op_type = "Nonexistent"
    with pytest.raises(RunError, match="cannot load the model"):
        Session(proto, DEVICE, folder=tmp_path, early=(tap,))

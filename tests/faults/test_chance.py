"""Models that draw random numbers are known by their graph, and by running them twice."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from onnx_affscore import signature
from onnx_affscore.chance import chance
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.graph.randomness import RANDOM, Draw, behind_draws, draws
from tests.builder import Builder, reloaded
from tests.faults.graphs import FEW, two_sites

Between = Callable[[Builder, str], str]


def normal(g: Builder, y: str) -> str:
    return g.op("Add", y, g.op("RandomNormalLike", y, node_name="noise"))


def seeded(g: Builder, y: str) -> str:
    return g.op("Add", y, g.op("RandomNormalLike", y, node_name="noise", seed=7.0))


def uniform(g: Builder, y: str) -> str:
    return g.op("Mul", y, g.op("RandomUniformLike", y, node_name="noise"))


def bernoulli(g: Builder, y: str) -> str:
    return g.op("Mul", y, g.op("Bernoulli", g.op("Sigmoid", y), node_name="noise"))


def multinomial(g: Builder, y: str) -> str:
    drawn = g.op("Multinomial", y, sample_size=5, node_name="noise")
    return g.op("Add", y, g.op("Cast", drawn, to=TensorProto.FLOAT))


def branch(g: Builder, y: str) -> str:
    """The noise is in both branches of an If."""
    arms: dict[str, Any] = {}
    for arm in ("then_branch", "else_branch"):
        node = helper.make_node("RandomNormalLike", [y], [f"{arm}_out"], name=f"noise_{arm}")
        out = helper.make_tensor_value_info(f"{arm}_out", TensorProto.FLOAT, None)
        arms[arm] = helper.make_graph([node], arm, [], [out])
    return g.op("Add", y, g.op("If", g.const(np.array(True)), **arms))


def function(g: Builder, y: str) -> str:
    """The noise is in a function of the model."""
    nodes = [
        helper.make_node("RandomNormalLike", ["a"], ["r"], name="noise"),
        helper.make_node("Add", ["a", "r"], ["b"]),
    ]
    opset = [helper.make_opsetid("", g.opset)]
    g.functions.append(helper.make_function("local", "Noisy", ["a"], ["b"], nodes, opset))
    return g.op("local::Noisy", y)


def dropout(mode: bool | None) -> Between:
    def between(g: Builder, y: str) -> str:
        training = [] if mode is None else [g.const(np.array(mode))]
        return g.op("Dropout", y, g.const(np.array(0.5)), *training, node_name="noise")

    return between


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("between", [normal, uniform, bernoulli, multinomial, branch, function])
def test_the_warning_names_the_node_and_what_it_means(
    between: Between, verify: bool, tmp_path: Path
) -> None:
    path = two_sites(between).save(tmp_path / "model.onnx")
    found = signature(path, FEW, verify=verify, metrics=())
    (warning,) = [w for w in found.warnings if "random numbers" in w]
    assert "'noise" in warning
    assert "two runs on the same data differ" in warning
    assert "scores behind them differ from run to run" in warning
    assert "export the model in evaluation mode" in warning
    assert not found.run["outputs_verified"]
    assert ("the model is not deterministic" in " ".join(found.warnings)) == verify


def test_seeds_are_told_with_what_they_are_worth(tmp_path: Path) -> None:
    path = two_sites(seeded).save(tmp_path / "model.onnx")
    first, second = (signature(path, FEW, metrics=()) for _ in range(2))
    (warning,) = [w for w in first.warnings if "random numbers" in w]
    assert "RandomNormalLike 'noise' with seed 7" in warning
    assert "their seeds repeat the scores only with the same rows, batch size" in warning
    assert list(first.values) == list(second.values)
    smaller = signature(path, FEW, metrics=(), batch_size=5)
    assert smaller.values[0] == pytest.approx(first.values[0])
    assert smaller.values[1] != pytest.approx(first.values[1], abs=1e-4)


@pytest.mark.parametrize(("mode", "found"), [(True, 1), (False, 0), (None, 0)])
def test_a_dropout_counts_in_training_mode_alone(mode: bool | None, found: int) -> None:
    assert len(draws(two_sites(dropout(mode)).proto())) == found


def test_a_dropout_whose_mode_is_an_input_may_be_training() -> None:
    def between(g: Builder, y: str) -> str:
        return g.op("Dropout", y, g.const(np.array(0.5)), g.input([], "mode", "bool"))

    assert [d.operator for d in draws(two_sites(between).proto())] == ["Dropout"]


def branches(g: Builder, y: str, *, modes: dict[str, bool | None]) -> str:
    """A dropout in both branches of an If, the mode under one name; None: that of the graph."""
    arms: dict[str, Any] = {}
    for arm, mode in modes.items():
        out = helper.make_tensor_value_info(f"{arm}_out", TensorProto.FLOAT, None)
        node = helper.make_node("Dropout", [y, "half", "mode"], [out.name], name=f"noise_{arm}")
        own = [] if mode is None else [numpy_helper.from_array(np.array(mode), "mode")]
        arms[arm] = helper.make_graph([node], arm, [], [out], own)
    return g.op("Add", y, g.op("If", g.const(np.array(True)), **arms))


def called(g: Builder, y: str, *, mode: bool) -> str:
    """A function has a dropout, and a constant ``mode`` of its own."""
    opset = [helper.make_opsetid("", g.opset)]
    nodes = [
        helper.make_node("Constant", [], ["mode"], value=numpy_helper.from_array(np.array(mode))),
        helper.make_node(
            "Constant", [], ["half"], value=numpy_helper.from_array(np.array(0.5, np.float32))
        ),
        helper.make_node("Dropout", ["a", "half", "mode"], ["b"], name="noise_function"),
    ]
    g.functions.append(helper.make_function("local", "Noisy", ["a"], ["b"], nodes, opset))
    return g.op("local::Noisy", y)


def names_of_draws(outer: bool, between: Between) -> tuple[set[str], frozenset[str]]:
    """The nodes that draw, and what lies behind them, where the graph has a dropout as well."""

    def both(g: Builder, y: str) -> str:
        held = {"mode": np.array(outer), "half": np.array(0.5, np.float32)}
        g.initializers += [numpy_helper.from_array(value, name) for name, value in held.items()]
        return between(g, g.op("Dropout", y, "half", "mode", node_name="noise"))

    proto = two_sites(both).proto()
    return {d.name for d in draws(proto)}, behind_draws(proto)


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("inner", [True, False])
def test_a_name_in_a_function_says_nothing_of_the_graphs(outer: bool, inner: bool) -> None:
    found, behind = names_of_draws(outer, partial(called, mode=inner))
    assert found == {n for n, on in (("noise", outer), ("noise_function", inner)) if on}
    assert bool(behind) == outer  # of functions the main graph knows nothing: they are inlined


@pytest.mark.parametrize("outer", [True, False])
@pytest.mark.parametrize("one", [True, False, None])
@pytest.mark.parametrize("other", [True, False, None])
def test_a_branch_sees_its_own_names_and_then_the_graphs(
    outer: bool, one: bool | None, other: bool | None
) -> None:
    modes = {"then_branch": one, "else_branch": other}
    found, behind = names_of_draws(outer, partial(branches, modes=modes))
    drawing = {arm for arm, mode in modes.items() if (outer if mode is None else mode)}
    assert found == {f"noise_{arm}" for arm in drawing} | ({"noise"} if outer else set())
    assert bool(behind) == bool(found)


def test_what_the_runtime_leaves_out_is_said_to_make_no_difference(tmp_path: Path) -> None:
    path = two_sites(dropout(True)).save(tmp_path / "model.onnx")
    found = signature(path, FEW, metrics=())
    (warning,) = [w for w in found.warnings if "random numbers" in w]
    assert "Dropout 'noise'" in warning
    assert "two runs on the same data were the same" in warning


def test_draws_behind_every_activation_are_said_not_to_matter(tmp_path: Path) -> None:
    """A policy that samples its action at the end, as reinforcement learning exports it."""
    g = two_sites()
    logits = g.outputs.pop().name
    g.output(g.op("Add", logits, g.op("RandomNormalLike", logits, node_name="noise")), ["n", 3])
    path = g.save(tmp_path / "model.onnx")
    first, second = (signature(path, FEW, metrics=()) for _ in range(2))
    (warning,) = [w for w in first.warnings if "random numbers" in w]
    assert "no activation that is scored lies behind them" in warning
    assert list(first.values) == list(second.values)


@pytest.mark.parametrize("between", [normal, branch, function])
def test_what_lies_behind_a_draw_is_followed(between: Between, tmp_path: Path) -> None:
    model = reloaded(two_sites(between), tmp_path)
    found = find_activations(model)
    drawn = behind_draws(found.model.proto)
    first, second = found.located.sites
    assert not drawn & {first.input, first.output}
    assert {second.input, second.output} <= drawn


def test_a_model_that_draws_nothing_is_not_warned_of(tmp_path: Path) -> None:
    found = signature(two_sites().save(tmp_path / "model.onnx"), FEW, metrics=())
    assert draws(two_sites().proto()) == ()
    assert not found.warnings


@pytest.mark.parametrize("operator", sorted(RANDOM))
def test_every_random_operator_is_found(operator: str) -> None:
    g = Builder()
    x = g.input(["n", 6])
    place = RANDOM[operator]
    operands = [x] * (1 if place is None else place)
    training = [] if place is None else [g.const(np.array(True))]
    g.output(g.op(operator, *operands, *training, node_name="noise"))
    assert draws(g.proto()) == (Draw("noise", operator),)


def test_many_nodes_are_counted_and_three_are_named() -> None:
    said = chance([Draw(f"d{i}", "Bernoulli") for i in range(5)], None)
    assert said.startswith(
        "5 node(s) may draw random numbers (Bernoulli 'd0', Bernoulli 'd1', Bernoulli 'd2' and 2"
        " more): scores behind them differ"
    )

"""Pairs of tensors by name, with what is said where a name is none, and compositions."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from onnx_affscore import api
from onnx_affscore.errors import OptionError
from onnx_affscore.graph.pairs import Tensors
from onnx_affscore.records import ActivationSite, Role
from tests.builder import Builder
from tests.graph.test_residuals import convolution


def tensors(*names: str) -> Tensors:
    return Tensors(frozenset(names))


def probed(g: Builder, folder: Path, **asked: object) -> list[ActivationSite]:
    found, _ = api.sites(g.save(folder / "model.onnx"), **asked)  # type: ignore[arg-type]
    return [s for s in found if s.role is Role.PROBE]


def mlp() -> Builder:
    """x (6) -> matmul_2 (5) -> relu_4 (5) -> matmul_7 (6) -> relu_9 (6) -> matmul_12 (2)."""
    g = Builder()
    h = g.op("Relu", g.dense(g.input(["n", 6]), 6, 5))
    g.output(g.dense(g.op("Relu", g.dense(h, 5, 6)), 6, 2), ["n", 2])
    return g


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("a:b", ("a", "b")),
        ("a:0:b:0", ("a:0", "b:0")),
        ("a:0:a", ("a:0", "a")),
        ("x:y:z", ("x:y", "z")),
    ],
)
def test_a_pair_is_split_where_both_sides_are_names(text: str, pair: tuple[str, str]) -> None:
    assert tensors("a", "b", "a:0", "b:0", "x:y", "z").pair(text) == pair


def test_a_pair_that_may_be_split_twice_is_refused() -> None:
    with pytest.raises(OptionError, match="may mean 'a' to 'b:c' or 'a:b' to 'c'; rename"):
        tensors("a", "b:c", "a:b", "c").pair("a:b:c")


def test_names_that_are_near_are_told() -> None:
    with pytest.raises(OptionError, match="no tensor 'layer1_outptu'; did you mean 'layer1_outp"):
        tensors("layer1_output", "image").pair("image:layer1_outptu")
    with pytest.raises(OptionError, match="no tensor 'qqq'; 'onnx-affscore sites MODEL --json"):
        tensors("layer1_output", "image").pair("qqq:image")
    with pytest.raises(OptionError, match="is no pair; wanted two names of tensors, IN:OUT"):
        tensors("image").pair("image")


def test_tensors_of_functions_and_branches_are_told_where_they_lie(tmp_path: Path) -> None:
    g = mlp()
    body = helper.make_node("Relu", ["a"], ["inner"])
    ops = [helper.make_opsetid("", 17)]
    g.functions.append(helper.make_function("own", "F", ["a"], ["inner"], [body], ops))
    x = g.op("own::F", g.input(["n", 2], "other"))
    inner = Builder()
    inner.nodes.append(helper.make_node("Relu", [x], ["in_branch"]))
    inner.output("in_branch")
    flag = g.input([], "flag", "bool")
    branch = inner.proto().graph
    branches = {"then_branch": branch, "else_branch": branch}
    g.nodes.append(helper.make_node("If", [flag], ["y"], name="If", **branches))  # type: ignore[arg-type]
    g.output("y")
    with pytest.raises(OptionError, match="'inner' can be read: it lies in the function 'F'"):
        probed(g, tmp_path, probes=["x:inner"])
    with pytest.raises(OptionError, match="'in_branch' can be read: it lies in the subgraph 'g'"):
        probed(g, tmp_path, probes=["x:in_branch"])


def test_a_tensor_that_went_with_its_operator_is_told(tmp_path: Path) -> None:
    whole, opened = mlp().proto(), mlp().proto()
    opened.graph.node[0].output[0] = "instead"
    opened.graph.node[1].input[0] = "instead"
    with pytest.raises(OptionError, match="it went when the operators around it were opened up"):
        Tensors.of(opened, whole).pair("x:matmul_2")


def test_pairs_stand_behind_both_of_their_ends(tmp_path: Path) -> None:
    asked = ["x:relu_9", "relu_9:x", "matmul_2:relu_4", "x:x"]
    found, _ = api.sites(mlp().save(tmp_path / "m.onnx"), probes=[*asked, "x:x"])
    assert [s.name for s in found] == [
        "probe x:x",
        "Relu_5",
        "probe matmul_2:relu_4",
        "Relu_10",
        "probe x:relu_9",
        "probe relu_9:x",
    ]
    assert {s.activation for s in found} == {"Relu", "Probe"}


def test_a_constant_is_listed_with_the_reason(tmp_path: Path) -> None:
    (site,) = probed(mlp(), tmp_path, probes=["w_1:relu_4"])
    assert site.unscored == "'w_1' does not depend on the data, but on constants or shapes only"


def test_a_composition_leads_from_the_input_to_every_depth(tmp_path: Path) -> None:
    found = probed(mlp(), tmp_path, composition=True)
    assert [(s.name, s.input, s.output) for s in found] == [
        ("Relu_5 (from x)", "x", "relu_4"),
        ("Relu_10 (from x)", "x", "relu_9"),
    ]


def test_where_no_depth_fits_the_input_the_first_activation_is_a_second_start(
    tmp_path: Path,
) -> None:
    g = Builder()
    x = convolution(g, g.input(["n", 3, 8, 8]), 3, 4)
    first = g.op("Relu", x)
    second = g.op("Relu", convolution(g, first, 4, 4))
    g.output(convolution(g, second, 4, 2), ["n", 2, 8, 8])
    starts = [(s.input, s.output) for s in probed(g, tmp_path, composition=True)]
    # From the first activation's input to its output is that activation, no composition.
    assert starts == [("x", first), ("x", second), (x, second)]


def test_a_composition_starts_where_it_was_asked_to(tmp_path: Path) -> None:
    found = probed(mlp(), tmp_path, composition_from="relu_4")
    assert [(s.name, s.input) for s in found] == [("Relu_10 (from relu_4)", "relu_4")]
    with pytest.raises(OptionError, match="--composition-from: the model has no tensor 'rleu_4'"):
        probed(mlp(), tmp_path, composition_from="rleu_4")


def test_token_ids_are_no_start_of_a_composition(tmp_path: Path) -> None:
    g = Builder()
    table = g.tensor(np.random.default_rng(0).normal(size=(9, 6)))
    x = g.dense(g.op("Gather", table, g.input(["n", 5], "ids", "int64")), 6, 6)
    x = g.op("Mul", x, g.input(["n", 5, 6], "past"))
    y = g.op("Relu", g.dense(g.op("Relu", x), 6, 6))
    g.output(g.dense(y, 6, 2), ["n", 5, 2])
    assert [(s.input, s.output) for s in probed(g, tmp_path, composition=True)] == [(x, y)]

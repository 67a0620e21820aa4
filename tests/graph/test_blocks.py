"""The table of blocks, and where their sites stand among the activations."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from onnx import helper

from onnx_affscore import api
from onnx_affscore.asked import OPERATORS, Asked, parse_operators
from onnx_affscore.errors import OptionError
from onnx_affscore.graph.blocks import BLOCKS
from onnx_affscore.graph.normalisations import FUSED
from onnx_affscore.graph.search import NORMALISING
from onnx_affscore.records import ActivationSite, Role
from tests.builder import Builder
from tests.graph.test_normalisations import probes
from tests.graph.test_residuals import convolution

MODELS = Path(__file__).parents[2] / "models"


def listed(name: str, **asked: object) -> list[ActivationSite]:
    return list(api.sites(MODELS / f"{name}.onnx", **asked)[0])  # type: ignore[arg-type]


def test_every_kind_is_found_by_a_row_or_is_an_activation() -> None:
    assert {*BLOCKS, "softmax"} == set(OPERATORS)
    assert set(FUSED.values()) == set(OPERATORS["normalisation"])
    assert set(NORMALISING) == set(OPERATORS["softmax"])


def test_all_kinds_and_lists_of_kinds_are_parsed() -> None:
    assert parse_operators("all") == tuple(OPERATORS)
    assert parse_operators(" residual, max-pool,residual") == ("residual", "max-pool")
    assert parse_operators(["softmax"]) == ("softmax",)
    assert parse_operators(None) == ()
    with pytest.raises(OptionError, match="wanted some of max-pool"):
        parse_operators(" , ")
    with pytest.raises(OptionError, match="no kind of operators 'pooling'"):
        Asked(operators=("pooling",))


def test_max_pools_are_found_and_average_pools_are_not(tmp_path: Path) -> None:
    g = Builder()
    x = convolution(g, g.input(["n", 3, 8, 8]), 3, 4)
    a = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    b = g.op("AveragePool", a, kernel_shape=[2, 2])
    c = g.op("GlobalMaxPool", b)
    g.output(c, ["n", 4, 1, 1])
    found = probes(g, tmp_path, "max-pool")
    assert [(s.activation, s.input, s.output) for s in found] == [
        ("MaxPool", x, a),
        ("GlobalMaxPool", b, c),
    ]
    assert found[0].params == {"kernel_shape": [2, 2]}


@pytest.mark.parametrize(
    ("model", "kind", "count"),
    [
        ("torch_resnet", "residual", 8),  # four stages of two blocks
        ("torch_resnet", "max-pool", 1),
        ("torch_alexnet", "max-pool", 3),
        ("torch_vit", "normalisation", 9),  # two a block, one behind them
        ("torch_vit", "residual", 8),
        ("torch_convnext", "residual", 8),
    ],
)
def test_the_zoo_has_the_blocks_of_its_architectures(model: str, kind: str, count: int) -> None:
    found = [s for s in listed(model, operators=kind) if s.role is Role.PROBE]
    assert len(found) == count
    assert {s.activation for s in found} <= set(OPERATORS[kind])


@pytest.mark.parametrize("model", ["torch_resnet", "torch_vit", "torch_alexnet", "keras_cnn"])
def test_what_is_asked_for_leaves_activations_as_they_are(model: str) -> None:
    plain = [(s.name, s.activation, s.input, s.output, s.role) for s in listed(model)]
    more = listed(model, operators="all", composition=True)
    own = [s for s in more if s.role is not Role.PROBE]
    assert [(s.name, s.activation, s.input, s.output, s.role) for s in own] == plain
    assert len(more) > len(own)
    assert [s.index for s in more] == list(range(len(more)))
    assert len({s.name for s in more}) == len(more)


def test_blocks_stand_where_they_end_and_are_named_by_their_modules() -> None:
    names = [s.name for s in listed("torch_resnet", operators="residual,max-pool")]
    assert names[:6] == [
        "relu",
        "maxpool (max-pool)",
        "layer1.0",
        "layer1.0 (residual)",
        "layer1.0#2",
        "layer1.1",
    ]


def test_blocks_in_a_branch_are_found_there(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 6]), 6, 6)
    flag = g.input([], "flag", "bool")
    branches: dict[str, Any] = {}
    for seed, attribute in enumerate(("then_branch", "else_branch")):
        inner = Builder()
        inner.name = partial(_prefixed, inner.name, attribute)  # type: ignore[method-assign]
        inner.output(inner.op("Add", x, inner.op("Relu", inner.dense(x, 6, 6, seed=seed))))
        branches[attribute] = inner.proto().graph
    g.nodes.append(helper.make_node("If", [flag], ["y"], name="If", **branches))
    g.output("y", ["n", 6])
    found = probes(g, tmp_path, "residual")
    assert {s.scope for s in found} == {"If.then_branch", "If.else_branch"}
    assert all(s.unscored is None for s in found)


def _prefixed(name: Callable[[str], str], prefix: str, stem: str) -> str:
    return f"{prefix}_{name(stem)}"

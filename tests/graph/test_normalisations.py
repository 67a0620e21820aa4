"""Normalisations are found in every spelling, with the tensors before and behind them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.asked import Asked
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.prepare import find_activations
from onnx_affscore.records import ActivationSite, Role
from tests.builder import Builder, reloaded

GAMMA = np.linspace(0.5, 1.5, 6)
BETA = np.linspace(-1.0, 1.0, 6)


def probes(g: Builder, folder: Path, *kinds: str) -> list[ActivationSite]:
    model = reloaded(g, folder)
    found = find_activations(model, input_hints(model.proto), Asked(operators=kinds)).located
    return [s for s in found.sites if s.role is Role.PROBE]


def scaled(g: Builder, x: str) -> str:
    return g.op("Add", g.op("Mul", x, g.tensor(GAMMA)), g.tensor(BETA))


def torch_spelling(g: Builder, x: str) -> str:
    centred = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
    variance = g.op("ReduceMean", g.op("Pow", centred, 2.0), axes=[-1])
    root = g.op("Sqrt", g.op("Add", variance, 1e-5))
    return scaled(g, g.op("Div", centred, root))


def twice_subtracted(g: Builder, x: str) -> str:
    mean = g.op("ReduceMean", x, axes=[-1])
    first, second = g.op("Sub", x, mean), g.op("Sub", x, mean)
    variance = g.op("ReduceMean", g.op("Mul", second, second), axes=[-1])
    return scaled(g, g.op("Div", first, g.op("Sqrt", g.op("Add", variance, 1e-5))))


def tensorflow_spelling(g: Builder, x: str) -> str:
    mean = g.op("ReduceMean", x, axes=[-1])
    off = g.op("Sub", x, mean)
    variance = g.op("ReduceMean", g.op("Mul", off, off), axes=[-1])
    scale = g.op("Reciprocal", g.op("Sqrt", g.op("Add", variance, 1e-5)))
    scale = g.op("Mul", scale, g.tensor(GAMMA))
    rest = g.op("Sub", g.tensor(BETA), g.op("Mul", mean, scale))
    return g.op("Add", g.op("Mul", x, scale), rest)


def rms_spelling(g: Builder, x: str) -> str:
    squares = g.op("ReduceMean", g.op("Pow", x, 2.0), axes=[-1])
    inverse = g.op("Pow", g.op("Add", squares, 1e-5), -0.5)
    return g.op("Mul", g.op("Mul", x, inverse), g.tensor(GAMMA))


def one_operator(g: Builder, x: str) -> str:
    return g.op("LayerNormalization", x, g.tensor(GAMMA), g.tensor(BETA), axis=-1)


SPELLINGS: dict[Callable[[Builder, str], str], str] = {
    torch_spelling: "LayerNormalization",
    twice_subtracted: "LayerNormalization",
    tensorflow_spelling: "LayerNormalization",
    one_operator: "LayerNormalization",
    rms_spelling: "RMSNormalization",
}


@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda f: f.__name__)
def test_a_layer_normalisation_is_found_from_its_input_to_its_bias(
    spelling: Callable[[Builder, str], str], tmp_path: Path
) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 3, 4]), 4, 6)
    y = spelling(g, x)
    # What follows is by a scalar, and no part of it.
    g.output(g.dense(g.op("Relu", g.op("Mul", y, 0.5)), 6, 2), ["n", 3, 2])
    (site,) = probes(g, tmp_path, "normalisation")
    assert (site.activation, site.input, site.output) == (SPELLINGS[spelling], x, y)
    assert (site.feature_axis, site.sample_axis) == (2, 0)


def test_a_normalisation_beside_its_own_input_leaves_that_alone(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 3, 4]), 4, 6)
    y = g.dense(torch_spelling(g, x), 6, 6)
    g.output(g.op("Add", x, y), ["n", 3, 6])
    assert len(probes(g, tmp_path, "normalisation")) == 1


def test_a_group_normalisation_between_reshapes_is_one(tmp_path: Path) -> None:
    g = Builder()
    weights = np.random.default_rng(0).normal(size=(6, 3, 3, 3))
    x = g.op("Conv", g.input([2, 3, 8, 8]), g.tensor(weights), pads=[1, 1, 1, 1])
    grouped = g.op("Reshape", x, g.tensor(np.array([0, 2, -1])))
    ones, zeros = g.tensor(np.ones(2)), g.tensor(np.zeros(2))
    normed = g.op("InstanceNormalization", grouped, ones, zeros)
    back = g.op("Reshape", normed, g.tensor(np.array([2, 6, 8, 8])))
    y = g.op("Mul", back, g.tensor(GAMMA.reshape(6, 1, 1)))
    y = g.op("Add", y, g.tensor(BETA.reshape(6, 1, 1)))
    g.output(g.op("Relu", y), [2, 6, 8, 8])
    (site,) = probes(g, tmp_path, "normalisation")
    assert (site.activation, site.input, site.output) == ("GroupNormalization", x, y)
    assert site.feature_axis == 1


def test_means_over_positions_make_an_instance_normalisation(tmp_path: Path) -> None:
    g = Builder()
    weights = np.random.default_rng(0).normal(size=(6, 3, 3, 3))
    x = g.op("Conv", g.input(["n", 3, 8, 8]), g.tensor(weights))
    centred = g.op("Sub", x, g.op("ReduceMean", x, axes=[2, 3]))
    variance = g.op("ReduceMean", g.op("Mul", centred, centred), axes=[2, 3])
    y = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, 1e-5)))
    g.output(g.op("Relu", y), ["n", 6, 6, 6])
    (site,) = probes(g, tmp_path, "normalisation")
    assert (site.activation, site.input, site.output) == ("InstanceNormalization", x, y)


def test_what_only_looks_like_one_is_none(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 3, 4]), 4, 6)
    energy = g.op("ReduceMean", g.op("Pow", x, 2.0), axes=[-1])  # never divides
    cubes = g.op("ReduceMean", g.op("Pow", x, 3.0), axes=[-1])
    g.output(g.op("Div", x, g.op("Sqrt", g.op("Add", cubes, 1.0))), ["n", 3, 6])
    g.output(energy, ["n", 3, 1])
    assert probes(g, tmp_path, "normalisation") == []


def test_the_sum_inside_a_skip_normalisation_becomes_a_tensor(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 3, 4]), 4, 6)
    branch = g.dense(g.op("Relu", g.dense(x, 6, 8)), 8, 6)
    weights = (g.tensor(GAMMA), g.tensor(BETA))
    y = g.op("com.microsoft::SkipLayerNormalization", branch, x, *weights)
    g.output(g.dense(y, 6, 2), ["n", 3, 2])
    both = probes(g, tmp_path, "normalisation", "residual")
    assert [s.activation for s in both] == ["LayerNormalization", "Residual"]
    norm, residual = both
    assert (residual.input, residual.output) == (x, norm.input)
    assert norm.output == y

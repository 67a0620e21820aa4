"""Residual blocks: the tensor that is skipped with, and the sum."""

from pathlib import Path

import numpy as np
import pytest

from tests.builder import Builder
from tests.graph.test_normalisations import one_operator, probes


def convolution(g: Builder, x: str, rows: int, columns: int, size: int = 3, stride: int = 1) -> str:
    weights = np.random.default_rng(rows).normal(size=(columns, rows, size, size))
    pads = [size // 2] * 4
    return g.op("Conv", x, g.tensor(weights), pads=pads, strides=[stride, stride])


def ends(g: Builder, folder: Path) -> list[tuple[str, str, object]]:
    found = probes(g, folder, "residual")
    return [(s.input, s.output, s.params.get("projected", False)) for s in found]


def test_an_identity_shortcut_is_skipped_with(tmp_path: Path) -> None:
    g = Builder()
    x = g.op("Relu", convolution(g, g.input(["n", 3, 8, 8]), 3, 4))
    branch = convolution(g, g.op("Relu", convolution(g, x, 4, 4)), 4, 4)
    y = g.op("Add", branch, x)
    g.output(g.op("Relu", y), ["n", 4, 8, 8])
    assert ends(g, tmp_path) == [(x, y, False)]


@pytest.mark.parametrize("columns", [4, 7])
def test_a_projected_shortcut_begins_before_its_projection(columns: int, tmp_path: Path) -> None:
    g = Builder()
    x = g.op("Relu", convolution(g, g.input(["n", 3, 8, 8]), 3, 4))
    inner = g.op("Relu", convolution(g, x, 4, 5, stride=2))
    branch, shortcut = convolution(g, inner, 5, columns), convolution(g, x, 4, columns, 1, 2)
    y = g.op("Add", branch, shortcut)
    g.output(g.op("Relu", y), ["n", columns, 4, 4])
    assert ends(g, tmp_path) == [(x, y, True)]


def test_a_pooled_shortcut_begins_before_its_pooling(tmp_path: Path) -> None:
    g = Builder()
    x = g.op("Relu", convolution(g, g.input(["n", 3, 8, 8]), 3, 4))
    branch = convolution(g, g.op("Relu", convolution(g, x, 4, 4)), 4, 4, stride=2)
    y = g.op("Add", g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), branch)
    g.output(g.op("Relu", y), ["n", 4, 4, 4])
    assert ends(g, tmp_path) == [(x, y, True)]


def test_both_halves_of_a_transformer_block_are_found(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 5, 4]), 4, 6)
    scores = g.op("MatMul", g.dense(x, 6, 6), g.op("Transpose", x, perm=[0, 2, 1]))
    attended = g.op("MatMul", g.op("Softmax", scores, axis=-1), one_operator(g, x))
    first = g.op("Add", x, attended)
    inner = g.op("Relu", g.dense(one_operator(g, first), 6, 9))
    second = g.op("Add", first, g.dense(inner, 9, 6))
    g.output(second, ["n", 5, 6])
    assert ends(g, tmp_path) == [(x, first, False), (first, second, False)]


def test_the_shortcut_of_a_quantised_block_holds_real_numbers(tmp_path: Path) -> None:
    g = Builder()
    scale, zero = g.tensor(np.array(0.05)), g.tensor(np.array(128, np.uint8))
    x = g.op("Relu", convolution(g, g.input(["n", 3, 8, 8]), 3, 4))
    q = g.op("QuantizeLinear", x, scale, zero)
    one, other = (g.op("DequantizeLinear", q, scale, zero) for _ in range(2))
    branch = convolution(g, g.op("Relu", convolution(g, one, 4, 4)), 4, 4)
    y = g.op("Add", branch, other)
    g.output(g.op("Relu", y), ["n", 4, 8, 8])
    assert ends(g, tmp_path) == [(other, y, False)]


def test_sums_that_are_no_blocks_are_left_out(tmp_path: Path) -> None:
    g = Builder()
    x = g.dense(g.input(["n", 5, 6]), 6, 6)
    mask = g.input(["n", 5, 5], "mask")
    cubed = g.op("Add", x, g.op("Mul", g.op("Mul", x, x), x))  # elementwise
    beside = g.op("Add", g.dense(cubed, 6, 6), g.dense(cubed, 6, 6, seed=1))  # two branches alike
    biased = g.op("Add", beside, g.tensor(np.ones(6)))  # a constant
    scores = g.op("MatMul", biased, g.op("Transpose", x, perm=[0, 2, 1]))
    weights = g.op("Softmax", g.op("Add", scores, mask), axis=-1)  # attention scores
    g.output(g.op("MatMul", weights, biased), ["n", 5, 6])
    assert ends(g, tmp_path) == []


def test_a_bias_of_attention_that_layers_share_is_no_shortcut(tmp_path: Path) -> None:
    g = Builder()
    x, mask = g.dense(g.input(["n", 5, 6]), 6, 6), g.input(["n", 5, 5], "mask")
    bias = g.op("Mul", mask, -1e4)
    for _ in range(2):
        scores = g.op("MatMul", g.dense(x, 6, 6), g.op("Transpose", x, perm=[0, 2, 1]))
        x = g.op("MatMul", g.op("Softmax", g.op("Add", scores, bias), axis=-1), x)
    g.output(x, ["n", 5, 6])
    assert ends(g, tmp_path) == []

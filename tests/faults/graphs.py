"""Small networks into which faults are put."""

from collections.abc import Callable
from typing import Any

import numpy as np

from onnx_affscore.records import Array
from tests.builder import Builder

__all__ = ["FEW", "ROWS", "identity", "lengths", "tokens", "two_sites"]

ROWS = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
FEW = ROWS[:20]


def two_sites(
    between: Callable[[Builder, str], str] = lambda g, y: y, *, batch: int | str = "n"
) -> Builder:
    """Weights, Relu, weights, Tanh, weights; ``between`` comes behind the Relu (5 features)."""
    g = Builder()
    y = g.op("Relu", g.dense(g.input([batch, 6]), 6, 5, seed=1), node_name="/first/Relu")
    z = g.op("Tanh", g.dense(between(g, y), 5, 4, seed=2), node_name="/second/Tanh")
    g.output(g.dense(z, 4, 3, seed=3), [batch, 3])
    return g


def identity(activation: str, width: int = 6) -> Builder:
    """An activation of the input as it is, between weights that change nothing."""
    g = Builder()
    x = g.op("MatMul", g.input(["n", width]), g.tensor(np.eye(width)))
    y = g.op(activation, x, node_name=f"/only/{activation}")
    g.output(g.op("MatMul", y, g.tensor(np.eye(width))), ["n", width])
    return g


def tokens(rank: list[Any]) -> Builder:
    """Weights, Relu, weights along the last of several axes."""
    g = Builder()
    y = g.op("Relu", g.dense(g.input(rank), 6, 5, seed=1), node_name="/first/Relu")
    g.output(g.dense(y, 5, 3, seed=2), None)
    return g


def lengths(*sizes: int, samples: int = 20) -> list[dict[str, Array]]:
    """Feeds for :func:`tokens`, each of another number of positions."""
    rng = np.random.default_rng(1)
    return [{"x": rng.normal(size=(samples, t, 6)).astype(np.float32)} for t in sizes]

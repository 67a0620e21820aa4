"""Saturation and the owners of rows on their way from the model to the scorer."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.records import Array, PairedSample
from tests.builder import Builder

X = (3.0 * np.random.default_rng(0).normal(size=(100, 3, 5))).astype(np.float32)


def network(folder: Path) -> Path:
    """Tokens through a Relu, a Tanh right behind it, weights, and a LeakyRelu."""
    g = Builder()
    x = g.op("Relu", g.dense(g.input(["n", 3, 5]), 5, 4, seed=1))
    x = g.op("Tanh", x)
    x = g.op("LeakyRelu", g.dense(x, 4, 4, seed=2))
    g.output(g.dense(x, 4, 2, seed=3), ["n", 3, 2])
    return g.save(folder / "tokens.onnx")


def relu(x: Array) -> Array:
    weights = np.random.default_rng(1).normal(size=(5, 4)) / 5**0.5
    return np.asarray(np.maximum(x @ weights, 0.0))


@pytest.mark.parametrize(("sparsity", "counted"), [("first", 64), ("all", 100)])
def test_elements_at_flat_ends_are_counted_on_whole_tensors(
    sparsity: str, counted: int, tmp_path: Path, scored: list[PairedSample]
) -> None:
    found = signature(network(tmp_path), X, sparsity=sparsity, jobs=1)
    behind = relu(X[:counted])
    first, second, leaky = (site.scores["saturated_share"] for site in found.sites)
    dead, high = np.mean(behind == 0.0), np.mean(np.tanh(behind) >= 0.98)
    assert 0.05 < high < dead - 0.1 < 0.9
    assert first == pytest.approx(dead, abs=1e-6)
    assert second == pytest.approx(high, abs=1e-6)
    assert leaky is None
    assert "flat end" in found.sites[2].reasons["saturated_share"]
    assert scored[0].x.saturated is None


def test_nothing_is_counted_where_it_is_not_wanted(tmp_path: Path) -> None:
    found = signature(network(tmp_path), X, sparsity="none")
    assert [site.scores["saturated_share"] for site in found.sites] == [None, None, None]


@pytest.mark.parametrize(("pool", "each"), [("mean", 1), ("flatten", 1), ("positions", 3)])
def test_rows_are_held_out_with_all_others_of_their_sample(
    pool: str, each: int, tmp_path: Path, scored: list[PairedSample]
) -> None:
    signature(network(tmp_path), X, pool=pool, jobs=1)
    for sample in scored:
        owners = sample.x.owners
        if each == 1:
            assert owners is None
        else:
            assert owners is not None
            assert np.array_equal(owners, np.repeat(np.arange(100), each))

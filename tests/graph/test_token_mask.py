"""Padding stays out of the means: features are those of the real tokens."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.gather import gather
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.records import Array, FeatureSample
from onnx_affscore.witness import Witness
from tests.builder import Builder

TOKENS, WIDTH = 6, 8
IDS = np.random.default_rng(0).integers(0, 20, size=(5, TOKENS))
MASK = (np.arange(TOKENS) < np.array([[6], [4], [2], [1], [5]])).astype(np.int64)
TABLE = np.random.default_rng(1).normal(size=(20, WIDTH)).astype(np.float32)


def _encoder(path: Path, *, opset: int) -> Path:
    g = Builder(opset=opset)
    ids = g.input(["n", "t"], "input_ids", "int64")
    mask = g.input(["n", "t"], "attention_mask", "int64")
    rows = g.op("Gather", g.tensor(TABLE), ids)
    hidden = g.dense(g.op("Relu", rows), WIDTH, 4)
    weight = g.op("Cast", mask, to=1)
    g.output(hidden, ["n", "t", 4])
    g.output(weight, ["n", "t"])
    return g.save(path)


def _sides(path: Path, feeds: dict[str, Array]) -> tuple[FeatureSample, FeatureSample]:
    measurement = Measurement(path, Options(device="cpu"))
    located = measurement.located()
    source, probed = measurement.probe(measurement.source(feeds), located)
    resolved = measurement.resolved(located, source, probed)
    witness = Witness(measurement, source, None)
    gathered = gather(measurement, source, located, resolved, size=5, witness=witness)
    pair = gathered.paired(resolved.sites[0])
    return pair.x, pair.y


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_the_mean_is_over_real_tokens_only(opset: int, tmp_path: Path) -> None:
    path = _encoder(tmp_path / "m.onnx", opset=opset)
    x, y = _sides(path, {"input_ids": IDS, "attention_mask": MASK})
    for side, rows in ((x, TABLE[IDS]), (y, np.maximum(TABLE[IDS], 0))):
        kept = np.ma.masked_array(rows, np.repeat(MASK[..., None] == 0, WIDTH, axis=2))
        np.testing.assert_allclose(side.features, kept.mean(axis=1), rtol=1e-5, atol=1e-6)
        assert side.rms == pytest.approx(np.sqrt((kept**2).mean(axis=(1, 2)).mean()), rel=1e-5)
        small = np.ma.masked_array(np.abs(rows) <= 1e-3, kept.mask).mean(axis=(1, 2)).mean()
        assert side.sparsity == pytest.approx(small, abs=1e-6)


def test_what_stands_at_padding_does_not_matter(tmp_path: Path) -> None:
    path = _encoder(tmp_path / "m.onnx", opset=17)
    other = np.where(MASK == 0, (IDS + 7) % 20, IDS)
    first, _ = _sides(path, {"input_ids": IDS, "attention_mask": MASK})
    second, _ = _sides(path, {"input_ids": other, "attention_mask": MASK})
    np.testing.assert_array_equal(first.features, second.features)
    whole, _ = _sides(path, {"input_ids": other, "attention_mask": np.ones_like(MASK)})
    assert np.abs(whole.features - first.features).max() > 0.1  # the mask is what does it

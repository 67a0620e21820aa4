"""A model above two gigabytes is scored without its weights being loaded or rewritten."""

from pathlib import Path

import numpy as np
from onnx import TensorProto

from onnx_affscore.api import signature
from onnx_affscore.graph.model import load
from tests.builder import Builder

ROWS, WIDTH = 70_000_000, 8
BYTES = ROWS * WIDTH * 4


def _embedding_model(folder: Path) -> Path:
    """A table of 2.24 GB in a sparse file: it takes no room, and ONNX Runtime maps it."""
    g = Builder()
    ids = g.input(["n"], "ids", "int64")
    table = TensorProto(
        name="table",
        data_type=TensorProto.FLOAT,
        dims=[ROWS, WIDTH],
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", "weights.bin"), ("offset", "0"), ("length", str(BYTES))):
        table.external_data.add(key=key, value=value)
    g.initializers.append(table)
    rows = g.op("Gather", "table", ids)
    g.output(g.dense(g.op("Relu", g.dense(rows, WIDTH, WIDTH)), WIDTH, 2), ["n", 2])
    first = np.random.default_rng(0).normal(size=(1000, WIDTH)).astype(np.float32)
    with (folder / "weights.bin").open("wb") as file:
        file.write(first.tobytes())
        file.truncate(BYTES)
    return g.save(folder / "model.onnx")


def test_weights_above_two_gigabytes_stay_in_their_file(tmp_path: Path) -> None:
    path = _embedding_model(tmp_path)
    before = {f.name: (f.stat().st_size, f.stat().st_mtime_ns) for f in tmp_path.iterdir()}
    assert BYTES > 2**31
    assert len(load(path).proto.SerializeToString()) < 10_000
    result = signature(path, {"ids": np.arange(1000)})
    (site,) = result.sites
    assert site.status == "ok"
    assert result.run["outputs_verified"]
    assert result.model.parameters > ROWS * WIDTH
    assert {f.name: (f.stat().st_size, f.stat().st_mtime_ns) for f in tmp_path.iterdir()} == before
    assert (tmp_path / "weights.bin").stat().st_blocks * 512 < 10_000_000  # still sparse

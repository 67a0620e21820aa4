"""Made-up data runs real model files of many exporters, where a collection of them is at hand."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import pytest

from onnx_affscore.data.columns import fixed_batch
from onnx_affscore.data.synthetic import RandomSource, first_that_runs
from onnx_affscore.errors import RunError
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.records import Batch

_FOLDERS = (p / "shared" / "corpus" for p in Path(__file__).resolve().parents)
CORPUS = next((p for p in _FOLDERS if (p / "catalogue.json").is_file()), None)
ENTRIES: list[dict[str, Any]] = (
    json.loads((CORPUS / "catalogue.json").read_text("utf-8")) if CORPUS else []
)
RUNNING = [e["file"] for e in ENTRIES if e["ort"] == "ok"]


@pytest.mark.skipif(CORPUS is None, reason="shared/corpus is not here")
@pytest.mark.parametrize("file", RUNNING)
def test_a_guess_among_the_first_runs_the_model(file: str) -> None:
    assert CORPUS is not None
    path = CORPUS / file
    hints = input_hints(onnx.load(path, load_external_data=False))
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def probe(batch: Batch) -> None:
        try:
            session.run(None, dict(batch.feeds))
        except Exception as exc:
            raise RunError(str(exc)) from exc

    source = first_that_runs(RandomSource(hints=hints, samples=8), probe)
    assert list(islice(source.batches(fixed_batch(hints) or 4), 2))

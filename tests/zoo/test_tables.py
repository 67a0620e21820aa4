"""The zoo's digits, written as tables, are the same data to a network."""

import csv
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore import signature
from onnx_affscore.data import open_source
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.model import load

from .test_zoo import MANIFEST, MODELS, TEST, ZOO

MODEL = ZOO["sklearn_mlp"]
FILE = MODELS / MODEL["file"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test images as a table: an index, the pixels, the digit."""
    with np.load(MODELS / MANIFEST["data"]["file"]) as data:
        test = data["split"] == TEST
        pixels, label = data[MODEL["input"]][test], data["label"][test]
    path = tmp_path_factory.mktemp("tables") / "digits.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", *range(pixels.shape[1]), "digit"])
        for number, (row, digit) in enumerate(zip(pixels.tolist(), label.tolist(), strict=True)):
            writer.writerow([number, *row, digit])
    return path


def test_accuracy_on_a_table_is_that_of_the_manifest(digits: Path) -> None:
    source = open_source(str(digits), input_hints(load(FILE).proto), feeding=Feeding(label="digit"))
    session = ort.InferenceSession(FILE, providers=["CPUExecutionProvider"])
    labels = source.labels
    assert labels is not None
    right = []
    for batch in source.batches(64):
        (output,) = session.run([MODEL["output"]], dict(batch.feeds))
        names = [labels.names[c] for c in labels.codes[batch.rows]]
        right += [str(o) == n for o, n in zip(np.argmax(output, 1), names, strict=True)]
    assert np.mean(right) == pytest.approx(MODEL["accuracy"], abs=1 / (2 * len(right)))


def test_scores_on_a_table_are_those_on_arrays(digits: Path) -> None:
    table = signature(FILE, str(digits), label="digit", batch_size=64)
    with np.load(MODELS / MANIFEST["data"]["file"]) as data:
        pixels = data[MODEL["input"]][data["split"] == TEST]
    arrays = signature(FILE, pixels, batch_size=64)
    assert [s.scores for s in table.sites] == [s.scores for s in arrays.sites]
    assert table.run["label"] == "digit"

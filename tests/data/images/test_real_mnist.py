"""Networks of several makers tell as many real MNIST digits right as the catalogue says.

Both lie in a folder of real files that is not part of this repository; the same is shown on the
networks of models/ in tests/zoo/test_pictures.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.columns import fixed_batch
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.hints import input_hints

SHARED = next(
    (p / "shared" for p in Path(__file__).resolve().parents if (p / "shared").is_dir()), None
)
DIGITS = None if SHARED is None else SHARED / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
CATALOGUE = None if SHARED is None else SHARED / "corpus" / "catalogue.json"
CHECKED = 400  # the first digits are those that the catalogue's accuracies were taken on
# The catalogue's word for the numbers that a network was trained on.
PRESETS = {"norm": "mnist", "/255": "unit"}


def entries() -> list[dict[str, Any]]:
    """Networks whose accuracy on MNIST is known."""
    if CATALOGUE is None or not CATALOGUE.is_file():
        return []
    every = json.loads(CATALOGUE.read_text("utf-8"))
    return [e for e in every if (e.get("verified_on_real_data") or [""])[0] == "MNIST"]


@pytest.mark.skipif(DIGITS is None or not DIGITS.is_file(), reason="shared/data is not here")
@pytest.mark.parametrize("entry", entries(), ids=lambda e: e["file"])
def test_a_network_tells_as_many_digits_right_as_the_catalogue_says(entry: dict[str, Any]) -> None:
    _, accuracy, numbers = entry["verified_on_real_data"]
    # Rounded to three places in the catalogue; a single digit is 0.0025.
    assert share_right(entry["file"], PRESETS[numbers]) == pytest.approx(accuracy, abs=0.00051)


@pytest.mark.skipif(DIGITS is None or not DIGITS.is_file(), reason="shared/data is not here")
def test_on_other_numbers_they_tell_fewer_digits_right() -> None:
    assert share_right("imgcls/mnist_burn_example.onnx", "unit") < 0.8
    assert share_right("imgcls/mnist2x5_sigmoid.onnx", "mnist") < 0.5


def share_right(file: str, preset: str) -> float:
    """Of the first digits, how many a network names rightly."""
    assert CATALOGUE is not None
    path = CATALOGUE.parent / file
    hints = input_hints(onnx.load(path))
    source = open_source(str(DIGITS), hints, feeding=Feeding(preset=preset))
    assert source.labels is not None
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    right: list[bool] = []
    for batch in source.batches(fixed_batch(hints) or CHECKED):
        output = np.asarray(session.run(None, dict(batch.feeds))[0]).reshape(batch.size, -1)
        right += (output.argmax(axis=1) == source.labels.codes[batch.rows]).tolist()
        if len(right) >= CHECKED:
            break
    return float(np.mean(right[:CHECKED]))

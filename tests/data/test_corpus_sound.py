"""A voice detector hears speech in a recording of it, where both are at hand."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.graph.model import load

_FOLDERS = (p / "shared" for p in Path(__file__).resolve().parents)
SHARED = next((p for p in _FOLDERS if (p / "corpus" / "catalogue.json").is_file()), Path())
MODEL = SHARED / "corpus" / "audio" / "silero_vad_16k_op15.onnx"
SPEECH = SHARED / "data" / "speech" / "silero_test_16k.wav"


@pytest.mark.skipif(not (MODEL.is_file() and SPEECH.is_file()), reason="shared/ is not here")
def test_speech_is_heard_where_it_is_loud() -> None:
    source = open_source(str(SPEECH), input_hints(load(MODEL).proto))
    session = ort.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    feeds = [dict(batch.feeds) for batch in source.batches(256)]
    speech = np.concatenate([session.run(["output"], feed)[0].ravel() for feed in feeds])
    loudness = np.concatenate([np.square(feed["input"]).mean(1) for feed in feeds])
    loud = loudness > np.median(loudness)
    # Found 0.57 and 0.10; on silence the model says 0.002.
    assert speech[loud].mean() > 0.4
    assert speech[~loud].mean() < 0.2

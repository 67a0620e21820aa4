"""Text feeds transformers of many exporters, where a collection of them is at hand."""

from pathlib import Path

import pytest

from onnx_affscore.api import signature

from .test_corpus import CORPUS
from .text_files import tokenizer_json

TEXTS = ["a b c", "d", "e f a b", "c d e", "f f a b c d"] * 12
TOKENS = sum(len(text.split()) for text in TEXTS)
# Samples: texts, where the model has a mask; blocks of the tokens that it has places for, where
# not. The blocks have a separator behind every text.
FILES = {
    "xformer/optimum_tiny_bert.onnx": len(TEXTS),
    "xformer/TFBertForQuestionAnswering.onnx": len(TEXTS),
    "micro_ort/ort_gpt2_past_mask_one_layer.onnx": len(TEXTS),
    "micro_ort/ort_gpt2_past_one_layer.onnx": (TOKENS + len(TEXTS)) // 8,
    "micro_ort/ort_gpt2_one_layer.onnx": (TOKENS + len(TEXTS)) // 8,
    "xformer/gpt2_megatron.onnx": (TOKENS + len(TEXTS)) // 64,
}


@pytest.mark.skipif(CORPUS is None, reason="shared/corpus is not here")
@pytest.mark.parametrize("file", FILES)
def test_a_transformer_scores_on_text(file: str, tmp_path: Path) -> None:
    assert CORPUS is not None
    path = tmp_path / "x.txt"
    path.write_text("\n".join(TEXTS))
    tokenizer = tokenizer_json(tmp_path, bare=True)
    made = signature(CORPUS / file, str(path), tokenizer=str(tokenizer))
    assert made.data["samples"] == FILES[file]
    assert not made.data["synthetic"]
    assert made.run["outputs_verified"]
    assert any(site.affinity is not None for site in made.sites)

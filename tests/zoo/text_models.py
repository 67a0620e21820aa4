"""Sentences of models/text as ids, and what its two models make of them."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

__all__ = ["FEEDS", "MASK", "ROOT", "SPECIAL", "TEXT", "Array", "padded", "run", "sentences"]

ROOT = Path(__file__).parents[2]
TEXT = ROOT / "models" / "text"
PAD, MASK, SPECIAL = 0, 4, 5  # ids below SPECIAL are no words
LAYERS, HEADS, HEAD = 3, 2, 12  # of the decoder's cache
CACHE = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]

Array = NDArray[Any]
Feed = dict[str, Array]


@cache
def sentences() -> list[list[int]]:
    """Return the ids of each line of text.txt."""
    tokenizer = Tokenizer.from_file(str(TEXT / "tokenizer.json"))
    lines = (TEXT / "text.txt").read_text("utf-8").splitlines()
    return [found.ids for found in tokenizer.encode_batch(lines)]


def padded(rows: Sequence[Sequence[int]], *, left: bool = False) -> Array:
    """Return ids (n, t), with [PAD] behind the shorter rows, or before them."""
    width = max(map(len, rows))
    gaps = [[PAD] * (width - len(row)) for row in rows]
    pairs = zip(rows, gaps, strict=True)
    return np.array([[*gap, *row] if left else [*row, *gap] for row, gap in pairs])


def encoder_feed(ids: Array) -> Feed:
    """Return the inputs of torch_bert for ids (n, t)."""
    return {
        "input_ids": ids,
        "attention_mask": (ids != PAD).astype(np.int64),
        "token_type_ids": np.zeros_like(ids),
    }


def decoder_feed(ids: Array) -> Feed:
    """Return the inputs of torch_decoder for ids (n, t) and no past."""
    mask = (ids != PAD).astype(np.int64)
    nothing = np.zeros((len(ids), HEADS, 0, HEAD), np.float32)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "position_ids": np.maximum(mask.cumsum(axis=1) - 1, 0),
        **{f"past_key_values.{name}": nothing for name in CACHE},
    }


FEEDS = {"torch_bert": encoder_feed, "torch_decoder": decoder_feed}


@cache
def session(name: str) -> ort.InferenceSession:
    """Return a session of the named model."""
    return ort.InferenceSession(TEXT / f"{name}.onnx", providers=["CPUExecutionProvider"])


def run(name: str, feed: Feed) -> Feed:
    """Return the outputs of the named model by their names."""
    model = session(name)
    names = [tensor.name for tensor in model.get_outputs()]
    return dict(zip(names, map(np.asarray, model.run(names, feed)), strict=True))

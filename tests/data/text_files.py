"""A small tokenizer as tokenizer.json: words are ids, made by hand."""

import json
from pathlib import Path
from typing import Any

from onnx_affscore.feeding import Feeding

PAD, UNKNOWN, CLS, SEP = range(4)
WORDS = "a b c d e f g h".split()  # noqa: SIM905
FIRST = 4


def ids_of(text: str, *, specials: bool = True) -> list[int]:
    """What the tokenizer makes of a text, by another way."""
    found = [FIRST + WORDS.index(w) if w in WORDS else UNKNOWN for w in text.split()]
    return [CLS, *found, SEP] if specials else found


def tokenizer_json(folder: Path, *, bare: bool = False, **beside: dict[str, Any]) -> Path:
    """Write tokenizer.json to a folder, and ``NAME=content`` as NAME.json beside it.

    A ``bare`` one adds no special tokens.
    """
    pieces = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, _part("A", 0), _end(0)]
    special = {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in (("[CLS]", CLS), ("[SEP]", SEP))}
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS]
    content: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None
        if bare
        else {
            "type": "TemplateProcessing",
            "single": pieces,
            "pair": [*pieces, _part("B", 1), _end(1)],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: i for i, word in enumerate(vocabulary)},
            "unk_token": "[UNK]",
        },
    }
    folder.mkdir(exist_ok=True)
    for name, said in beside.items():
        (folder / f"{name}.json").write_text(json.dumps(said))
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content))
    return path


def _part(name: str, kind: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": kind}}


def _end(kind: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": "[SEP]", "type_id": kind}}


def said(folder: Path, *, bare: bool = False, **more: Any) -> Feeding:
    """What the user says of text: the tokenizer of the folder, and more."""
    return Feeding(tokenizer=str(tokenizer_json(folder, bare=bare)), **more)

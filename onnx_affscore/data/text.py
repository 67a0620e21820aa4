"""Data sources of text: which input takes which text, and how long a row may be."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.items import fit_items
from onnx_affscore.data.meanings import known_meaning, side_of, token_ids
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.packing import packed
from onnx_affscore.data.sequences import Sequences, ids_column, settled
from onnx_affscore.data.texts import Texts, json_texts, plain_texts
from onnx_affscore.data.tokenizing import Tokenizer
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["as_rows_of_text", "open_json_lines", "open_text"]

USUAL_LENGTH = 128
"""Tokens of a row where nothing says how many a model takes."""


def open_text(request: Request) -> Table:
    """The lines of a text file, or its paragraphs."""
    return as_rows_of_text(request, lambda: plain_texts(Path(request.text), request.feeding))


def open_json_lines(request: Request) -> Table:
    """A field of every line of a file of JSON objects."""
    return as_rows_of_text(request, lambda: json_texts(Path(request.text), request.feeding))


def as_rows_of_text(request: Request, read: Callable[[], Texts]) -> Table:
    """Texts as token ids, or as they are for a model with one input of text.

    ``read`` opens the texts, once it is known that the model takes any.
    """
    wanted = [h for h in request.hints if not h.optional]
    strings = [h for h in wanted if h.spec.dtype == "string"]
    if len(strings) == 1:
        return _as_they_are(read(), strings[0])
    ids = {
        side: hint
        for side, hint in token_ids(request.model).items()
        if hint.spec.name in {h.spec.name for h in request.hints}
    }
    if not ids:
        names = ", ".join(f"'{h.spec.name}' ({h.spec.dtype})" for h in wanted) or "no input"
        raise DataError(
            f"{request.text}: found text, but no input for token ids among {names}; name the one"
            " that takes them: --data INPUT=SPEC"
        )
    if request.feeding.tokenizer is None:
        raise DataError(
            f"{request.text}: found text, but '{next(iter(ids.values())).spec.name}' wants token"
            " ids; give the model's tokenizer with --tokenizer tokenizer.json"
        )
    tokenizer = Tokenizer.load(request.feeding.tokenizer)
    texts = read()
    heeded = texts.heeded | {"tokenizer", "max_length"}
    if "target" not in ids:
        heeded -= {"target_field"}
    return replace(_tokens(request, texts, tokenizer, ids), heeded=heeded)


def _tokens(
    request: Request, texts: Texts, tokenizer: Tokenizer, ids: Mapping[str, InputHint]
) -> Table:
    skip = request.feeding.on_error == "skip"
    (side, hint), *more = ids.items()
    masked = {s: _mask_of(s, request) is not None for s in ids}
    if not more and side == "source" and not masked[side]:
        if request.feeding.label is not None or request.feeding.pair_field is not None:
            raise DataError(
                f"{texts.name}: the model has no mask for padding, so that texts are joined to"
                " blocks of one length, which have no label and no pair; leave out --label and"
                " --pair-field"
            )
        length, fixed = _length(hint, request, tokenizer, usual=USUAL_LENGTH)
        return packed(texts, tokenizer, hint, length=length, fixed=fixed, skip=skip)
    every = []
    for side, hint in ids.items():
        length, fixed = _length(hint, request, tokenizer)
        target = side == "target"
        every.append(
            Sequences(
                hint,
                tokenizer,
                texts,
                length,
                fixed,
                target=target,
                start=_start(tokenizer),
                left=tokenizer.left and not target,
                masked=masked[side],
            )
        )
    columns = {
        one.hint.spec.name: ids_column(one.hint, one.length, texts.count, _unsettled)
        for one in every
    }
    return Table(columns, labels=texts.labels, settle=lambda rows: settled(every, rows, skip=skip))


def _unsettled(_row: int) -> Array:
    raise DataError("rows are read once it is known which are used")


def _start(tokenizer: Tokenizer) -> int | None:
    return tokenizer.pad if tokenizer.start is None else tokenizer.start


def _mask_of(side: str, request: Request) -> InputHint | None:
    """The input that tells which tokens of a side are padding, (samples, tokens)."""
    return next(
        (
            h
            for h in request.model
            if known_meaning(h) in ("mask", "padding") and not h.added
            if len(h.spec.shape or (0, 0)) == 2 and side_of(h, request.model) == side
        ),
        None,
    )


def _length(
    hint: InputHint, request: Request, tokenizer: Tokenizer, *, usual: int | None = None
) -> tuple[int, bool]:
    """The most tokens of a row, and whether the model takes so many only."""
    asked = request.feeding.max_length
    (size,) = (s for a, s in enumerate(hint.spec.shape or ()) if a != hint.sample_axis)
    if isinstance(size, int):
        if asked is not None and asked > size:
            raise DataError(
                f"--max-length {asked}: input '{hint.spec.name}' takes {size} tokens; give at most"
                " so many"
            )
        return size, True
    side = side_of(hint, request.model)
    tables = [
        h.table
        for h in request.model
        if known_meaning(h) == "positions" and side_of(h, request.model) == side
    ]
    places = min((t for t in (*tables, hint.places) if t is not None), default=None)
    if asked is not None:
        if places is not None and asked > places:
            raise DataError(
                f"--max-length {asked}: the model has places for {places} tokens; give at most so"
                " many"
            )
        return asked, False
    limits = [limit for limit in (places, tokenizer.limit) if limit is not None]
    known = min(limits, default=USUAL_LENGTH)
    return min(known, usual or known), False


def _as_they_are(texts: Texts, hint: InputHint) -> Table:
    """Text for a model that has its own tokenizer inside."""
    row = tuple(1 for _ in (hint.spec.shape or (0,))[1:])
    column: Column = fit_items(
        lambda index: np.array(texts.read(index).source, object).reshape(row),
        hint,
        count=texts.count,
        shape=row,
        dtype=np.dtype(object),
        where=texts.name,
    )
    heeded = texts.heeded - {"pair_field", "target_field"}
    return Table({hint.spec.name: column}, texts.notes, texts.labels, heeded=heeded)

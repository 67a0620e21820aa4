"""Texts as blocks of tokens without padding, for a model that cannot be told of padding."""

from functools import lru_cache

import numpy as np

from onnx_affscore.data.opening import Table, Tokens
from onnx_affscore.data.sequences import ids_column, refuse_foreign_ids
from onnx_affscore.data.texts import Texts
from onnx_affscore.data.tokenizing import Tokenizer
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array, InputHint

__all__ = ["packed"]


def packed(
    texts: Texts, tokenizer: Tokenizer, hint: InputHint, *, length: int, fixed: bool, skip: bool
) -> Table:
    """The ids of all texts, one behind the other with a separator, cut into blocks of ``length``.

    What is left behind the last block is not used. Where all is shorter than a block, and the
    length is not ``fixed``, it is one block. Texts that cannot be read are left out by ``skip``.

    Raises
    ------
    UnreadableRowsError
        A text cannot be read, and ``skip`` does not leave such out.
    DataError
        There are not enough tokens for one block.
    """
    encoded = lru_cache(256)(lambda row: _encoded(texts, tokenizer, row))
    sizes = np.zeros(texts.count, np.int64)
    left_out: dict[int, str] = {}
    for row in range(texts.count):
        try:
            ids = encoded(row)
        except DataError as exc:
            if not skip:
                raise UnreadableRowsError({row: str(exc)}) from exc
            left_out[row] = str(exc)
            continue
        refuse_foreign_ids(ids, hint, tokenizer, where=texts.place(row))
        sizes[row] = len(ids)
    ends = np.cumsum(sizes)
    total = int(ends[-1])
    size = length if fixed else min(length, total)
    if total < max(size, 1):
        raise DataError(
            f"{texts.name}: found {total} tokens, but the model takes {length} at a time and has no"
            " mask for padding; give more text"
        )

    def block(number: int) -> Array:
        start, found, room = number * size, [], size
        row = int(np.searchsorted(ends, start, side="right"))
        skipped = start - int(ends[row] - sizes[row])
        while room:
            piece = encoded(row)[skipped : skipped + room] if sizes[row] else np.empty(0, np.int64)
            found.append(piece)
            room -= len(piece)
            row, skipped = row + 1, 0
        return np.concatenate(found)

    count = total // size
    name = hint.spec.name
    notes = [
        *texts.notes,
        f"{name}: the model has no mask for padding, so that {texts.count - len(left_out)}"
        f" {texts.unit} were joined to {count} blocks of {size} tokens of {tokenizer.name},"
        f" {total - count * size} token(s) at the end left out",
    ]
    if left_out:
        first = next(iter(left_out.values()))
        notes.append(f"{name}: {len(left_out)} {texts.unit} could not be read: {first}")
    every = Tokens(name, size, count, lambda rows: np.ones((len(rows), size), bool))
    column = ids_column(hint, size, count, block)
    return Table({name: column}, tuple(notes), tokens=(every,))


def _encoded(texts: Texts, tokenizer: Tokenizer, row: int) -> Array:
    text = texts.read(row)
    try:
        ids = tokenizer.encode(text.source, specials=False).ids
    except DataError as exc:
        raise DataError(f"{texts.place(row)}: {exc}") from exc
    return ids if tokenizer.end is None else np.append(ids, tokenizer.end)

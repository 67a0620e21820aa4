"""Texts as token ids: one text a row, the shorter ones padded to the longest that is used."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import element_type
from onnx_affscore.data.opening import Table, Tokens
from onnx_affscore.data.texts import Text, Texts
from onnx_affscore.data.tokenizing import Encoded, Tokenizer
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array, InputHint

__all__ = ["Sequences", "ids_column", "refuse_foreign_ids", "settled"]

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Sequences:
    """How the texts of one input become rows: at most ``length`` tokens, ``fixed`` or as needed.

    ``target``: it is what a decoder says, begun by ``start`` in place of its last token.
    ``left``: padding comes first. ``masked``: the model has a mask that tells padding; where it has
    none, an id that no text uses stands for it, which a decoder sees behind its tokens alone.
    """

    hint: InputHint
    tokenizer: Tokenizer
    texts: Texts
    length: int
    fixed: bool
    target: bool = False
    start: int | None = None
    left: bool = False
    masked: bool = True
    encoded: Callable[[int], Encoded] = field(init=False)

    def __post_init__(self) -> None:
        """Remember the rows read last: a batch asks for ids, masks and segments in turn."""
        object.__setattr__(self, "encoded", lru_cache(_REMEMBERED)(self._encode))

    def pad(self, used: Collection[int]) -> int | None:
        """What stands where no token is: any row of the table, or one that no text uses."""
        usual, table = self.tokenizer.pad or 0, self.hint.table
        if self.masked:
            return usual if table is None or usual < table else 0
        every = (usual, *range(0 if table is None else table))
        return next((i for i in every if i not in used and (table is None or i < table)), None)

    def _encode(self, row: int) -> Encoded:
        text = self.texts.read(row)
        try:
            found = self._of(text)
        except DataError as exc:
            raise DataError(f"{self.texts.place(row)}: {exc}") from exc
        if not found.ids.size:
            raise DataError(f"{self.texts.place(row)}: found no token in the text")
        return found

    def _of(self, text: Text) -> Encoded:
        if not self.target:
            return self.tokenizer.encode(text.source, text.pair, length=self.length)
        said = text.source if text.target is None else text.target
        found = self.tokenizer.encode(said, length=self.length)
        begun = np.concatenate([[self.start or 0], found.ids[:-1]]).astype(np.int64)
        return Encoded(begun, np.zeros_like(begun), found.cut)


def settled(every: Sequence[Sequences], rows: Rows | None, *, skip: bool) -> Table:
    """Read the rows once to learn how long they are; the columns with rows of that length.

    Raises
    ------
    UnreadableRowsError
        A row cannot be read, unless ``skip`` says that such rows are left out.
    DataError
        The ids are not those of the model's table.
    """
    columns, tokens, notes = {}, [], list(every[0].texts.notes)
    warnings: list[str] = []
    for one in every:
        numbers = range(one.texts.count) if rows is None else rows.tolist()
        seen = _scanned(one, numbers, skip=skip)
        length = one.length if one.fixed else max(seen.longest, 1)
        name = one.hint.spec.name
        pad = one.pad(seen.used)
        row = _Row(one, length, pad or 0)
        columns[name] = ids_column(one.hint, length, one.texts.count, row.ids)
        tokens.append(
            Tokens(
                name,
                length,
                one.texts.count,
                row.every_real,
                row.every_type,
                pad=None if one.masked else pad,
            )
        )
        side = "left" if one.left else "right"
        what = f"{seen.count} {one.texts.unit} as {length} tokens of {one.tokenizer.name}"
        notes.append(f"{name}: {what}, shorter ones padded on the {side}")
        if not one.masked:
            told = f"told by id {pad}" if pad is not None else "not told, and counts in means"
            said = f"{name}: the model has no mask for it; padding is {told}"
            (notes if pad is not None else warnings).append(said)
        if seen.cut:
            warnings.append(f"{name}: {seen.cut} of {seen.count} cut off at {one.length} tokens")
    return Table(columns, (*notes, *warnings), tokens=tuple(tokens), warnings=tuple(warnings))


@dataclass(slots=True)
class _Seen:
    """What a look at all rows showed."""

    count: int = 0
    longest: int = 0
    cut: int = 0
    used: set[int] = field(default_factory=set)


def _scanned(one: Sequences, rows: Iterable[int], *, skip: bool) -> _Seen:
    seen = _Seen()
    for row in rows:
        try:
            found = one.encoded(row)
        except DataError as exc:
            if not skip:
                raise UnreadableRowsError({row: str(exc)}) from exc
            continue
        refuse_foreign_ids(found.ids, one.hint, one.tokenizer, where=one.texts.place(row))
        seen.count += 1
        seen.longest = max(seen.longest, len(found.ids))
        seen.cut += found.cut
        if not one.masked:
            seen.used |= set(found.ids.tolist())
    return seen


def refuse_foreign_ids(ids: Array, hint: InputHint, tokenizer: Tokenizer, *, where: str) -> None:
    """Raise DataError where the largest id overruns the table of the model."""
    largest = int(ids.max(initial=0))
    if hint.table is not None and largest >= hint.table:
        raise DataError(
            f"{where}: found id {largest} of {tokenizer.name}, but the table of"
            f" '{hint.spec.name}' has {hint.table} rows; give the tokenizer that the model was"
            " trained with"
        )


def ids_column(hint: InputHint, length: int, count: int, read: Callable[[int], Array]) -> Column:
    """The column of ids whose row ``i`` is ``read(i)``, of ``length``, by integers of 64 bits."""
    axis = hint.sample_axis or 0
    dtype = element_type(hint.spec)
    shape = (length, 1) if axis else (1, length)

    def rows_of(rows: Rows) -> Array:
        return np.moveaxis(_each(rows, read), 0, axis)

    change = None if dtype == np.int64 else lambda ids: ids.astype(dtype)
    return Column(shape, count, rows_of, (), change)


def _each(rows: Rows, read: Callable[[int], Array]) -> Array:
    found, reasons = [], {}
    for row in rows.tolist():
        try:
            found.append(read(row))
        except DataError as exc:
            reasons[row] = str(exc)
    if reasons:
        raise UnreadableRowsError(reasons)
    return np.stack(found)


@dataclass(frozen=True, slots=True)
class _Row:
    """Rows that are filled up to ``length``."""

    one: Sequences
    length: int
    pad: int

    def ids(self, row: int) -> Array:
        return self._filled(self.one.encoded(row).ids, self.pad)

    def every_real(self, rows: Rows) -> Array:
        ones = _each(rows, lambda row: self._filled(np.ones_like(self.one.encoded(row).ids), 0))
        return np.asarray(ones > 0)

    def every_type(self, rows: Rows) -> Array:
        return _each(rows, lambda row: self._filled(self.one.encoded(row).types, 0))

    def _filled(self, values: Array, fill: int) -> Array:
        room = self.length - len(values)
        return np.pad(values, (room, 0) if self.one.left else (0, room), constant_values=fill)

"""CSV and TSV files: what separates their columns, whether a row names them, and their values."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import final

import numpy as np

from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype
from onnx_affscore.data.frame_texts import texts_of
from onnx_affscore.data.frames import Field, Group, as_labels
from onnx_affscore.data.lines import Lines
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.tabular import as_table
from onnx_affscore.data.text import as_rows_of_text
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array, Labels

__all__ = ["DELIMITED", "open_delimited"]

DELIMITED = re.compile(r".*\.(csv|tsv)(\.gz)?", re.IGNORECASE | re.DOTALL)

_DELIMITERS = (",", ";", "\t", "|")
# Rows that tell what separates columns and which of them hold numbers.
_HEAD = 200
# So many columns 0, 1, 2, ... are names, as pandas writes them; fewer may be values.
_COUNTED = 3
# Rows whose text is held at a time.
_STEP = 4096
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_FLAGS = {"true": 1.0, "false": 0.0}
_TYPES: dict[str, Dtype] = {
    "float": np.dtype(np.float64),
    "int": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
    "text": np.dtype(object),
}
# Whole numbers below are the same as float64.
_EXACT = 2**53


def open_delimited(request: Request) -> Table:
    """A table of text whose rows are parsed when they are read."""
    feeding = request.feeding
    named = {feeding.label, feeding.columns}
    if feeding.tokenizer is not None:
        named |= {feeding.text_field, feeding.pair_field, feeding.target_field}
    frame = _open(Path(request.text), {text for text in named if text is not None})
    if feeding.tokenizer is None:
        return as_table(frame, request)
    return as_rows_of_text(request, lambda: texts_of(frame, request))


@final
@dataclass(frozen=True, slots=True)
class _Delimited:
    """The rows of a file from ``skip`` on, as a :class:`~onnx_affscore.data.tabular.Frame`."""

    where: str
    fields: tuple[Field, ...]
    index: frozenset[int]
    notes: tuple[str, ...]
    lines: Lines
    skip: int
    delimiter: str

    @property
    def count(self) -> int:
        return len(self.lines) - self.skip

    def dtype(self, group: Group) -> Dtype:
        return _TYPES[group.kind]

    def labels(self, place: int) -> Labels:
        codes: dict[str, int] = {}
        found = np.empty(self.count, np.int64)
        for start in range(0, self.count, _STEP):
            rows = np.arange(start, min(start + _STEP, self.count))
            for row, cells in zip(rows.tolist(), self._cells(self._texts(rows)), strict=True):
                # A row that is too short is refused when it is read as data.
                text = cells[place].strip() if place < len(cells) else ""
                found[row] = codes.setdefault(text, len(codes))
        return as_labels(list(codes), found)

    def place(self, row: int) -> str:
        """The line where a row begins."""
        return f"{self.where}, line {self.lines.numbers[row + self.skip]}"

    def read(self, rows: Rows, groups: Sequence[Group]) -> list[Array]:
        texts = self._texts(rows)
        if all(g.kind in ("float", "int") for g in groups):
            found = self._numbers(texts, groups)
            if found is not None:
                return found
        return self._cell_by_cell(rows, texts, groups)

    def _texts(self, rows: Rows) -> list[str]:
        return self.lines.texts(rows + self.skip)

    def _numbers(self, texts: list[str], groups: Sequence[Group]) -> list[Array] | None:
        """All values at once by NumPy's parser; None where a row needs to be looked at."""
        between = len(self.fields) - 1
        if any('"' in text or text.count(self.delimiter) != between for text in texts):
            return None
        places = sorted({p for g in groups for p in g.places})
        try:
            table = np.loadtxt(
                texts, delimiter=self.delimiter, usecols=places, comments=None, ndmin=2
            )
        except ValueError:
            return None
        if not np.isfinite(table).all():
            return None
        found = []
        for group in groups:
            values = table[:, np.searchsorted(places, group.places)]
            if group.kind == "int":
                if (np.abs(values) >= _EXACT).any() or (values != np.trunc(values)).any():
                    return None
                values = values.astype(np.int64)
            found.append(values)
        return found

    def _cell_by_cell(self, rows: Rows, texts: list[str], groups: Sequence[Group]) -> list[Array]:
        found = [np.empty((len(rows), len(g.places)), self.dtype(g)) for g in groups]
        reasons: dict[int, str] = {}
        for at, cells in enumerate(self._cells(texts)):
            try:
                if len(cells) != len(self.fields):
                    raise DataError(
                        f"found {len(cells)} columns, where the table has {len(self.fields)}"
                    )
                for group, values in zip(groups, found, strict=True):
                    for k, place in enumerate(group.places):
                        values[at, k] = self._value(cells[place], place, group.kind)
            except DataError as exc:
                row = int(rows[at])
                reasons[row] = f"{self.place(row)}: {exc}"
        if reasons:
            raise UnreadableRowsError(reasons)
        return found

    def _cells(self, texts: list[str]) -> Iterator[list[str]]:
        return _split(texts, self.delimiter)

    def _value(self, cell: str, place: int, kind: str) -> float | int | bool | str:
        if "\ufffd" in cell:
            raise DataError(
                f"column '{self.fields[place].name}' holds bytes that are no UTF-8; save the file"
                " as UTF-8"
            )
        if kind == "text":
            return cell
        text = cell.strip()
        if text.lower() in _MISSING:
            raise DataError(f"column '{self.fields[place].name}' has no value ('{text}')")
        value = _number(text)
        if value is not None and kind == "int":
            value = _whole(text, value)
        if value is None or (kind == "bool" and value not in (0, 1)):
            wanted = {"int": "a whole number of 64 bits", "bool": "true or false"}
            raise DataError(
                f"column '{self.fields[place].name}' has '{text}'; the model wants"
                f" {wanted.get(kind, 'a number')}"
            )
        return bool(value) if kind == "bool" else value


def _open(path: Path, named: set[str]) -> _Delimited:
    lines = Lines.of(path)
    if not len(lines):
        raise DataError(f"{path}: found no row; give at least one")
    texts = lines.texts(np.arange(min(len(lines), _HEAD)))
    tsv = path.name.lower().removesuffix(".gz").endswith(".tsv")
    delimiter = "\t" if tsv else max(_DELIMITERS, key=lambda d: _fitness(texts, d))
    head = list(_split(texts, delimiter))
    if not head[0]:
        raise DataError(
            f"{path}, line {lines.numbers[0]}: found no row of a table, or a cell of more than"
            f" {csv.field_size_limit()} characters; give a table whose cells are separated"
        )
    header = _is_header(head[0], named)
    names = [c.strip() for c in head[0]] if header else [str(i + 1) for i in range(len(head[0]))]
    body = [row for row in head[header:] if len(row) == len(names)]
    kinds = [_column_kind([row[i] for row in body]) for i in range(len(names))]
    said = (
        f"{path}: its first row names the columns"
        if header
        else (f"{path}: no row names the columns; they are called 1 to {len(names)}")
    )
    notes: tuple[str, ...] = (said,)
    index: frozenset[int] = frozenset()
    if header and not names[0]:  # the index that pandas writes
        index = frozenset({0})
        notes += (f"{path}: the first column has no name and is taken to number the rows",)
    return _Delimited(
        str(path),
        tuple(Field(n, k) for n, k in zip(names, kinds, strict=True)),
        index,
        notes,
        lines,
        int(header),
        delimiter,
    )


def _split(texts: list[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of each row; a row that is broken does not move those behind it."""
    try:
        found = list(csv.reader(texts, delimiter=delimiter))
    except csv.Error:
        found = []
    if len(found) == len(texts):
        return iter(found)
    return (_alone(text, delimiter) for text in texts)


def _alone(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


def _fitness(texts: list[str], delimiter: str) -> tuple[int, int]:
    """How many rows agree on a number of columns beyond one, and on how many."""
    sizes = Counter(len(row) for row in _split(texts, delimiter))
    size, rows = max(sizes.items(), key=lambda item: (item[0] > 1, item[1], item[0]))
    return (rows, size) if size > 1 else (0, 0)


def _is_header(cells: list[str], named: set[str]) -> bool:
    """Whether a first row names columns: nothing in it is a number, or it counts them from 0 on.

    A name that the user gives for a column and that stands in it also tells.
    """
    texts = [cell.strip() for cell in cells]
    listed = {part.strip() for text in named for part in text.split(",")}
    if any(t in listed and _number(t) is None for t in texts):
        return True
    if all(_number(t) is None for t in texts):
        return any(t.lower() not in _MISSING for t in texts)
    counted = texts if texts[0] else texts[1:]
    least = _COUNTED if texts[0] else 1
    return len(counted) >= least and counted == [str(i) for i in range(len(counted))]


def _column_kind(cells: list[str]) -> str:
    texts = [t for t in (cell.strip() for cell in cells) if t.lower() not in _MISSING]
    if not texts:
        return "empty"
    if all(t.lower() in _FLAGS for t in texts):
        return "flag"
    numbers = sum(_number(t) is not None for t in texts)
    return "number" if 2 * numbers > len(texts) else "text"


def _number(text: str) -> float | None:
    """The finite number that a text is, true and false counting as 1 and 0."""
    if text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and "_" not in text else None


def _whole(text: str, value: float) -> int | None:
    """The whole number of int64 that a text is, ``value`` as float64; None where it is none."""
    exact = Decimal(text) if abs(value) >= _EXACT else value
    return int(exact) if -(2**63) <= exact < 2**63 and exact == int(exact) else None

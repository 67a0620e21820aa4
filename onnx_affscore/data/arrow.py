"""Parquet, Arrow and Feather files as tables, read in the pieces that the files are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from onnx_affscore.data.arrow_features import Features, class_names, holds_pictures
from onnx_affscore.data.arrow_values import (
    PICTURES,
    arrow,
    encode,
    holds_bytes,
    kind_of,
    list_of,
    numpy_type,
    values_of,
    whole,
)
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype
from onnx_affscore.data.file_bytes import FileBytes
from onnx_affscore.data.frames import Field, Group, as_labels
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array, Labels

__all__ = [
    "ARROW_FILES",
    "PARQUET_FILES",
    "ArrowFrame",
    "Piece",
    "arrow_pieces",
    "parquet_pieces",
    "translated",
]

PARQUET_FILES: Final = (".parquet", ".pq")
ARROW_FILES: Final = (".arrow", ".feather", ".ipc")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table that are read together: ``read(names)`` gives a pyarrow table.

    ``check`` raises DataError where the file was cut short, which reading a mapped one would not.
    """

    where: str
    schema: Any
    count: int
    read: Callable[[Sequence[str]], Any]
    check: Callable[[], None]


def parquet_pieces(path: Path) -> list[Piece]:
    """The row groups of a Parquet file, of which only the columns asked for are read."""
    arrow()
    import pyarrow.parquet as pq

    with translated(path):
        content, file = FileBytes.of(path), pq.ParquetFile(path)
        schema = file.schema_arrow
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]

    def of(number: int) -> Callable[[Sequence[str]], Any]:
        def read(names: Sequence[str]) -> Any:
            with translated(path):
                return file.read_row_group(number, columns=list(names))

        return read

    where, check = str(path), content.check
    pieces = [Piece(where, schema, size, of(i), check) for i, size in enumerate(sizes)]
    empty = schema.empty_table()
    return pieces or [Piece(where, schema, 0, empty.select, check)]


def arrow_pieces(path: Path) -> list[Piece]:
    """The record batches of an Arrow file or stream, mapped into memory."""
    pa = arrow()
    with translated(path):
        content = FileBytes.of(path)
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        except pa.ArrowInvalid:
            reader = pa.ipc.open_stream(pa.memory_map(str(path)))
            batches = list(reader)
    schema = reader.schema
    tables = [pa.Table.from_batches([b], schema) for b in batches] or [schema.empty_table()]
    return [Piece(str(path), schema, len(t), t.select, content.check) for t in tables]


@final
@dataclass
class ArrowFrame:
    """Pieces one after another as a :class:`~onnx_affscore.data.tabular.Frame`.

    ``folder`` is where files lie that it names, ``features`` what Hugging Face's library says of
    columns; ``classes`` are names of classes by column, for columns that hold their numbers.
    """

    where: str
    pieces: Sequence[Piece]
    folder: Path
    features: Features = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    _last: tuple[int, frozenset[str], Any] | None = None

    def __post_init__(self) -> None:
        """Refuse files of one folder whose columns differ."""
        schema = self.pieces[0].schema
        for piece in self.pieces:
            if not piece.schema.equals(schema):
                raise DataError(
                    f"{piece.where}: its columns are not those of {self.pieces[0].where}; give"
                    " files of one table"
                )
        if len(set(schema.names)) < len(schema.names):
            raise DataError(f"{self.where}: several columns have one name; give each its own")
        self.classes: Mapping[str, Sequence[str]] = class_names(self.features)
        self._starts = np.array([0, *accumulate(p.count for p in self.pieces)])
        self.fields = tuple(self._field(name, schema.field(name).type) for name in schema.names)
        self.index = frozenset(
            i
            for i, name in enumerate(schema.names)
            if name.startswith("__index_level_") or name in self.classes
        )

    @property
    def count(self) -> int:
        """The number of rows."""
        return int(self._starts[-1])

    def dtype(self, group: Group) -> Dtype:
        """The type that can hold the values of all columns of the group, as the file has them."""
        types = [self._element(p) for p in group.places]
        return np.result_type(*types) if len(set(types)) > 1 else types[0]

    def labels(self, place: int) -> Labels:
        """The values of a column as classes, called by their names where the file has such."""
        name = self.fields[place].name
        codes: dict[object, int] = {}
        found = []
        for number in range(len(self.pieces)):
            column = whole(self._table(number, [name]).column(name))
            encoded = encode(column)
            if encoded is None:
                raise DataError(
                    f"{self.where}: --label names column '{name}', which is {column.type}; name one"
                    " of numbers or text, with one value a row"
                )
            values, places = encoded
            new = [codes.setdefault("" if v is None else v, len(codes)) for v in values]
            if (places == len(values)).any():
                new.append(codes.setdefault("", len(codes)))
            found.append(np.array(new, np.int64)[places])
        names = self.classes.get(name, ())
        made = as_labels(list(codes), np.concatenate(found))
        called = {str(code): text for code, text in enumerate(names)}
        return Labels(tuple(called.get(n, n) for n in made.names), made.codes)

    def read(self, rows: Rows, groups: Sequence[Group]) -> list[Array]:
        """Rows of the pieces that hold them; one piece is kept for the next call."""
        places = sorted({p for g in groups for p in g.places})
        table = self._taken(rows, [self.fields[p].name for p in places])
        values: dict[int, Array] = {}
        reasons: dict[int, str] = {}
        for place in places:
            column = self.fields[place]
            array, good = values_of(whole(table.column(column.name)), column.shape)
            values[place] = array
            for at in np.flatnonzero(~good).tolist():
                row = int(rows[at])
                what = f"an array of the shape {column.shape}" if column.shape else "a number"
                what = "text" if column.kind == "text" else what
                reasons.setdefault(
                    row,
                    f"{self.place(row)}: column '{column.name}' has no value, or not {what}",
                )
        if reasons:
            raise UnreadableRowsError(reasons)
        return [
            np.stack([values[p] for p in g.places], 1).astype(self.dtype(g), copy=False)
            if self.fields[g.places[0]].kind != "text"
            else np.stack([values[p] for p in g.places], 1)
            for g in groups
        ]

    def value(self, row: int, place: int) -> object:
        """One value of a column as Python has it, None where it is missing."""
        name = self.fields[place].name
        found: object = self._taken(np.array([row]), [name]).column(name)[0].as_py()
        return found

    def place(self, row: int) -> str:
        """Where a row is: its file and its number there."""
        piece = int(np.searchsorted(self._starts, row, "right")) - 1
        first = next(i for i, p in enumerate(self.pieces) if p.where == self.pieces[piece].where)
        return f"{self.pieces[piece].where}, row {row - int(self._starts[first])}"

    def _taken(self, rows: Rows, names: Sequence[str]) -> Any:
        pieces = np.searchsorted(self._starts, rows, "right") - 1
        parts = [
            self._table(int(number), names).take(rows[pieces == number] - self._starts[number])
            for number in np.unique(pieces)
        ]
        return arrow().concat_tables(parts)

    def _table(self, number: int, names: Sequence[str]) -> Any:
        asked = frozenset(names)
        self.pieces[number].check()
        if self._last is None or self._last[:2] != (number, asked):
            self._last = number, asked, self.pieces[number].read(sorted(asked))
        return self._last[2]

    def _field(self, name: str, kind: Any) -> Field:
        shape: list[int] = []
        kind = getattr(kind, "storage_type", kind)  # an extension type says what it is stored as
        first: Any = None
        while (inner := list_of(kind)) is not None:
            if first is None:
                first = self._first(name)
            shape.append(len(first) if first is not None else 0)
            first = first[0] if first else None
            kind = inner
        if not shape and holds_bytes(kind):
            pictures = holds_pictures(self.features.get(name), lambda: self._first(name))
            return Field(name, PICTURES if pictures else kind_of(kind))
        return Field(name, kind_of(kind), tuple(shape))

    def _first(self, name: str) -> Any:
        """The first value of a column that is not missing, None where there is none."""
        for number in range(len(self.pieces)):
            column = self._table(number, [name]).column(name).drop_null()
            if len(column):
                return column[0].as_py()
        return None

    def _element(self, place: int) -> Dtype:
        if self.fields[place].kind == "text":
            return np.dtype(str)
        kind = self.pieces[0].schema.field(self.fields[place].name).type
        kind = getattr(kind, "storage_type", kind)
        while (inner := list_of(kind)) is not None:
            kind = inner
        return numpy_type(kind)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the errors of files and of Arrow into DataError."""
    try:
        yield
    except FileNotFoundError as exc:
        raise DataError(f"{path}: found no such file; check the path") from exc
    except DataError:
        raise
    except (OSError, ValueError, NotImplementedError, KeyError) as exc:  # Arrow's are of these
        raise DataError(
            f"{path}: cannot be read as {path.suffix or 'a folder of tables'}"
            f" ({str(exc).splitlines()[0] if str(exc) else type(exc).__name__}); write it again"
        ) from exc

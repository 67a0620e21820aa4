"""What a table in a file looks like, whatever kind of file it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype
from onnx_affscore.records import Array, Labels

__all__ = ["Field", "Frame", "Group", "as_labels", "listed"]

# Names that a sentence lists before it only counts.
_LISTED = 8


@dataclass(frozen=True, slots=True)
class Field:
    """One column: ``kind`` is number, flag, text, or the name of what no input takes.

    ``shape`` is that of one of its values.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether its values can be fed as numbers."""
        return self.kind in ("number", "flag")

    @property
    def fed(self) -> bool:
        """Whether its values can be fed at all."""
        return self.numeric or self.kind == "text"


@dataclass(frozen=True, slots=True)
class Group:
    """Columns, by place, that one input takes: as float, int, bool or text."""

    places: tuple[int, ...]
    kind: str


class Frame(Protocol):
    """A table in a file."""

    @property
    def where(self) -> str:
        """The file's name."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns in their order."""
        ...

    @property
    def index(self) -> frozenset[int]:
        """The places of columns that only number the rows; they are not taken by default."""
        ...

    @property
    def count(self) -> int:
        """The number of rows."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found out about the file that the user should know."""
        ...

    def dtype(self, group: Group) -> Dtype:
        """The type that the values of a group are read as."""
        ...

    def read(self, rows: Rows, groups: Sequence[Group]) -> list[Array]:
        """An array (rows, columns, *shape of a value) for each group.

        Raises UnreadableRowsError where values are missing or of another kind.
        """
        ...

    def labels(self, place: int) -> Labels:
        """The values of a column as classes."""
        ...

    def place(self, row: int) -> str:
        """Where a row is in its file."""
        ...


def as_labels(values: Sequence[object], codes: Array) -> Labels:
    """Classes from the distinct values of a column, and which of them each row has.

    Numbers are in their order, whether or not the file holds them as text.
    """
    names = [str(v) for v in values]
    try:
        order = sorted(range(len(names)), key=lambda i: float(names[i]))
    except ValueError:
        order = sorted(range(len(names)), key=lambda i: names[i])
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    return Labels(tuple(names[i] for i in order), place[codes])


def listed(names: Iterable[str]) -> str:
    """Names in a sentence, the last of many only counted."""
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more

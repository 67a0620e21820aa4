"""What a kind of data source is: a row of the table SOURCES, and what its opener returns."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import Array, InputHint, Labels

__all__ = [
    "Feeds",
    "Made",
    "Opened",
    "Reader",
    "Request",
    "SourceKind",
    "Table",
    "Tokens",
]

Reader: TypeAlias = Callable[[int], Array]
"""The row of that number, without its sample axis."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to open, and the inputs that it is for: one where the user named it, else all free.

    ``feeding`` is what the user said of the data besides; ``model`` are all inputs that it has.
    ``samples``: no more rows are used, None for all.
    """

    text: str
    hints: tuple[InputHint, ...]
    feeding: Feeding = field(default_factory=Feeding)
    model: tuple[InputHint, ...] = ()
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of the input ``name``, ``length`` a row.

    ``real`` says which of them are no padding, (rows, length), and ``types`` which text of a pair
    each is of. ``told`` is False where nothing says so and all are taken as real. ``pad`` is an id
    that stands for padding and for nothing else, None where ids do not tell.
    """

    name: str
    length: int
    count: int | None
    real: Callable[[Rows], Array]
    types: Callable[[Rows], Array] | None = None
    told: bool = True
    pad: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns by input name: data whose rows can be picked; ``labels`` where they tell classes.

    ``tokens`` tells of token ids among the columns. ``settle``, called with the rows that were
    drawn (None for all), returns what takes the place of columns that hang on which these are.
    ``heeded`` names the fields of :class:`Feeding` that this kind of data has a use for;
    ``warnings`` are notes that nobody should miss.
    """

    columns: Mapping[str, Column]
    notes: tuple[str, ...] = ()
    labels: Labels | None = None
    tokens: tuple[Tokens, ...] = ()
    settle: "Callable[[Rows | None], Table] | None" = None
    heeded: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feeds:
    """A stream of feeds of any size for all inputs; iterable again and again.

    ``labels`` are those of all rows in the order of the feeds.
    """

    feeds: Iterable[Mapping[str, Array]]
    labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """Values to be made up for the inputs asked for: ``normal`` or ``uniform`` floats."""

    distribution: str


Opened: TypeAlias = Table | Feeds | Made


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One row of SOURCES: ``form`` is how the specification looks, ``help`` what it means.

    ``named``: what an input gets may hang on its name. ``slow``: a row takes longer to read than
    one that was kept in a temporary file.
    """

    name: str
    form: str
    help: str
    matches: Callable[[str], bool]
    open: Callable[[Request], Opened]
    named: bool = True
    slow: bool = True

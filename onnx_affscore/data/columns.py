"""Rows of an input that are read when they are asked for, and the source made of them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.labelling import check_count
from onnx_affscore.errors import DataError, OptionError, UnreadableRowsError
from onnx_affscore.records import Array, Batch, InputHint, Labels

__all__ = ["Column", "ColumnSource", "fixed_batch", "whole_feeds"]


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one input.

    ``read(rows)`` returns them with the sample axis where the model wants it. ``shape`` is that of
    a feed of one sample; ``count`` is the number of rows, None where any row can be had (made
    up values) or all are the same (an input without sample axis). ``change`` makes numbers of the
    model's type of them, None where they are of that type. ``origin`` reads what they are computed
    from, which tells the same data whatever the rounding; None where they are data themselves.
    """

    shape: tuple[int, ...]
    count: int | None
    read: Callable[[Rows], Array]
    notes: tuple[str, ...] = ()
    change: Callable[[Array], Array] | None = None
    origin: Callable[[Rows], Array] | None = None

    def take(self, rows: Rows) -> Array:
        """Return rows as the model takes them."""
        found = self.read(rows)
        return found if self.change is None else self.change(found)


def fixed_batch(hints: tuple[InputHint, ...]) -> int | None:
    """The number of samples that every feed of the model must hold, None where it is open."""
    axes = [(h.spec.shape, h.sample_axis) for h in hints if not h.optional]
    sizes = [shape[axis] for shape, axis in axes if shape is not None and axis is not None]
    return next((size for size in sizes if isinstance(size, int)), None)


def whole_feeds(samples: int, *, batch: int | None) -> int:
    """``samples`` cut to whole feeds of a fixed ``batch``, at least one."""
    return max(samples // batch, 1) * batch if batch else samples


@final
class ColumnSource:
    """A data source of columns with equally many rows.

    Parameters
    ----------
    columns
        One per input, by the input's name.
    count
        Number of rows where no column has one.
    batched
        Whether some input of the model has a sample axis; if none has, a feed is one sample.
    rows
        The rows to read, None for all.
    labels
        The class of every row.
    skip
        Leave out rows that cannot be read, and keep them in ``skipped``; else they are an error.

    ``pads`` holds, by input, an id that stands for padding and for nothing else; ``warnings`` are
    notes that nobody should miss.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        *,
        name: str,
        count: int = 1,
        batched: bool = True,
        rows: Rows | None = None,
        notes: tuple[str, ...] = (),
        labels: Labels | None = None,
        skip: bool = False,
    ) -> None:
        counts = {c.count for c in columns.values() if c.count is not None}
        if len(counts) > 1:
            found = ", ".join(f"'{n}' has {c.count}" for n, c in columns.items() if c.count)
            raise DataError(
                f"the inputs have different numbers of samples in {name}: {found}; "
                f"give each input as many rows as the others"
            )
        total = counts.pop() if counts else count
        if total < 1:
            raise DataError(f"found no sample in {name}; give at least one row")
        check_count(labels, total, where=name)
        self.name = name
        self.synthetic = False
        self.notes = (*(n for c in columns.values() for n in c.notes), *notes)
        self.warnings: tuple[str, ...] = ()
        self.count: int = total if rows is None else len(rows)
        self.labels = labels
        self.pads: Mapping[str, int] = {}
        self.skipped: dict[int, str] = {}
        self.columns = dict(columns)
        self._rows = rows
        self._batched = batched
        self._skip = skip

    def beside(self, columns: Mapping[str, Column], *, notes: tuple[str, ...]) -> "ColumnSource":
        """The same rows with further columns, and notes before its own."""
        found = ColumnSource(
            {**columns, **self.columns},
            name=self.name,
            batched=self._batched,
            rows=self._rows,
            labels=self.labels,
            skip=self._skip,
        )
        found.notes = (*notes, *self.notes)
        found.pads, found.warnings = self.pads, self.warnings
        return found

    def leave_out(self, rows: Mapping[int, str]) -> None:
        """Add rows to ``skipped`` that an earlier start could not read."""
        self.skipped |= rows

    def batches(self, size: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield feeds of ``size`` samples, the last one possibly smaller; of one sample each
        where no input of the model has a sample axis. Rows that are left out make one smaller; the
        first ``start`` feeds are not read. Raises :class:`DataError` where no row can be read.
        """
        if size < 1:
            raise OptionError(f"found a batch size of {size}; give 1 or more")
        step = size if self._batched else 1
        for at in range(start * step, self.count, step):
            end = min(at + step, self.count)
            rows = np.arange(at, end) if self._rows is None else self._rows[at:end]
            batch = self._read(rows, at // step + 1)
            if batch is not None:
                yield batch
        if len(self.skipped) >= self.count:
            row = min(self.skipped)
            raise DataError(
                f"none of the {self.count} rows of {self.name} could be read; the first one:"
                f" {self.skipped[row]}"
            )

    def _read(self, rows: Rows, stop: int) -> Batch | None:
        """The batch of those of ``rows`` that can be read, None where none can."""
        rows = rows[[r not in self.skipped for r in rows.tolist()]] if self.skipped else rows
        while len(rows):
            try:
                read = {name: column.read(rows) for name, column in self.columns.items()}
            except UnreadableRowsError as exc:
                if not self._skip:
                    raise
                self.skipped |= exc.reasons
                rows = rows[[r not in exc.reasons for r in rows.tolist()]]
                continue
            changes = {n: c.change for n, c in self.columns.items() if c.change is not None}
            changed = {name: change(read[name]) for name, change in changes.items()}
            given = {name: read[name] for name in changed}
            origins = {n: c.origin for n, c in self.columns.items() if c.origin is not None}
            given |= {name: origin(rows) for name, origin in origins.items()}
            return Batch(read | changed, len(rows), given, rows=rows, stop=stop)
        return None

"""The column of items that are read one at a time: images, sounds, lines; a bad one is one row."""

from collections.abc import Callable
from typing import Any

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype, cast
from onnx_affscore.data.fit import fit
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array, InputHint

__all__ = ["fit_items", "fit_rows"]


def fit_items(
    read: Callable[[int], Array],
    hint: InputHint,
    *,
    count: int,
    shape: tuple[int, ...],
    dtype: Dtype | type[np.generic],
    where: str,
) -> Column:
    """The column whose row ``i`` is ``read(i)``, an array of one sample without its sample axis.

    ``shape`` and ``dtype`` are those of a row. ``read`` raises DataError where that row cannot be
    read; other rows can be read all the same.

    Raises
    ------
    DataError
        Rows of that shape and type do not suit the input.
    """

    def read_rows(rows: Rows) -> Array:
        return _stacked(read, rows)

    return fit_rows(read_rows, hint, count=count, shape=shape, dtype=dtype, where=where)


def fit_rows(
    read: Callable[[Rows], Array],
    hint: InputHint,
    *,
    count: int,
    shape: tuple[int, ...],
    dtype: Dtype | type[np.generic],
    where: str,
) -> Column:
    """The column of rows that are read together: ``read(rows)`` has the sample axis first.

    ``shape`` and ``dtype`` are those of a row. ``read`` raises UnreadableRowsError for rows that
    cannot be read.

    Raises
    ------
    DataError
        Rows of that shape and type do not suit the input.
    """
    dtype = np.dtype(dtype)
    axis = hint.sample_axis
    if axis is None:
        raise DataError(
            f"{where}: found {count} samples, but input '{hint.spec.name}' counts no samples; give"
            f" one array for it: --data {hint.spec.name}=FILE.npy"
        )
    whole = (*shape[:axis], count, *shape[axis:])
    fitted = fit(whole, dtype, hint, load=_unread, where=where)
    change = cast(dtype, hint.spec, where=where)

    def read_rows(rows: Rows) -> Array:
        table = np.moveaxis(read(rows), 0, axis)
        return table if change.numbers else change.apply(table)

    return Column(fitted.shape, count, read_rows, fitted.notes, fitted.change)


def _unread() -> Array:
    raise DataError("items are read one at a time")


def _stacked(read: Callable[[int], Array], rows: Rows) -> Array:
    found: list[Array] = []
    reasons: dict[int, str] = {}
    for row in rows.tolist():
        try:
            found.append(np.asarray(read(row)))
        except DataError as exc:
            reasons[row] = str(exc)
    if reasons:
        raise UnreadableRowsError(reasons)
    shapes: set[Any] = {array.shape for array in found}
    if len(shapes) > 1:
        raise DataError(
            f"rows {rows[0]} to {rows[-1]} have {len(shapes)} shapes, such as"
            f" {' and '.join(map(str, sorted(shapes)[:2]))}, and a batch takes one; run them one at"
            " a time with --batch-size 1, or give them one size"
        )
    return np.stack(found)

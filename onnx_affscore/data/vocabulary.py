"""Whether ids are rows of the table that the model looks them up in, before the runtime fails."""

from dataclasses import replace

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["check_ids", "within_table"]


def within_table(column: Column, hint: InputHint) -> Column:
    """The same column, whose rows are refused where an index overruns the table of the model."""
    table, axis = hint.table, hint.sample_axis
    if table is None:
        return column

    def read(rows: Rows) -> Array:
        array = column.read(rows)
        if np.issubdtype(array.dtype, np.integer):
            upright = array[np.newaxis] if axis is None else np.moveaxis(array, axis, 0)
            check_ids(upright, rows, hint, made_by="the model's own tokenizer")
        return array

    return replace(column, read=read)


def check_ids(ids: Array, rows: Rows, hint: InputHint, *, made_by: str) -> None:
    """Raise DataError where ids, (rows, ...), are not below ``hint.table``.

    The operator counts negative ones from the table's end.
    """
    table = hint.table
    if table is None or not ids.size:
        return
    by_row = ids.reshape(len(ids), -1)
    far = np.where(by_row < 0, -1 - by_row.astype(np.int64), by_row)
    worst = int(far.max(axis=1).argmax())
    if far[worst].max() >= table:
        found = int(by_row[worst, far[worst].argmax()])
        raise DataError(
            f"row {rows[worst]} has {found} for '{hint.spec.name}', but the table that the model"
            f" looks it up in has {table} rows, 0 to {table - 1}; give ids of {made_by}"
        )

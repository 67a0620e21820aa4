"""Columns of text in Parquet and Arrow files, for models of tokens; other columns as of a table."""

from dataclasses import replace

import numpy as np

from onnx_affscore.data.arrow import ArrowFrame
from onnx_affscore.data.frames import Group, listed
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.tabular import as_table
from onnx_affscore.data.text import as_rows_of_text
from onnx_affscore.data.texts import Text, Texts
from onnx_affscore.errors import DataError, UnreadableRowsError

__all__ = ["as_data"]


def as_data(frame: ArrowFrame, request: Request, *, classes: str | None = None) -> Table:
    """Rows of text where a tokenizer is given for them, else the columns of a table.

    ``classes`` is the column that tells the labels where the user names none.
    """
    label = request.feeding.label or classes
    labelled = replace(request, feeding=replace(request.feeding, label=label))
    if request.feeding.tokenizer is None:
        return as_table(frame, labelled)
    return as_rows_of_text(request, lambda: _texts(frame, labelled))


def _texts(frame: ArrowFrame, request: Request) -> Texts:
    said = request.feeding
    asked = {
        "source": ("--text-field", said.text_field),
        "pair": ("--pair-field", said.pair_field),
        "target": ("--target-field", said.target_field),
    }
    names = [f.name for f in frame.fields]
    groups: dict[str, Group] = {}
    for role, (option, name) in asked.items():
        if name is None:
            continue
        if name not in names or frame.fields[names.index(name)].kind != "text":
            found = [f.name for f in frame.fields if f.kind == "text"]
            raise DataError(
                f"{frame.where}: {option} names '{name}', but the columns of text are"
                f" {listed(found) or 'none'}; name one of these"
            )
        groups[role] = Group((names.index(name),), "text")
    label = None
    if said.label is not None:
        if said.label not in names:
            raise DataError(
                f"{frame.where}: --label names '{said.label}', but the columns are {listed(names)}"
            )
        label = frame.labels(names.index(said.label))

    def read(row: int) -> Text:
        try:
            found = frame.read(np.array([row]), list(groups.values()))
        except UnreadableRowsError as exc:
            raise DataError(exc.reasons[row]) from exc
        return Text(**{role: str(v[0, 0]) for role, v in zip(groups, found, strict=True)})

    return Texts(frame.where, frame.count, "rows", read, frame.place, frame.notes, label)

"""Columns of text in tables, for models of tokens."""

import numpy as np

from onnx_affscore.data.frames import Frame, Group, listed
from onnx_affscore.data.opening import Request
from onnx_affscore.data.texts import Text, Texts
from onnx_affscore.errors import DataError, UnreadableRowsError

__all__ = ["texts_of"]


def texts_of(frame: Frame, request: Request) -> Texts:
    """The columns of text that the user named, and the labels.

    Raises
    ------
    DataError
        There is no such column, or it holds no text.
    """
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

"""Pictures in a column of a Parquet or Arrow table: their bytes, or names of files beside it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from onnx_affscore.data.arrow import ArrowFrame
from onnx_affscore.data.arrow_values import PICTURES
from onnx_affscore.data.frames import listed
from onnx_affscore.data.images.choosing import choose
from onnx_affscore.data.images.decoding import needs_pillow
from onnx_affscore.data.images.wanted import picture_input
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.tabular import chosen_places, place_of
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

__all__ = ["picture_column", "pictures_of"]


def picture_column(frame: ArrowFrame, request: Request) -> int | None:
    """The place of the column of pictures that is fed, None where the data are no pictures.

    It is the one that ``--columns`` names, or that is called like the input, or the only one.

    Raises
    ------
    DataError
        Several columns hold pictures.
    """
    chosen = chosen_places(frame, request.feeding.columns)
    every = range(len(frame.fields)) if chosen is None else chosen
    places = [place for place in every if frame.fields[place].kind == PICTURES]
    if not places or (chosen is not None and len(chosen) > 1):
        return None
    try:
        hint, wanted = picture_input(request.hints, where=request.text)
    except DataError:
        if _others(frame, request):
            return None
        raise
    if chosen is None and wanted.layout in ("ND", "NHW") and _others(frame, request):
        return None
    names = [frame.fields[place].name for place in places]
    if hint.spec.name in names:
        return places[names.index(hint.spec.name)]
    if len(places) > 1:
        raise DataError(
            f"{frame.where}: {len(places)} columns hold pictures ({listed(names)}); name one with"
            " --columns"
        )
    return places[0]


def _others(frame: ArrowFrame, request: Request) -> bool:
    """Whether other columns could feed the input: a row of 16 may be numbers, tokens or 4x4."""
    label = request.feeding.label
    left = [f for p, f in enumerate(frame.fields) if p not in frame.index and f.name != label]
    text = request.feeding.tokenizer is not None
    return any(f.numeric or (text and f.kind == "text") for f in left)


def pictures_of(frame: ArrowFrame, request: Request, place: int) -> Table:
    """One row a picture, read when its batch is."""
    if frame.count < 1:
        raise DataError(f"{frame.where}: found no row of data; give at least one")
    needs_pillow()
    chosen = choose(request)
    name = frame.fields[place].name
    label = request.feeding.label
    told = None if label is None else place_of(frame, label, option="--label")
    labels = None if told is None else frame.labels(told)
    unused = [f.name for p, f in enumerate(frame.fields) if p not in (place, told)]
    notes = [f"{frame.where}: column {name} for '{chosen.hint.spec.name}'"]
    if labels is not None and told is not None:
        by = frame.fields[told].name
        notes.append(f"{frame.where}: {len(labels.names)} classes by column {by}")
    notes += [f"{frame.where}: not used: {listed(unused)}"] if unused else []

    def read(row: int) -> Array:
        where = f"{frame.place(row)}, column '{name}'"
        return chosen.prepare.of_file(_file(frame.value(row, place), frame.folder, where), where)

    table = chosen.table(
        read,
        count=frame.count,
        what="images in a table",
        where=frame.where,
        labels=labels,
        notes=tuple(notes),
    )
    return replace(table, heeded=table.heeded | {"columns"})


def _file(value: object, folder: Path, where: str) -> Path | bytes:
    """The bytes of a picture, or its file, which lies with the table: a table may be a stranger's.

    Raises
    ------
    DataError
        There is neither, or the file lies elsewhere.
    """
    found: Mapping[str, object] = value if isinstance(value, Mapping) else {"bytes": value}
    content, path = found.get("bytes"), found.get("path")
    if isinstance(content, bytes):
        return content
    if not isinstance(path, str):
        raise DataError(f"{where}: has no value")
    home = folder.resolve()
    file = (home / path).resolve()
    if not file.is_relative_to(home):
        raise DataError(
            f"{where}: found only the name of a file outside {folder}, '{path}'; put the pictures"
            " into the table: dataset.save_to_disk does"
        )
    return file

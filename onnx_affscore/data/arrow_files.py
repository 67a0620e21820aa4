"""Data sources in Parquet and Arrow files: columns of numbers, text or pictures."""

from pathlib import Path

from onnx_affscore.data.arrow import (
    ARROW_FILES,
    PARQUET_FILES,
    ArrowFrame,
    arrow_pieces,
    parquet_pieces,
    translated,
)
from onnx_affscore.data.arrow_data import as_data
from onnx_affscore.data.arrow_features import features_of
from onnx_affscore.data.folders import files_in, holds
from onnx_affscore.data.opening import Request, Table

__all__ = ["is_arrow", "open_arrow"]

# Parquet files may lie in folders of their folder, such as a table's partitions.
_DEPTH = 1


def is_arrow(text: str) -> bool:
    """Whether a path is such a file by its name, or a folder that holds Parquet files."""
    path = Path(text)
    return path.suffix.lower() in (*PARQUET_FILES, *ARROW_FILES) or (
        path.is_dir() and holds(path, PARQUET_FILES, depth=_DEPTH)
    )


def open_arrow(request: Request) -> Table:
    """A file, or all Parquet files of a folder in the order of their names.

    Raises
    ------
    DataError
        A file cannot be read, or its columns do not suit the model.
    MissingExtraError
        pyarrow is not installed.
    """
    path = Path(request.text)
    with translated(path):
        if path.is_dir():
            names = files_in(path, PARQUET_FILES, depth=_DEPTH)
            names.sort(key=lambda name: name.split("/"))
            pieces = [piece for name in names for piece in parquet_pieces(path / name)]
        else:
            read = parquet_pieces if path.suffix.lower() in PARQUET_FILES else arrow_pieces
            pieces = read(path)
        folder = path if path.is_dir() else path.parent
        frame = ArrowFrame(request.text, pieces, folder, features_of(pieces[0].schema))
    return as_data(frame, request)

"""From a Parquet or Arrow table to rows: of pictures, of text for a tokenizer, or of numbers."""

from dataclasses import replace

from onnx_affscore.data.arrow import ArrowFrame
from onnx_affscore.data.frame_texts import texts_of
from onnx_affscore.data.images.arrow_column import picture_column, pictures_of
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.tabular import as_table
from onnx_affscore.data.text import as_rows_of_text

__all__ = ["as_data"]


def as_data(frame: ArrowFrame, request: Request) -> Table:
    """Pictures where a column has such for the input, text with a tokenizer, else a table.

    The only column of classes tells the labels where the user names none.
    """
    classes = list(frame.classes)
    label = request.feeding.label or (classes[0] if len(classes) == 1 else None)
    labelled = replace(request, feeding=replace(request.feeding, label=label))
    place = picture_column(frame, request)
    if place is not None:
        return pictures_of(frame, labelled, place)
    if request.feeding.tokenizer is None:
        return as_table(frame, labelled)
    return as_rows_of_text(request, lambda: texts_of(frame, labelled))

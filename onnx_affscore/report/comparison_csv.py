"""The differences of a comparison for spreadsheets: one row per pair of aligned sites."""

import csv
import io
from dataclasses import fields

from onnx_affscore.comparison import Comparison, Difference
from onnx_affscore.report.table_csv import cell

__all__ = ["comparison_to_csv"]


def comparison_to_csv(comparison: Comparison) -> str:
    """Write the labels of both signatures, how sites were paired, and the fields of a difference.

    Numbers are in full, what is missing is empty.
    """
    names = [field.name for field in fields(Difference)]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["signature_a", "signature_b", "alignment", *names])
    for pair in comparison.pairs:
        head = [cell(text) for text in (pair.a, pair.b, pair.alignment.method)]
        for difference in pair.differences:
            values = [getattr(difference, name) for name in names[:-1]]
            row = [*values, "; ".join(difference.warnings)]
            writer.writerow([*head, *map(cell, row)])
    return stream.getvalue()

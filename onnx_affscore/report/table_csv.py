"""One row per site for spreadsheets and data frames, with every number of the signature."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from onnx_affscore.records import Signature, Status
from onnx_affscore.report.by_class import each_class
from onnx_affscore.report.columns import ADEQUACY, RANKS, TRANSPORT, ordered, score_names
from onnx_affscore.report.names import printable
from onnx_affscore.report.signature_json import to_dict

__all__ = ["cell", "header", "rows", "to_csv"]

_PLACE = ("index", "name", "activation", "params", "role", "scope", "nodes", "input", "output")
_STATE = ("feature_axis", "features", "samples", "status", "reason")
_CLASS = "class"
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # full-width ones count in some locales


def header(signature: Signature) -> list[str]:
    """Return the column names: the contract's, then those that further metrics added."""
    ranks = ordered((key for site in signature.sites for key in site.rank), RANKS)
    solved = ordered((key for site in signature.sites for key in site.transport), TRANSPORT)
    judged = ordered((key for site in signature.sites for key in site.adequacy), ADEQUACY)
    return [
        *_PLACE,
        *_STATE,
        *score_names(signature.sites),
        *(f"rank_{name}" for name in ranks),
        *(f"transport_{name}" for name in solved),
        *(f"adequacy_{name}" for name in judged),
        "warnings",
        *(() if signature.groups is None else (_CLASS,)),
    ]


def rows(signature: Signature) -> list[dict[str, Any]]:
    """Return one flat dictionary per site with the keys of :func:`header`, in its order.

    Where there are scores by class, those of each class follow, with its name as ``class``.
    """
    columns = header(signature)
    return [
        {name: row.get(name) for name in columns}
        for row in (
            *_rows(signature),
            *(
                row | {_CLASS: name}
                for name, own in each_class(signature)
                for row in _rows(own)
                if row["status"] != Status.UNSCORED
            ),
        )
    ]


def _rows(signature: Signature) -> Iterator[dict[str, Any]]:
    for site in to_dict(signature)["sites"]:
        row = {name: site[name] for name in (*_PLACE, *_STATE)}
        row |= site["scores"]
        row |= {f"rank_{name}": value for name, value in site["rank"].items()}
        row |= {f"transport_{name}": value for name, value in site["transport"].items()}
        row |= {f"adequacy_{name}": value for name, value in site["adequacy"].items()}
        row |= {
            "params": json.dumps(site["params"]),
            "nodes": " ".join(site["nodes"]),
            "warnings": "; ".join(site["warnings"]),
        }
        yield row


def to_csv(signature: Signature) -> str:
    """Render the rows as CSV: one line each, numbers in full, what is missing left empty.

    Text that a spreadsheet would run as a formula gets a leading apostrophe; control characters,
    line ends among them, are shown by their escapes.
    """
    stream = io.StringIO()
    columns = header(signature)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(cell, columns))
    writer.writerows([cell(row[name]) for name in columns] for row in rows(signature))
    return stream.getvalue()


def cell(value: object) -> object:
    """Return a value as a cell, text so that no spreadsheet runs it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text

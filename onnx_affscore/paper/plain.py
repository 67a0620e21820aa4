"""Outcomes as plain data, for ``paper.json``."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from onnx_affscore.paper.outcome import Figure, Outcome

__all__ = ["to_plain"]


def to_plain(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return everything but drawings as dictionaries, lists, words and numbers."""
    return {"paper": "arXiv 2310.11439", "experiments": [_outcome(found) for found in outcomes]}


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "experiment": outcome.experiment,
        "title": outcome.title,
        "verdict": str(outcome.verdict),
        "seconds": round(outcome.seconds, 2),
        "missing": list(outcome.missing),
        "notes": list(outcome.notes),
        "checks": [asdict(found) for found in outcome.checks],
        "claims": [asdict(claim) for claim in outcome.claims],
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [list(row) for row in table.rows],
                "note": table.note,
            }
            for table in outcome.tables
        ],
        "figures": [_figure(figure) for figure in outcome.figures],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "title": figure.title,
        "caption": figure.caption,
        "kind": figure.kind,
        "data": _keyed(figure.data),
    }


def _keyed(value: Any) -> Any:
    """JSON has words for keys alone."""
    if isinstance(value, dict):
        return {str(key): _keyed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_keyed(inner) for inner in value]
    return value

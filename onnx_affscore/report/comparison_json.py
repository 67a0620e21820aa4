"""A comparison as JSON, for programs: every number in full, null where there is none."""

import json
from dataclasses import asdict
from typing import Any

from onnx_affscore.comparison import Clustering, Comparison, DistanceMatrix, Member, PairComparison
from onnx_affscore.records import Reading
from onnx_affscore.report.plain_json import plain

__all__ = ["COMPARISON_VERSION", "comparison_to_dict", "comparison_to_json"]

COMPARISON_VERSION = "1.0"  # changes with the fields


def comparison_to_json(comparison: Comparison) -> str:
    """Write a comparison as JSON text, escaped to ASCII."""
    return json.dumps(plain(comparison_to_dict(comparison)), indent=1, allow_nan=False) + "\n"


def comparison_to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data; a number that is missing is null, beside its reason."""
    options = asdict(comparison.options)
    options["roles"] = None if options["roles"] is None else sorted(options["roles"])
    training = comparison.training
    return {
        "comparison_version": COMPARISON_VERSION,
        "method_version": comparison.method_version,
        "options": options,
        "signatures": [_member(member) for member in comparison.members],
        "pairs": [_pair(pair) for pair in comparison.pairs],
        "distances": {name: _matrix(m) for name, m in comparison.distances.items()},
        "clustering": None
        if comparison.clustering is None
        else _clustering(comparison.clustering, comparison.labels),
        "no_clustering": comparison.no_clustering,
        "training": None if training is None else asdict(training),
        "accuracies": dict(comparison.accuracies),
        "associations": [asdict(row) for row in comparison.associations],
        "warnings": list(comparison.warnings),
    }


def _member(member: Member) -> dict[str, Any]:
    signature = member.signature
    data = signature.data
    return {
        "label": member.label,
        "family": member.family,
        "model": {"path": signature.model.path, "sha256": signature.model.sha256},
        "data": {name: data.get(name) for name in ("source", "synthetic", "samples", "sha256")},
        "summary": dict(member.summary),
        "sites": [
            {
                "name": s.name,
                "activation": s.activation,
                "role": str(s.role),
                "affinity": s.affinity,
            }
            for s in signature.sites
        ],
    }


def _pair(pair: PairComparison) -> dict[str, Any]:
    return {
        "a": pair.a,
        "b": pair.b,
        "alignment": asdict(pair.alignment),
        "differences": [asdict(difference) for difference in pair.differences],
        "warnings": list(pair.warnings),
    }


def _matrix(matrix: DistanceMatrix) -> dict[str, Any]:
    return {"values": matrix.values, "reasons": list(matrix.reasons)}


def _clustering(found: Clustering, labels: list[str]) -> dict[str, Any]:
    figures = {name: getattr(found, name) for name in ("cophenetic", "silhouette", "agreement")}
    return {
        "linkage": found.linkage,
        "distance": found.distance,
        "merges": [list(merge) for merge in found.merges],
        "order": [labels[leaf] for leaf in found.order],
        "groups": dict(zip(labels, found.groups, strict=True)),
        "choice": found.choice,
        **{name: _reading(reading) for name, reading in figures.items()},
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {"value": reading.value, "reason": reading.reason}

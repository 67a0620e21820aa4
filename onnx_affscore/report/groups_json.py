"""Scores by class in the signature file, and back."""

from collections.abc import Mapping
from typing import Any

from onnx_affscore.fields import GROUP_SCORES
from onnx_affscore.groups import Group, Groups, GroupSite
from onnx_affscore.records import Signature
from onnx_affscore.report.by_class import each_class
from onnx_affscore.report.plain_json import plain

__all__ = ["groups_of", "groups_to_dict"]


def groups_to_dict(signature: Signature) -> dict[str, Any] | None:
    """Return the scores by class as plain data, each class with its summary."""
    if signature.groups is None:
        return None
    return {
        "by": signature.groups.by,
        "classes": [
            {
                "name": group.name,
                "samples": group.samples,
                "summary": dict(own.summary),
                "sites": [_site(site) for site in group.sites],
            }
            for group, (_, own) in zip(signature.groups.classes, each_class(signature), strict=True)
        ],
    }


def groups_of(document: Mapping[str, Any] | None) -> Groups | None:
    """Read what :func:`groups_to_dict` made; None where a file has none."""
    if document is None:
        return None
    return Groups(
        document["by"],
        tuple(
            Group(entry["name"], entry["samples"], tuple(map(_read, entry["sites"])))
            for entry in document["classes"]
        ),
    )


def _site(site: GroupSite) -> dict[str, Any]:
    return {
        "name": site.name,
        "status": str(site.status),
        "reason": site.reason,
        "samples": site.samples,
        "scores": {name: plain(site.scores.get(name)) for name in GROUP_SCORES},
        "verdict": site.verdict,
    }


def _read(entry: Mapping[str, Any]) -> GroupSite:
    scores = {
        name: float(value) if isinstance(value, int) else value
        for name, value in entry["scores"].items()
    }
    told = {name: entry[name] for name in ("name", "status", "reason", "samples", "verdict")}
    return GroupSite(scores=scores, **told)

"""Findings as SARIF 2.1.0, for the code scanning of GitHub, GitLab and Azure DevOps."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from onnx_affscore.findings import AuditReport, Finding, RuleText, Suppressed
from onnx_affscore.report.names import printable

__all__ = ["findings_to_sarif"]

TOOL: Final = "onnx-affscore"
SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT: Final = "onnxAffscore/v1"


def findings_to_sarif(report: AuditReport) -> str:
    """Render what came of a check as one SARIF run.

    Rules carry their help; a result has a fingerprint that does not hang on values, and points at
    the model file and, as a logical location, at the site. Suppressed findings are results with a
    suppression, as the standard wants it, so that they are shown apart and not lost.
    """
    places = {rule.code: index for index, rule in enumerate(report.rules)}
    results = [_result(finding, report, places) for finding in report.findings]
    for hidden in report.suppressed:
        results.append(
            _result(hidden.finding, report, places) | {"suppressions": [_suppression(hidden)]}
        )
    run = {
        "tool": {"driver": _driver(report.rules)},
        "artifacts": [{"location": _artifact(report), "hashes": {"sha-256": report.model.sha256}}],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {
            "policy": printable(report.policy),
            "baseline": None if report.baseline is None else printable(report.baseline),
            "notes": [printable(note) for note in report.notes],
        },
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _driver(rules: Sequence[RuleText]) -> dict[str, Any]:
    found = {"name": TOOL, "rules": [_rule(rule) for rule in rules]}
    try:
        return found | {"version": version(TOOL), "semanticVersion": version(TOOL)}
    except PackageNotFoundError:  # run from a source tree that is not installed
        return found


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": f"Looks at {rule.looks_at}."},
        "help": {
            "text": f"{rule.why} {rule.advice}",
            "markdown": f"**Why it matters:** {rule.why}\n\n**What to do:** {rule.advice}",
        },
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(finding: Finding, report: AuditReport, places: Mapping[str, int]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(report), "region": {"startLine": 1}}
    }
    if finding.site is not None:
        name = printable(finding.site)
        location["logicalLocations"] = [
            {"name": name.rpartition(".")[2] or name, "fullyQualifiedName": name, "kind": "object"}
        ]
    # "[text](place)" would be a link, section 3.11.6 of the standard
    text = printable(f"{finding.place}: {finding.message}").replace("](", "] (")
    return {
        "ruleId": finding.rule.code,
        "ruleIndex": places[finding.rule.code],
        "level": str(finding.severity),
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {FINGERPRINT: finding.fingerprint},
        "properties": {
            "about": None if finding.about is None else printable(finding.about),
            "value": finding.value,
            "limit": finding.limit,
        },
    }


def _suppression(hidden: Suppressed) -> dict[str, Any]:
    return {
        "kind": "external",
        "status": "accepted",
        "justification": printable(hidden.reason),
        "properties": {"until": hidden.until.isoformat()},
    }


def _artifact(report: AuditReport) -> dict[str, Any]:
    """The model's path as a URI: relative where it is, so that it is found in the repository."""
    path = PurePath(report.model.path)
    text = path.as_uri() if path.is_absolute() else quote(path.as_posix(), errors="replace")
    return {"uri": text, "index": 0}

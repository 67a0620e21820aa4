"""Findings as JSON, for programs: everything in full, with the fingerprint of each."""

import json
from dataclasses import asdict
from typing import Any, Final

from onnx_affscore.findings import AuditReport, Finding, Severity

__all__ = ["FINDINGS_VERSION", "findings_to_dict", "findings_to_json"]

FINDINGS_VERSION: Final = "1.0"  # changes with the fields


def findings_to_json(report: AuditReport) -> str:
    """Write what came of a check as JSON text, escaped to ASCII."""
    return json.dumps(findings_to_dict(report), indent=1, allow_nan=False) + "\n"


def findings_to_dict(report: AuditReport) -> dict[str, Any]:
    """Return what came of a check as plain data."""
    return {
        "findings_version": FINDINGS_VERSION,
        "violated": report.violated,
        "model": {"path": report.model.path, "sha256": report.model.sha256},
        "policy": report.policy,
        "baseline": report.baseline,
        "fail_on": str(report.fail_on),
        "counts": {
            **{str(severity): report.count(severity) for severity in Severity},
            "suppressed": len(report.suppressed),
            "passed": len(report.passed),
        },
        "findings": [_finding(finding) for finding in report.findings],
        "suppressed": [
            {**_finding(s.finding), "reason": s.reason, "until": s.until.isoformat()}
            for s in report.suppressed
        ],
        "rules": [asdict(rule) for rule in report.rules],
        "notes": list(report.notes),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.rule.code,
        "name": finding.rule.name,
        "severity": str(finding.severity),
        "site": finding.site,
        "about": finding.about,
        "value": finding.value,
        "limit": finding.limit,
        "message": finding.message,
        "why": finding.rule.why,
        "advice": finding.rule.advice,
        "fingerprint": finding.fingerprint,
    }

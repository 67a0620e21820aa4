"""Signatures and policies made up for the tests of an audit."""

from datetime import date
from typing import Any

from onnx_affscore.audit.check import Baseline, check
from onnx_affscore.audit.policy import BUILT_IN, parse_policy
from onnx_affscore.findings import AuditReport
from onnx_affscore.records import Signature
from tests.statistics.makers import signature
from tests.statistics.makers import site as plain_site

TODAY = date(2026, 11, 24)
PLAIN = (0.5, 0.6, 0.7)


def with_scores(**scores: Any) -> Signature:
    """Make a signature of one site with these figures."""
    figures = {"affinity": 0.5, "covariance": "empirical", "affinity_std": None} | scores
    return signature([0.5], sites=[{"scores": figures}])


def audited(
    text: str | None, found: Signature, *, base: Signature | None = None, today: date = TODAY
) -> AuditReport:
    """Check a signature with rules in TOML; None is the built-in policy."""
    policy = BUILT_IN if text is None else parse_policy(f"version = 1\n{text}")
    baseline = None if base is None else Baseline(base)
    return check(found, policy, today=today, baseline=baseline)


def codes(report: AuditReport) -> list[str]:
    """Return the codes of the findings that count."""
    return [finding.rule.code for finding in report.findings]


__all__ = ["PLAIN", "TODAY", "audited", "codes", "plain_site", "signature", "with_scores"]

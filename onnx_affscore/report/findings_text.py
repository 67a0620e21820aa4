"""Findings for the terminal: the gravest first, why each matters, and what can be done."""

from collections.abc import Iterator, Sequence

from onnx_affscore.findings import AuditReport, Finding, RuleText, Severity
from onnx_affscore.report.names import printable, shorten, wrap

__all__ = ["findings_to_text", "verdict_line"]

WIDTH = 80
_LISTED = 10  # places of one rule on the terminal; the files hold all of them


def findings_to_text(report: AuditReport, *, width: int = WIDTH) -> str:
    """Render what came of a check; findings of one rule stand together."""
    lines = [
        _line(f"Model     {report.model.path}", width),
        _line(f"Policy    {report.policy}", width),
    ]
    if report.baseline is not None:
        lines.append(_line(f"Baseline  {report.baseline}", width))
    for severity in Severity:
        for rule in report.rules:
            found = [f for f in report.findings if f.rule == rule and f.severity is severity]
            lines += _group(severity, rule, found, width)
    if report.suppressed:
        lines += ["", "Suppressed:"]
        for hidden in report.suppressed:
            what = f"{hidden.finding.rule.code} {hidden.finding.place}"
            lines += _wrapped(f"- {what}, until {hidden.until}: {hidden.reason}", width, 2)
    if report.notes:
        lines += ["", "Notes:"]
        for note in report.notes:
            lines += _wrapped(f"- {note}", width, 2)
    lines += ["", *_wrapped(verdict_line(report), width, 0)]
    return "\n".join(lines) + "\n"


def verdict_line(report: AuditReport) -> str:
    """Say in a line whether the policy is kept, and count."""
    counts = [(report.count(severity), severity) for severity in Severity]
    found = ", ".join(f"{n} {kind}{'s' if n != 1 else ''}" for n, kind in counts)
    hidden = f", {len(report.suppressed)} suppressed" if report.suppressed else ""
    verdict = "policy violated" if report.violated else "policy kept"
    return f"{verdict}: {found}{hidden}; {len(report.passed)} checks passed"


def _group(
    severity: Severity, rule: RuleText, found: Sequence[Finding], width: int
) -> Iterator[str]:
    if not found:
        return
    yield ""
    yield f"{severity} {rule.code} {rule.name}"
    for finding in found[:_LISTED]:
        yield from _wrapped(f"- {finding.place}: {finding.message}", width, 4, first=2)
    if len(found) > _LISTED:
        yield f"  - and {len(found) - _LISTED} more"
    yield from _wrapped(f"Why: {rule.why}", width, 4, first=2)
    yield from _wrapped(f"Do:  {rule.advice}", width, 4, first=2)


def _line(text: str, width: int) -> str:
    return shorten(printable(text), width)


def _wrapped(text: str, width: int, indent: int, *, first: int = 0) -> Iterator[str]:
    for number, line in enumerate(wrap(printable(text), width - indent)):
        yield " " * (indent if number else first) + line

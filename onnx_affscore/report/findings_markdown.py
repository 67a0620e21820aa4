"""Findings as Markdown, for a pull request: the verdict, a table of the gravest, the rest folded.

Names go into code spans, where neither markup nor mentions work; other text is escaped.
"""

from collections.abc import Iterator, Sequence

from onnx_affscore.findings import AuditReport, Finding, RuleText, Severity
from onnx_affscore.report.findings_text import verdict_line
from onnx_affscore.report.markdown import code_span, escaped

__all__ = ["findings_to_markdown"]

_WORST = 10  # rows before the folds
_MARKS = {Severity.ERROR: "❌", Severity.WARNING: "⚠️", Severity.NOTE: "ℹ️"}
_CUT = 160  # characters of a message in the table; the folds have all of it


def findings_to_markdown(report: AuditReport) -> str:
    """Render what came of a check; GitHub and GitLab fold the details away."""
    against = "" if report.baseline is None else f", baseline {code_span(report.baseline)}"
    lines = [
        f"### {'❌' if report.violated else '✅'} Non-linearity of {code_span(report.model.path)}",
        "",
        f"**{escaped(verdict_line(report))}** (policy {code_span(report.policy)}{against})",
        "",
        *_worst(report.findings),
    ]
    for rule in report.rules:
        lines += _details(rule, [f for f in report.findings if f.rule == rule])
    if report.suppressed:
        items = (
            f"- {s.finding.rule.code} {code_span(s.finding.place)}, until {s.until}: "
            f"{escaped(s.reason)}"
            for s in report.suppressed
        )
        lines += _folded(f"{len(report.suppressed)} suppressed", items)
    if report.notes:
        lines += _folded("Notes", (f"- {escaped(note)}" for note in report.notes))
    return "\n".join(lines) + "\n"


def _worst(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield "| | rule | where | found |"
    yield "|---|---|---|---|"
    for finding in findings[:_WORST]:
        message = finding.message
        short = message if len(message) <= _CUT else f"{message[: _CUT - 3]}..."
        rule = f"{finding.rule.code} {finding.rule.name}"
        yield (
            f"| {_MARKS[finding.severity]} | {rule} | {code_span(finding.place)} "
            f"| {escaped(short)} |"
        )
    if len(findings) > _WORST:
        yield ""
        yield f"and {len(findings) - _WORST} more below."
    yield ""


def _details(rule: RuleText, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    items = [f"- {code_span(f.place)}: {escaped(f.message)}" for f in findings]
    texts = (f"**Why it matters:** {rule.why}", "", f"**What to do:** {rule.advice}", "")
    yield from _folded(f"{rule.code} {rule.name}: {len(findings)}", (*texts, *items))


def _folded(title: str, lines: Iterator[str] | Sequence[str]) -> Iterator[str]:
    yield "<details>"
    yield f"<summary>{title}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
    yield ""

"""Findings as JUnit XML: one test case for each rule and place, for the test page of a pipeline."""

from typing import Final, TypeAlias
from xml.etree import ElementTree

from onnx_affscore.findings import AuditReport, Finding, Passed, Suppressed
from onnx_affscore.report.names import printable

__all__ = ["findings_to_junit"]

_SUITE: Final = "onnx-affscore check"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
Case: TypeAlias = Finding | Passed | Suppressed


def findings_to_junit(report: AuditReport) -> str:
    """Render one ``testsuite`` with a case for all that was looked at.

    Findings that violate the policy are failures; the less grave stand in ``system-out`` of a
    case that passes, suppressed ones are skipped. Characters that XML cannot hold are written as
    escapes.
    """
    cases: list[Case] = [*report.findings, *report.suppressed, *report.passed]
    failures = sum(f.severity.weight <= report.fail_on.weight for f in report.findings)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": _SUITE} | counts)
    suite = ElementTree.SubElement(
        root,
        "testsuite",
        {"name": printable(report.model.path)} | counts | {"skipped": str(len(report.suppressed))},
    )
    known = ElementTree.SubElement(suite, "properties")
    for name, value in {
        "model.sha256": report.model.sha256,
        "policy": report.policy,
        "baseline": report.baseline or "none",
    }.items():
        ElementTree.SubElement(known, "property", name=name, value=printable(value))
    suite.extend(_case(case, report) for case in cases)
    ElementTree.indent(root, " ")
    return _DECLARATION + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(case: Case, report: AuditReport) -> ElementTree.Element:
    finding = case.finding if isinstance(case, Suppressed) else case
    rule = finding.rule
    place = finding.place if finding.site is None else " ".join(filter(None, _names(finding)))
    made = ElementTree.Element(
        "testcase", classname=f"{rule.code} {rule.name}", name=printable(place)
    )
    if isinstance(case, Suppressed):
        why = f"suppressed until {case.until}: {case.reason}"
        ElementTree.SubElement(made, "skipped", message=printable(why))
    elif isinstance(case, Finding):
        message = printable(case.message)
        if case.severity.weight <= report.fail_on.weight:
            failure = ElementTree.SubElement(
                made, "failure", type=str(case.severity), message=message
            )
            failure.text = f"{message}\nWhy: {rule.why}\nDo: {rule.advice}"
        else:
            ElementTree.SubElement(made, "system-out").text = f"{case.severity}: {message}"
    return made


def _names(finding: Finding | Passed) -> tuple[str | None, str | None]:
    return finding.site, finding.about

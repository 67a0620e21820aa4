"""Findings for people and machines: ONE table of formats, each one file of this folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import final

from onnx_affscore.findings import AuditReport
from onnx_affscore.report.files import STDOUT, write
from onnx_affscore.report.findings_json import findings_to_json
from onnx_affscore.report.findings_junit import findings_to_junit
from onnx_affscore.report.findings_markdown import findings_to_markdown
from onnx_affscore.report.findings_sarif import findings_to_sarif
from onnx_affscore.report.findings_text import findings_to_text
from onnx_affscore.report.planning import planned_files

__all__ = ["FINDING_FORMATS", "FindingFormat", "planned_findings", "write_findings"]


@final
@dataclass(frozen=True, slots=True)
class FindingFormat:
    """A kind of file: what renders it, and a line of help."""

    render: Callable[[AuditReport], str]
    description: str


FINDING_FORMATS: Mapping[str, FindingFormat] = {
    "text": FindingFormat(findings_to_text, "for the terminal"),
    "json": FindingFormat(findings_to_json, "everything, for programs"),
    "markdown": FindingFormat(findings_to_markdown, "for a pull request"),
    "junit": FindingFormat(findings_to_junit, "JUnit XML, for the test page of a pipeline"),
    "sarif": FindingFormat(findings_to_sarif, "SARIF 2.1.0, for code scanning"),
}


def planned_findings(
    files: Mapping[str, str | None], kind: str, output: str, *, quiet: bool = False
) -> list[tuple[str, str]]:
    """Return format and path of all that is to be written of the findings.

    ``output`` is where the format ``kind`` goes. Where it is a file, and nothing else goes to
    stdout, the text for the terminal goes there too. Raises as
    :func:`~onnx_affscore.report.planning.planned_files` does.
    """
    taken = STDOUT in files.values()
    asked = dict(files)
    if output != STDOUT or kind != "text":
        asked["output"] = output
    plan = [
        (kind if name == "output" else name, path)
        for name, path in planned_files(asked, figures=())
    ]
    if all(path != STDOUT for _, path in plan) and not (taken or quiet):
        plan.append(("text", STDOUT))
    return [(name, path) for name, path in plan if name in FINDING_FORMATS]


def write_findings(report: AuditReport, name: str, path: str | PathLike[str]) -> None:
    """Write what came of a check in one of :data:`FINDING_FORMATS`, ``-`` being stdout."""
    write(path, FINDING_FORMATS[name].render(report))

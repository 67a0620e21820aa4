"""Findings in every format: valid by the official schemas, and harmless whatever the names."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from jsonschema import Draft4Validator, FormatChecker, ValidationError

from onnx_affscore.errors import OptionError
from onnx_affscore.findings import AuditReport, Severity
from onnx_affscore.report.findings_json import findings_to_dict
from onnx_affscore.report.findings_output import (
    FINDING_FORMATS,
    planned_findings,
    write_findings,
)
from tests.report.conftest import HOSTILE, LONG
from tests.report.findings_made import DRIFT, XML_TRAPS, clean, report

SCHEMAS = Path(__file__).parent / "schemas"
GOLDEN = Path(__file__).parent / "golden"
SARIF = Draft4Validator(
    json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text()), format_checker=FormatChecker()
)
JUNIT = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
REPORTS = {"all": report(), "plain": report(hostile=False), "clean": clean()}
SUFFIXES = {"text": "txt", "json": "json", "markdown": "md", "junit": "xml", "sarif": "sarif"}


def rendered(name: str, found: AuditReport) -> str:
    return FINDING_FORMATS[name].render(found)


@pytest.mark.parametrize("found", REPORTS.values(), ids=REPORTS)
def test_sarif_keeps_the_schema_of_the_standard(found: AuditReport) -> None:
    SARIF.validate(json.loads(rendered("sarif", found)))


def test_the_schema_of_sarif_has_teeth() -> None:
    document = json.loads(rendered("sarif", report()))
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(ValidationError, match="'fatal' is not one of"):
        SARIF.validate(document)


@pytest.mark.parametrize("found", REPORTS.values(), ids=REPORTS)
def test_junit_keeps_the_schema_of_jenkins(found: AuditReport) -> None:
    JUNIT.validate(rendered("junit", found))


def test_the_schema_of_junit_has_teeth() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        JUNIT.validate(rendered("junit", report()).replace(' name="layer1.act"', ""))


@pytest.mark.parametrize("name", FINDING_FORMATS)
def test_every_format_is_as_agreed_on(name: str) -> None:
    text = rendered(name, report(hostile=False))
    text = re.sub(r'"(version|semanticVersion)": "0[^"]*"', r'"\1": "0"', text)
    golden = GOLDEN / f"findings.{SUFFIXES[name]}"
    if not golden.exists():  # renewed: read the new file, then run again
        golden.write_text(text, "utf-8")
        pytest.fail(f"{golden} was written")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("name", FINDING_FORMATS)
def test_no_name_steers_a_terminal_or_breaks_a_file(name: str) -> None:
    text = rendered(name, report())
    text.encode()  # no half of a surrogate pair
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e\ufffe]", text)


def test_markdown_holds_no_markup_of_names() -> None:
    text = rendered("markdown", report())
    outside = re.sub(r"(`+) ?.*?[^`] ?\1(?!`)", "", text)
    for trap in ("<script>", "\n=HYPERLINK", "alert(1)</script>"):
        assert trap not in outside
    assert text.count("<details>") == text.count("</details>") > 0
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}


def test_markdown_shows_the_worst_and_folds_the_rest() -> None:
    found = report()
    many = tuple(replace(found.findings[0], site=f"act.{i}") for i in range(30))
    text = rendered("markdown", replace(found, findings=many))
    table, _, folded = text.partition("<details>")
    assert table.count("act.") == 10
    assert "and 20 more below" in table
    assert folded.count("act.") == 30


def test_the_terminal_shows_no_line_wider_than_it_is() -> None:
    for line in rendered("text", report()).splitlines():
        assert len(line) <= 80


def test_junit_has_a_case_for_each_rule_and_place_and_counts_them() -> None:
    root = ElementTree.fromstring(rendered("junit", report()))
    (suite,) = root
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == 7
    assert len(suite.findall("testcase/failure")) == int(suite.attrib["failures"]) == 2
    assert len(suite.findall("testcase/skipped")) == int(suite.attrib["skipped"]) == 1
    assert [case.get("classname") for case in cases][:2] == ["AFF101 site-drift"] * 2
    assert cases[2].findtext("system-out", "").startswith("warning: 0.75")


def test_junit_fails_what_the_policy_does_not_allow() -> None:
    strict = replace(report(), fail_on=Severity.NOTE)
    root = ElementTree.fromstring(rendered("junit", strict))
    assert len(root.findall("testsuite/testcase/failure")) == 4


def test_sarif_has_help_fingerprints_suppressions_and_places() -> None:
    found = report()
    (run,) = json.loads(rendered("sarif", found))["runs"]
    rules = run["tool"]["driver"]["rules"]
    results = run["results"]
    assert [rule["id"] for rule in rules] == ["AFF101", "AFF201", "AFF301"]
    assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules)
    for result, finding in zip(
        results, (*found.findings, found.suppressed[0].finding), strict=True
    ):
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule.code
        assert result["partialFingerprints"] == {"onnxAffscore/v1": finding.fingerprint}
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "models/net.onnx"
        assert ("logicalLocations" in location) == (finding.site is not None)
    assert [len(result.get("suppressions", ())) for result in results] == [0, 0, 0, 0, 1]
    assert results[4]["suppressions"][0]["justification"].startswith("known")
    assert results[2]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == LONG


def test_no_name_becomes_a_link_of_sarif() -> None:
    found = report()
    trap = replace(found.findings[0], site="[click](https://example.org)")
    (run,) = json.loads(rendered("sarif", replace(found, findings=(trap,))))["runs"]
    assert "](" not in run["results"][0]["message"]["text"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [("a b/ü#1.onnx", "a%20b/%C3%BC%231.onnx"), ("/m/x y.onnx", "file:///m/x%20y.onnx")],
)
def test_paths_become_uris(path: str, uri: str) -> None:
    (run,) = json.loads(rendered("sarif", report(path=path)))["runs"]
    assert run["artifacts"][0]["location"]["uri"] == uri


def test_json_holds_everything() -> None:
    document = json.loads(rendered("json", report()))
    assert document == findings_to_dict(report())
    assert document["violated"] is True
    assert document["counts"] == {
        "error": 2, "warning": 1, "note": 1, "suppressed": 1, "passed": 2,
    }  # fmt: skip
    first = document["findings"][0]
    assert {first[key] for key in ("why", "advice")} == {DRIFT.why, DRIFT.advice}
    assert document["findings"][1]["site"] == HOSTILE
    assert document["policy"] == XML_TRAPS
    assert document["suppressed"][0]["until"] == "2027-01-31"


@pytest.mark.parametrize(
    ("files", "kind", "output", "quiet", "plan"),
    [
        ({}, "text", "-", False, [("text", "-")]),
        ({}, "text", "-", True, []),
        ({}, "json", "-", True, [("json", "-")]),
        ({}, "sarif", "-", False, [("sarif", "-")]),
        ({}, "sarif", "s.sarif", False, [("sarif", "s.sarif"), ("text", "-")]),
        ({"json": "-"}, "text", "-", False, [("json", "-")]),
        ({"json": "j.json"}, "text", "-", False, [("json", "j.json"), ("text", "-")]),
        ({"json": "j.json"}, "junit", "j.xml", True, [("json", "j.json"), ("junit", "j.xml")]),
        ({"signature": "-"}, "text", "-", False, []),
    ],
)
def test_what_goes_where(
    files: dict[str, str | None], kind: str, output: str, quiet: bool, plan: list[tuple[str, str]]
) -> None:
    assert planned_findings(files, kind, output, quiet=quiet) == plan


def test_two_things_for_stdout_are_refused() -> None:
    with pytest.raises(OptionError, match="two files for stdout"):
        planned_findings({"json": "-"}, "sarif", "-")


def test_a_file_is_written(tmp_path: Path) -> None:
    write_findings(report(), "junit", tmp_path / "j.xml")
    JUNIT.validate(str(tmp_path / "j.xml"))

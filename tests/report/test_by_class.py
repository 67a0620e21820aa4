"""Scores by class in every format, whatever the classes are called and however many they are."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from onnx_affscore.errors import DataError
from onnx_affscore.groups import Group, Groups, GroupSite
from onnx_affscore.records import Signature, Status
from onnx_affscore.report.comparison_input import collect
from onnx_affscore.report.html import to_html
from onnx_affscore.report.markdown import to_markdown
from onnx_affscore.report.names import cells
from onnx_affscore.report.schema import violations
from onnx_affscore.report.signature_json import dumps, loads
from onnx_affscore.report.table_csv import to_csv
from onnx_affscore.report.text import to_text
from onnx_affscore.statistics.compare import compare
from tests.report.conftest import HOSTILE
from tests.report.test_html import Page


def classed(signature: Signature, names: list[str]) -> Signature:
    """Give every class the affinities of the whole, less a hundredth a class."""
    sites = [site for site in signature.sites if site.status != Status.UNSCORED]

    def group(place: int, name: str) -> Group:
        found = [
            GroupSite(
                site.name, site.status, site.reason, 10 + place,
                {**dict.fromkeys(("affinity_low", "affinity_high", "affinity_std")),
                 "covariance": "empirical",
                 "affinity": None if site.affinity is None else site.affinity - place / 100},
                None if site.affinity is None else "few samples",
            )
            for site in sites
        ]  # fmt: skip
        return Group(name, 10 + place, tuple(found))

    groups = Groups("label", tuple(group(i, name) for i, name in enumerate(names)))
    return replace(signature, groups=groups)


def test_the_table_of_classes_stands_under_that_of_the_sites(signature: Signature) -> None:
    lines = to_text(classed(signature, ["cat", "dog"])).splitlines()
    start = lines.index("Affinity by label:")
    assert lines[start + 1].split() == ["#", "name", "cat", "dog"]
    assert lines[start + 2].split()[-2:] == [".5500", ".5400"]
    assert any(line.split() == ["samples", "10", "11"] for line in lines)
    assert any("0 of 54 scores by class have one of 95 %; 54 few samples" in x for x in lines)
    assert any("degenerate, classes cat, dog: the output is constant" in x for x in lines)
    assert not any("by label" in line for line in to_text(signature).splitlines())


@pytest.mark.parametrize(
    "names", [[HOSTILE], ["層" * 9, HOSTILE], [f"class {i}" for i in range(40)]]
)
def test_no_line_is_wider_than_the_terminal(signature: Signature, names: list[str]) -> None:
    text = to_text(classed(signature, names))
    for line in text[:-1].split("\n"):
        assert line.isprintable()
        assert cells(line) <= 80
    assert ("more classes, in the files" in text) == (len(names) == 40)


def test_names_of_classes_are_whole_where_all_of_them_fit(signature: Signature) -> None:
    few = to_text(classed(signature, ["china", "flower", "wheelbarrows"]), width=80)
    assert "  china  flower  wheelbarrows\n" in few
    many = to_text(classed(signature, [f"{k}flower" for k in range(30)]), width=80)
    assert "  0...r  1...r" in many


def test_the_csv_file_has_a_row_per_site_and_class(signature: Signature) -> None:
    found = classed(signature, ["cat", "dog"])
    table = list(csv.DictReader(io.StringIO(to_csv(found), newline="")))
    by_class = {name: [row for row in table if row["class"] == name] for name in ("", "cat", "dog")}
    assert len(by_class[""]) == len(signature.sites)
    assert len(by_class["cat"]) == len(by_class["dog"]) == 29
    wanted = signature.sites[0].affinity
    assert wanted is not None
    assert float(by_class["dog"][0]["affinity"]) == wanted - 0.01
    assert by_class["dog"][0]["cka"] == ""
    assert "class" not in csv.DictReader(io.StringIO(to_csv(signature), newline="")).__next__()


def test_the_page_has_a_coloured_table_and_no_name_is_markup(signature: Signature) -> None:
    page = to_html(classed(signature, ["cat", HOSTILE]))
    found = Page(page)
    assert found.open == []
    assert found.tags.count("script") == 2
    assert found.tags.count("table") == 4
    assert page.count('class="num heat"') == 54
    assert 'style="--v:0%" title="few samples">0.9500</td>' in page
    assert "<h2>By label</h2>" in page
    assert "By label" not in to_html(signature)


def test_the_pull_request_has_the_matrix_folded_away(signature: Signature) -> None:
    text = to_markdown(classed(signature, [f"class|{i}" for i in range(14)]))
    assert "<summary>Scores by label, 14 classes</summary>" in text
    assert "| # | name | `class\\|0` | `class\\|1` |" in text
    assert "2 more in the signature file." in text
    assert "| | mean | " in text
    assert to_markdown(signature).count("<summary>") == 1


def test_the_file_is_valid_and_read_again(signature: Signature) -> None:
    found = classed(signature, ["cat", HOSTILE])
    document = json.loads(dumps(found))
    assert list(violations(document)) == []
    assert document["groups"]["classes"][0]["summary"]["scored"] == 27
    assert loads(dumps(found)).groups == found.groups
    del document["groups"]["classes"][0]["sites"][0]["verdict"]
    assert list(violations(document)) == ["groups.classes[0].sites[0] has no field 'verdict'"]


def test_classes_of_one_file_are_compared(signature: Signature, tmp_path: Path) -> None:
    path = tmp_path / "signature.json"
    classed(signature, ["cat", "dog"]).to_json(path)
    found = collect([f"{path}#cat", f"{path}#dog", str(path)])
    name = tmp_path.name
    assert found.labels == (f"{name}#cat", f"{name}#dog", name)
    assert found.files == (str(path),) * 3
    comparison = compare(found.signatures[:2], labels=found.labels[:2])
    (pair,) = comparison.pairs
    assert [round(d.difference, 9) for d in pair.differences] == [-0.01] * 27
    with pytest.raises(DataError, match="no class 'cow'; the signature has cat, dog"):
        collect([f"{path}#cow"])


def test_one_class_of_two_models_is_of_the_same_data(signature: Signature) -> None:
    a, b = (classed(signature, names) for names in (["cat", "dog"], ["cat", "owl"]))
    assert a.of_class("cat").data == b.of_class("cat").data
    assert a.of_class("dog").data["sha256"] != a.of_class("cat").data["sha256"]
    assert a.of_class("dog").data["source"] == "digits.npz, class dog"


def test_a_file_with_such_a_name_is_the_file(signature: Signature, tmp_path: Path) -> None:
    path = tmp_path / "a.json#b"
    signature.to_json(path)
    assert collect([str(path)]).signatures[0].sites == signature.sites

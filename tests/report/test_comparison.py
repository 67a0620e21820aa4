"""A comparison as text, JSON, CSV and pictures: complete, harmless, and never NaN."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.comparison import Comparison, Difference
from onnx_affscore.errors import OptionError
from onnx_affscore.report.comparison_csv import comparison_to_csv
from onnx_affscore.report.comparison_json import comparison_to_dict, comparison_to_json
from onnx_affscore.report.comparison_output import (
    KINDS,
    write_all_kinds,
    write_kind,
)
from onnx_affscore.report.comparison_text import comparison_to_text
from onnx_affscore.report.names import cells
from onnx_affscore.statistics.compare import compare
from onnx_affscore.statistics.distances import DISTANCES
from tests.report.conftest import HOSTILE, LONG
from tests.statistics.makers import signature, waves

LABELS = [f"epoch{i}" for i in range(6)]


def known(values: list[float], **changed: Any) -> Any:
    return signature(values, sites=[{"std": 0.01}] * len(values), **changed)


@pytest.fixture(scope="module")
def whole() -> Comparison:
    """Everything that a comparison can hold."""
    return compare(
        waves(),
        labels=LABELS,
        families=["low"] * 3 + ["high"] * 3,
        accuracies=dict(zip(LABELS, [0.9, 0.92, 0.91, 0.8, 0.81, 0.79], strict=True)),
        checkpoints=True,
    )


@pytest.fixture(scope="module")
def bare() -> Comparison:
    """As little as a comparison can hold: one of the signatures is empty."""
    return compare([signature([0.5]), signature([])], labels=["full", "empty"], accuracies={})


@pytest.fixture(scope="module")
def tested() -> Comparison:
    """Differences with errors: one plain, one within chance, one site of another covariance."""
    ledoit = {"scores": {"affinity": 0.6, "covariance": "ledoit-wolf"}}
    a = known([0.5, 0.5, 0.5])
    b = signature([0.7, 0.51, 0.6], sites=[{"std": 0.01}, {"std": 0.01}, ledoit])
    return compare([a, b], labels=["a", "b"])


def text_lines(comparison: Comparison) -> list[str]:
    text = comparison_to_text(comparison)
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert line.isprintable()
        assert cells(line) <= 80, line
    return text.splitlines()


def section(comparison: Comparison, title: str) -> list[str]:
    lines = text_lines(comparison)
    (start,) = (i for i, line in enumerate(lines) if line.startswith(title))
    rest = lines[start + 1 :]
    return rest[: rest.index("") if "" in rest else len(rest)]


def test_the_text_has_every_part(whole: Comparison) -> None:
    for title in (
        "Statistics", "Training, steps from the numbers in the names", "Distances (dtw)",
        "Tree (average linkage", "Site by site, from epoch0", "Differing sites",
        "Accuracy against statistics", "Notes",
    ):  # fmt: skip
        assert section(whole, title), title
    assert "  agreement with families (adjusted Rand index): 1.0000" in text_lines(whole)


def test_the_tree_joins_what_is_near_first(whole: Comparison) -> None:
    lines = section(whole, "Tree (average linkage")
    assert whole.clustering is not None
    leaves = [line.split()[-2] for line in lines if "epoch" in line]
    assert leaves == [LABELS[i] for i in whole.clustering.order]
    heights = [float(line.split()[-1]) for line in lines if "epoch" not in line]
    assert heights[0] == pytest.approx(max(m[2] for m in whole.clustering.merges), abs=5e-4)
    assert len(heights) == 5


def test_significance_is_told_and_doubt_as_well(tested: Comparison) -> None:
    first, second, third = section(tested, "Differing sites")[1:]
    assert first.split() == ["act.0", "0.5000", "0.7000", "+0.2000", "+-0.0277", "<0.0001"]
    assert third.endswith("0.4795 not significant")
    assert second.endswith("unknown")
    (row,) = section(tested, "Site by site")[1:]
    assert "1 of 2" in row
    notes = " ".join(line.strip() for line in section(tested, "Notes"))
    assert "not comparable: the covariance is empirical against ledoit-wolf" in notes
    assert "no error known: no standard error was measured (pairs of sites: 1)" in notes


def test_sites_that_changed_in_kind_are_named() -> None:
    kinds = [{"activation": name} for name in ("Relu", "PRelu", "Silu", "Tanh")]
    a = signature([0.2, 0.9, 0.5, 0.4], sites=kinds)
    changed = [kinds[0], {"activation": "Relu"}, {"name": "extra", "features": 2}, *kinds[2:]]
    b = signature([0.2, 0.5, 0.9, 0.5, 0.4], sites=changed)
    found = compare([a, b], labels=["a", "b"])
    notes = " ".join(line.strip() for line in section(found, "Notes"))
    assert (
        "- b has sites without a partner in a: extra (Relu) - act.1 is Relu in b, PRelu in a"
        in notes
    )
    first, *_ = section(found, "Differing sites")[1:]
    assert first.split()[:4] == ["act.1", "0.9000", "0.5000", "-0.4000"]


def test_what_is_missing_has_its_reason_in_the_text(bare: Comparison) -> None:
    text = " ".join(" ".join(text_lines(bare)).split())
    assert "no clusters: a signature has no scored site" in text
    assert "0 points; a correlation needs three (coefficients: 12)" in text


def test_many_signatures_are_told_by_their_nearest_and_by_groups() -> None:
    found = compare([*waves(), *waves(seed=1), *waves(seed=2)], labels=list("abcdefghijklmnopqr"))
    assert section(found, "Distances")[0].split() == ["signature", "nearest", "distance"]
    first, second = section(found, "Groups (average linkage)")
    members = [set(line.partition(":")[2].replace(",", "").split()) for line in (first, second)]
    assert sorted(map(sorted, members)) == [list("abcghimno"), list("defjklpqr")]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=50), min_size=2, max_size=14, unique=True), st.text(max_size=40))
def test_no_name_breaks_the_table_or_the_terminal(labels: list[str], name: str) -> None:
    sites = [{"name": name, "activation": name}, {"name": f"{name}2"}]
    many = [signature([0.1 * (i % 7), 0.5], sites=sites, path=name) for i, _ in enumerate(labels)]
    found = compare(many, labels=labels, families=labels, accuracies=dict.fromkeys(labels, 1.0))
    text_lines(found)


@pytest.mark.parametrize("name", ["whole", "bare", "tested"])
def test_json_has_every_number_and_no_nan(name: str, request: pytest.FixtureRequest) -> None:
    comparison = request.getfixturevalue(name)
    text = comparison_to_json(comparison)
    document = json.loads(text, parse_constant=pytest.fail)
    assert text.isascii()
    assert next(iter(document)) == "comparison_version"
    assert document == json.loads(json.dumps(comparison_to_dict(comparison)))
    assert list(document["distances"]) == list(DISTANCES)
    assert [s["label"] for s in document["signatures"]] == comparison.labels
    for pair, found in zip(document["pairs"], comparison.pairs, strict=True):
        for entry, difference in zip(pair["differences"], found.differences, strict=True):
            assert set(entry) == {field.name for field in fields(Difference)}
            assert entry["difference"] == difference.difference
            assert (entry["std"] is None) == (entry["reason"] is not None)
    _nulls_have_reasons(document)


def test_an_end_of_an_interval_beyond_all_floats_is_null_in_json() -> None:
    """A damaged file may hold such an error of a score; JSON has no infinity."""
    a, b = (signature([0.5], sites=[{"std": std}]) for std in (1.2e308, 0.01))
    comparison = compare([a, b], labels=["a", "b"])
    (pair,) = json.loads(comparison_to_json(comparison), parse_constant=pytest.fail)["pairs"]
    assert [(e["low"], e["high"]) for e in pair["differences"]] == [(None, None)]


def _nulls_have_reasons(document: Mapping[str, Any]) -> None:
    for matrix in document["distances"].values():
        missing = any(cell is None for row in matrix["values"] for cell in row)
        assert missing == bool(matrix["reasons"])
    assert (document["clustering"] is None) == (document["no_clustering"] is not None)
    for row in document["associations"]:
        assert (row["value"] is None) == (row["reason"] is not None)


def test_csv_has_a_row_for_each_pair_of_sites(tested: Comparison) -> None:
    rows = list(csv.DictReader(io.StringIO(comparison_to_csv(tested))))
    assert [row["site_b"] for row in rows] == ["act.0", "act.1", "act.2"]
    assert [row["alignment"] for row in rows] == ["name"] * 3
    assert float(rows[0]["difference"]) == tested.pairs[0].differences[0].difference
    assert rows[2]["p"] == ""
    assert rows[2]["reason"] == "no standard error was measured"
    assert "ledoit-wolf" in rows[2]["warnings"]


def test_no_name_becomes_a_formula_or_steers_a_terminal() -> None:
    sites = [{"name": "=1+1"}, {"name": HOSTILE}]
    made = [signature([0.5, 0.6], sites=sites)] * 2
    found = compare(made, labels=[LONG, HOSTILE])
    text = comparison_to_csv(found)
    assert "'=1+1" in text
    assert "\x1b" not in text + comparison_to_json(found)
    text_lines(found)


def test_a_folder_gets_what_the_comparison_has(whole: Comparison, tmp_path: Any) -> None:
    written = write_all_kinds(whole, tmp_path / "all")
    assert [path.name for path in written] == [kind.name for kind in KINDS.values()]
    assert all(path.stat().st_size > 100 for path in written)


def test_a_folder_goes_without_what_it_has_not(bare: Comparison, tmp_path: Any) -> None:
    names = {path.name for path in write_all_kinds(bare, tmp_path)}
    assert names == {
        "comparison.json", "differences.csv", "comparison.txt", "signatures.svg", "heat_map.svg",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("dendrogram", "no dendrogram: no clusters: a signature has no scored site"),
        ("curves", "only with --checkpoints"),
        ("scatter", "given with --accuracy"),
    ],
)
def test_a_figure_of_nothing_is_refused(
    kind: str, message: str, bare: Comparison, tmp_path: Any
) -> None:
    with pytest.raises(OptionError, match=message):
        write_kind(bare, kind, tmp_path / "x.png")

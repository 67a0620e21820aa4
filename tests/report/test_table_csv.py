"""The CSV table: every number, one line a site, nothing that a spreadsheet would run."""

import csv
import io
import sys
from dataclasses import replace

import pytest

from onnx_affscore.errors import MissingExtraError
from onnx_affscore.records import Signature
from onnx_affscore.report.columns import ADEQUACY, SCORES
from onnx_affscore.report.table_csv import header, rows, to_csv


def read(signature: Signature) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(signature), newline="")))


def named(signature: Signature, name: str) -> Signature:
    return replace(signature, sites=(replace(signature.sites[0], name=name),))


def test_there_is_one_line_per_site_with_all_scores(signature: Signature) -> None:
    assert len(to_csv(signature).splitlines()) == 1 + len(signature.sites)
    for row, site in zip(read(signature), signature.sites, strict=True):
        for name in SCORES:
            value = site.scores[name]
            assert row[name] == ("" if value is None else str(value))


def test_the_columns_do_not_depend_on_what_was_measured(signature: Signature) -> None:
    bare = replace(signature.sites[0], scores={"affinity": 0.5}, rank={}, transport={}, adequacy={})
    assert header(replace(signature, sites=(bare,))) == header(signature)
    assert header(replace(signature, sites=())) == header(signature)


def test_a_further_metric_gets_a_column_behind_the_others(signature: Signature) -> None:
    site = signature.sites[0]
    more = replace(site, scores={**site.scores, "procrustes": 0.25})
    table = read(replace(signature, sites=(site, more)))
    assert [row["procrustes"] for row in table] == ["", "0.25"]
    names = header(replace(signature, sites=(more,)))
    assert names[names.index(SCORES[-1]) + 1] == "procrustes"


def test_what_is_known_of_n_has_columns_of_its_own(signature: Signature) -> None:
    for row, site in zip(read(signature), signature.sites, strict=True):
        for name in ADEQUACY:
            value = site.adequacy[name]
            assert row[f"adequacy_{name}"] == ("" if value is None else str(value))


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1"])
def test_text_that_looks_like_a_formula_is_disarmed(signature: Signature, start: str) -> None:
    assert read(named(signature, start))[0]["name"] == f"'{start}"


@pytest.mark.parametrize("name", ["a\nb", "a\r\nb", "\t=1", "a\u2028b", "\r=1"])
def test_line_ends_and_tabs_in_a_name_are_shown_as_escapes(signature: Signature, name: str) -> None:
    text = to_csv(named(signature, name))
    assert text.count("\n") == 2
    assert not {"\r", "\t", "\u2028"} & set(text)


def test_a_negative_number_stays_a_number(signature: Signature) -> None:
    site = replace(signature.sites[0], scores={**signature.sites[0].scores, "cka": -0.5})
    assert read(replace(signature, sites=(site,)))[0]["cka"] == "-0.5"


def test_a_data_frame_has_a_row_per_site(signature: Signature) -> None:
    pytest.importorskip("pandas", reason="the extra 'pandas' is not installed")
    frame = signature.to_dataframe()
    assert list(frame["name"]) == [site.name for site in signature.sites]
    assert frame["affinity"].sum() == pytest.approx(signature.values.sum())


def test_without_pandas_the_message_says_what_to_install(
    signature: Signature, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[pandas\]"):
        signature.to_dataframe()


def test_rows_are_flat_and_in_the_order_of_the_header(signature: Signature) -> None:
    assert {tuple(row) for row in rows(signature)} == {tuple(header(signature))}

"""Markdown for pull requests: complete, folded where it is long, and harmless."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import Signature
from onnx_affscore.report.markdown import code_span, escaped, to_markdown

# Unescaped markup outside code spans: what a reader's browser would act upon.
ACTIVE = re.compile(r"(?<!\\)[<\[!*_]|@\w|://")
FENCE = re.compile(r"(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def test_every_site_has_a_row_of_six_cells(signature: Signature) -> None:
    rows = [line for line in to_markdown(signature).splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == len(signature.sites)
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 7
    assert rows[0] == (
        "| 0 | `features.0.block.0.act` | `LeakyRelu(alpha=0.01)` | hidden | 0.5500 "
        "| 0.5400 – 0.5600 |"
    )
    assert rows[4].endswith("| degenerate | – |")
    assert rows[22].endswith("| few decide |")


def test_figures_and_notes_are_there(signature: Signature) -> None:
    text = to_markdown(signature)
    assert "2048 samples of `digits.npz`; 27 of 32 activations scored." in text
    assert "| 20 of 27 |" in text
    for told in ("few decide: a few of the 2048 samples decide", "the last batch held 12 samples"):
        assert told in text
    assert "made up" not in text
    synthetic = replace(signature, data={**signature.data, "synthetic": True})
    assert "**made up**" in to_markdown(synthetic)


@pytest.mark.parametrize(("many", "folded"), [(20, False), (21, True)])
def test_a_long_table_is_folded(signature: Signature, many: int, folded: bool) -> None:
    text = to_markdown(replace(signature, sites=signature.sites[:many]))
    assert ("<details>" in text) is folded
    assert text.count("<details>") == text.count("</details>")


def test_without_a_site_there_is_no_table(signature: Signature) -> None:
    assert "| # |" not in to_markdown(replace(signature, sites=()))


@given(st.text(alphabet="`|ab <>@*_[]!\\:/\n", max_size=12))
def test_a_name_stays_within_its_code_span(name: str) -> None:
    span = code_span(name)
    found = FENCE.fullmatch(span)
    assert found is not None
    assert "\n" not in span
    assert not re.search(r"(?<!\\)\|", span)


@given(st.text(alphabet="`|ab<>@*_[]!\\:/\n", max_size=12))
def test_other_text_is_never_markup(text: str) -> None:
    assert not ACTIVE.search(escaped(text).replace("\\\\", ""))


def test_the_rules_have_teeth() -> None:
    assert ACTIVE.search("<b>") and ACTIVE.search("@you") and ACTIVE.search("https://x")  # noqa: PT018

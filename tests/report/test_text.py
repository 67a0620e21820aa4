"""The terminal table: readable in 80 columns, whatever the names are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.records import ActivationSite, Signature, Skipped
from onnx_affscore.report.names import cells
from onnx_affscore.report.text import sites_text, to_text

GOLDEN = Path(__file__).parent / "golden"
NAMES = st.one_of(
    st.text(st.characters(codec=None), max_size=30),
    st.integers(0, 500).map("é活"[0:2].__mul__),
)
COUNTS = st.integers(0, 10**15)


def assert_golden(name: str, text: str) -> None:
    golden = GOLDEN / name
    if not golden.exists():
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(text.encode())
        pytest.fail(f"{name} was written anew: look at it, then run the test again")
    assert text == golden.read_bytes().decode()


def assert_tidy(text: str) -> None:
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        assert line.isprintable()
        assert cells(line) <= 80


def test_the_table_is_as_it_was(signature: Signature) -> None:
    assert_golden("table.txt", to_text(signature))


def test_the_listing_is_as_it_was(signature: Signature, listed: list[ActivationSite]) -> None:
    assert_golden("sites.txt", sites_text(listed, signature.skipped))


@settings(deadline=None)  # a loaded machine is no failure
@given(NAMES, NAMES, NAMES, COUNTS, COUNTS)
def test_no_line_is_wider_than_the_terminal(
    signature: Signature, name: str, activation: str, reason: str, n: int, d: int
) -> None:
    sites = [
        replace(site, name=name, activation=activation, reason=reason, samples=n, features=d)
        for site in signature.sites[3:5]
    ]
    sites[0] = replace(sites[0], rank={"input": d, "output": n}, warnings=(reason,))
    model = replace(signature.model, path=name)
    assert_tidy(to_text(replace(signature, model=model, sites=tuple(sites), warnings=(name,))))


@settings(deadline=None)  # a loaded machine is no failure
@given(NAMES, NAMES, NAMES)
def test_no_line_of_the_listing_is_wider_than_the_terminal(
    listed: Sequence[ActivationSite], name: str, operator: str, reason: str
) -> None:
    site = replace(listed[0], name=name, params={operator: reason}, unscored=reason or None)
    assert_tidy(sites_text([site], [Skipped(name, operator, reason)]))


def test_the_last_line_counts_what_was_found_scored_and_skipped(signature: Signature) -> None:
    few = replace(signature, sites=signature.sites[:6], skipped=signature.skipped[:1])
    last = to_text(few).splitlines()[-1]
    assert last == ("6 activations found: 5 scored, 1 degenerate, 0 unscored; 1 look-alike skipped")


def test_a_site_without_a_score_shows_its_status_and_the_reason_below(signature: Signature) -> None:
    text = to_text(signature)
    assert "degenerate, site 4: the output is constant up to rounding" in text
    assert "unscored, sites 20, 23, 31: its role is not among those asked for" in text


def test_warnings_that_differ_in_numbers_only_are_told_once(signature: Signature) -> None:
    assert to_text(signature).count("less than 10 times the rank") == 1


def test_synthetic_input_is_named(signature: Signature) -> None:
    assert "synthetic input" not in to_text(signature)
    made_up = replace(signature, data={**signature.data, "synthetic": True})
    assert "synthetic input" in to_text(made_up)


def test_a_model_without_activations_has_a_last_line(signature: Signature) -> None:
    empty = to_text(replace(signature, sites=(), skipped=(), warnings=()))
    assert empty.endswith(
        "0 activations found: 0 scored, 0 degenerate, 0 unscored; 0 look-alikes skipped\n"
    )
    assert sites_text([]) == "0 activations found; 0 look-alikes skipped\n"


def test_a_table_with_room_shows_whole_names(signature: Signature) -> None:
    assert signature.sites[8].name in to_text(signature, width=300)

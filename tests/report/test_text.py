"""The terminal table: readable in 80 columns, whatever the names are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
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


@given(NAMES, NAMES, NAMES, COUNTS, COUNTS)
def test_no_line_is_wider_than_the_terminal(
    signature: Signature, name: str, activation: str, reason: str, n: int, d: int
) -> None:
    sites = [
        replace(site, name=name, activation=activation, reason=reason, samples=n, features=d)
        for site in signature.sites[3:5]
    ]
    judged = {"verdict": activation, "reason": reason}
    rank = {"input": d, "output": n}
    ends = dict.fromkeys(("affinity_low", "affinity_high"))
    scores = {**sites[0].scores, **ends}
    sites[0] = replace(sites[0], rank=rank, scores=scores, adequacy=judged, warnings=(reason,))
    model = replace(signature.model, path=name)
    assert_tidy(to_text(replace(signature, model=model, sites=tuple(sites), warnings=(name,))))


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


def test_a_score_shows_its_interval_or_the_verdict_why_there_is_none(signature: Signature) -> None:
    lines = to_text(signature).splitlines()
    assert lines[3].endswith("  interval")
    assert lines[4].endswith("0.5500      .5400-.5600")
    assert lines[4 + 21].endswith("0.4469      few samples")
    assert lines[4 + 4].endswith("degenerate")


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(0.79743, 0.80627, ".7974-.8063"), (1.0, 1.0, "1.000-1.000"), (-0.02, 0.5, "-.0200-.5000")],
)
def test_ends_of_intervals_are_short(
    signature: Signature, low: float, high: float, shown: str
) -> None:
    site = signature.sites[0]
    ends = {"affinity_low": low, "affinity_high": high}
    few = replace(signature, sites=(replace(site, scores={**site.scores, **ends}),))
    assert to_text(few).splitlines()[4].endswith(f"  {shown}")


def test_scores_without_an_interval_are_counted_with_what_can_be_done(signature: Signature) -> None:
    text = to_text(signature)
    head = "Intervals of 95 %: 20 of 27 scores; 3 moving plan, 3 few samples, 1 few decide\n"
    assert head in text
    assert "few samples, sites 21, 24, 27: 2048 samples for rank 225" in text
    assert "more samples give one" in text
    assert "Intervals of 95 %: 2 of 2 scores\n" in to_text(
        replace(signature, sites=signature.sites[:2])
    )


def test_a_file_that_judges_no_n_has_no_word_of_intervals(signature: Signature) -> None:
    ends = dict.fromkeys(("affinity_low", "affinity_high"))
    site = signature.sites[0]
    silent = replace(site, scores={**site.scores, **ends}, adequacy={})
    assert "nterval" not in to_text(replace(signature, sites=(silent,)))


def test_the_number_of_rows_is_shown_where_it_is_not_that_of_the_samples(
    signature: Signature,
) -> None:
    assert "  n  " not in to_text(signature)
    more = replace(signature.sites[0], samples=4096)
    lines = to_text(replace(signature, sites=(more, *signature.sites[1:]))).splitlines()
    assert "  n  " in lines[3]
    assert " 4096 " in lines[4]


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

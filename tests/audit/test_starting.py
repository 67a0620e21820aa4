"""A policy that starts from a signature: kept by it, left by what moved."""

import tomllib
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.audit.check import check
from onnx_affscore.audit.policy import parse_policy
from onnx_affscore.audit.rules import TOLERANCE
from onnx_affscore.audit.starting import DAYS, UNKNOWN, WIDEN, starting_policy
from onnx_affscore.findings import AuditReport
from onnx_affscore.records import Signature
from tests.audit.makers import PLAIN, TODAY, codes, plain_site, signature, with_scores

NAMES = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)


def held(found: Signature, start: Signature) -> AuditReport:
    text = starting_policy(start, today=TODAY)
    return check(found, parse_policy(text), today=TODAY)


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=6), NAMES)
def test_the_signature_keeps_its_own_policy_whatever_its_names(
    values: list[float | None], name: str
) -> None:
    sites = [plain_site(i, v, name=f"{name}{i}") for i, v in enumerate(values)]
    found = replace(signature([0.5]), sites=tuple(sites))
    assert not held(found, found).violated


def test_a_name_that_no_toml_can_hold_is_matched_by_a_pattern() -> None:
    sites = [plain_site(0, 0.5, name="a\ud800(b"), plain_site(1, None, name="c\udfff")]
    found = replace(signature([0.5]), sites=tuple(sites))
    report = held(found, found)
    assert {passed.site for passed in report.passed} >= {"a\ud800(b"}
    assert [s.finding.site for s in report.suppressed] == ["c\udfff"]


def test_bounds_are_the_interval_widened_and_the_tolerance() -> None:
    found = with_scores(affinity=0.5, affinity_low=0.49, affinity_high=0.52)
    document = tomllib.loads(starting_policy(found, today=TODAY))
    bound = document["rule"][1]
    assert bound["site"] == "act.0"
    # rounded outwards to four digits
    assert 0 <= 0.5 - WIDEN * 0.01 - TOLERANCE - bound["min"] < 1e-4
    assert 0 <= bound["max"] - (0.5 + WIDEN * 0.02 + TOLERANCE) < 1e-4


def test_without_an_interval_a_margin_has_to_do_and_the_file_says_so() -> None:
    text = starting_policy(signature([0.5]), today=TODAY)
    assert "no interval is known" in text
    assert tomllib.loads(text)["rule"][1]["min"] == 0.5 - UNKNOWN


def test_a_score_that_moved_beyond_the_margin_violates_it() -> None:
    start = signature(PLAIN)
    assert codes(held(signature((0.5, 0.6, 0.74)), start)) == ["AFF001"]
    assert codes(held(signature((0.5, 0.6, 0.72)), start)) == []


def test_what_fails_at_once_is_suppressed_for_a_while_only() -> None:
    dead = signature([0.5, None])
    policy = parse_policy(starting_policy(dead, today=TODAY))
    (suppressed,) = check(dead, policy, today=TODAY).suppressed
    assert (suppressed.finding.rule.code, suppressed.finding.site) == ("AFF202", "act.1")
    later = check(dead, policy, today=TODAY + timedelta(days=DAYS + 1))
    assert later.violated
    assert codes(later) == ["AFF202", "AFF401"]

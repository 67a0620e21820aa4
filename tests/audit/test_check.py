"""Laws of a check: fingerprints that stay, suppressions that hide nothing else."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.audit.check import Baseline, check
from onnx_affscore.audit.policy import BUILT_IN
from onnx_affscore.errors import DataError, NothingToScoreError, OptionError
from onnx_affscore.findings import AuditReport, Severity
from onnx_affscore.records import Signature
from tests.audit.makers import PLAIN, TODAY, audited, codes, signature

BOUND = '[[rule]]\ncode = "AFF001"\nmin = 0.4\n'
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def suppress(place: str, *, code: str = "AFF001", until: str = "2027-01-31") -> str:
    return f'[[suppress]]\ncode = "{code}"\n{place}\nreason = "known"\nuntil = {until}\n'


def fingerprints(report: AuditReport) -> set[str]:
    return {finding.fingerprint for finding in report.findings}


def renamed_tensors(found: Signature) -> Signature:
    """The same sites, every tensor and node under another name."""
    return replace(
        found,
        sites=tuple(
            replace(s, input=f"t{s.index}", output=f"u{s.index}", nodes=(f"n{s.index}",))
            for s in found.sites
        ),
    )


@given(SCORES, st.randoms())
def test_fingerprints_survive_reordering_and_renamed_tensors(
    values: list[float], random: Random
) -> None:
    found = signature(values)
    order = list(found.sites)
    random.shuffle(order)
    same = fingerprints(audited(BOUND, found))
    assert fingerprints(audited(BOUND, replace(found, sites=tuple(order)))) == same
    assert fingerprints(audited(BOUND, renamed_tensors(found))) == same


@given(SCORES)
def test_fingerprints_do_not_hang_on_values_and_tell_sites_and_codes_apart(
    values: list[float],
) -> None:
    low = fingerprints(audited(BOUND, signature([v / 3 for v in values])))
    assert low == fingerprints(audited(BOUND, signature([v / 4 for v in values])))
    assert len(low) == len(values)
    other = BOUND.replace("AFF001", "AFF206").replace("0.4", "1e9")
    assert not low & fingerprints(audited(other, signature(values)))


@given(SCORES, st.integers(0, 7), st.sampled_from(["AFF001", "AFF206"]))
def test_a_suppression_moves_the_findings_that_it_names_and_no_other(
    values: list[float], place: int, code: str
) -> None:
    rules = BOUND + '[[rule]]\ncode = "AFF206"\nmin = 1e9\n'
    plain = audited(rules, signature(values))
    report = audited(rules + suppress(f'site = "act.{place}"', code=code), signature(values))
    hidden = [s.finding for s in report.suppressed]
    assert hidden == [f for f in plain.findings if f.site == f"act.{place}" and f.rule.code == code]
    assert sorted(map(str, (*report.findings, *hidden))) == sorted(map(str, plain.findings))


def test_a_suppression_holds_to_the_end_of_its_day_and_is_told_of_behind() -> None:
    text = BOUND + suppress('match = "^act"', until=TODAY.isoformat())
    found = signature([0.1])
    today = audited(text, found)
    assert (today.violated, codes(today)) == (False, [])
    (hidden,) = today.suppressed
    assert (hidden.reason, hidden.until) == ("known", TODAY)
    tomorrow = audited(text, found, today=TODAY + timedelta(days=1))
    assert tomorrow.violated
    assert codes(tomorrow) == ["AFF001", "AFF401"]
    assert "ended on 2026-11-24: known" in tomorrow.findings[1].message


def test_findings_of_the_whole_signature_are_suppressed_without_a_place() -> None:
    made_up = signature(PLAIN, synthetic=True)
    rule = '[[rule]]\ncode = "AFF301"\n'
    assert codes(audited(rule, made_up)) == ["AFF301"]
    assert codes(audited(rule + suppress("", code="AFF301"), made_up)) == []


@pytest.mark.parametrize("fail_on", Severity)
@pytest.mark.parametrize("severity", Severity)
def test_the_policy_is_violated_from_the_severity_on_that_it_names(
    fail_on: Severity, severity: Severity
) -> None:
    text = f'fail_on = "{fail_on}"\n{BOUND}severity = "{severity}"\n'
    report = audited(text, signature([0.1]))
    assert report.violated == (severity.weight <= fail_on.weight)
    assert report.count(severity) == 1


def test_the_gravest_findings_come_first() -> None:
    report = audited(None, signature([0.99, None, 0.5], synthetic=True))
    assert [f.severity for f in report.findings] == sorted(
        (f.severity for f in report.findings), key=lambda s: s.weight
    )
    assert codes(report) == ["AFF202", "AFF301", "AFF204"]


def test_a_rule_whose_site_is_gone_is_a_finding_and_no_silence() -> None:
    (found,) = audited(BOUND + 'site = "act.9"', signature(PLAIN)).findings
    assert (found.rule.code, found.severity) == ("AFF402", Severity.ERROR)
    assert "rule[0] (AFF001) fits no site: site = 'act.9'" in found.message
    assert audited(BOUND + 'role = "gate"', signature(PLAIN)).violated


def test_a_rule_of_the_baseline_may_speak_of_a_site_that_is_missing() -> None:
    text = '[[rule]]\ncode = "AFF104"\nsite = "act.2"'
    assert codes(audited(text, signature(PLAIN[:2]), base=signature(PLAIN))) == ["AFF104"]


def test_a_policy_holds_for_the_partners_of_sites_that_were_renamed() -> None:
    """Bounds and suppressions that name a site of the baseline follow it to its new name."""
    base = signature([0.5, 0.6])
    old = base.sites[0].name
    sites = (replace(base.sites[0], name="renamed"), base.sites[1])
    found = replace(base, sites=sites)
    bound = f'[[rule]]\ncode = "AFF001"\nsite = "{old}"\n'
    assert codes(audited(f"{bound}max = 0.9", found, base=base)) == []
    assert codes(audited(f"{bound}max = 0.4", found, base=base)) == ["AFF001"]
    assert codes(audited(f"{bound}max = 0.9", found)) == ["AFF402"]
    spared = f'[[suppress]]\ncode = "AFF001"\nsite = "{old}"\nreason = "known"\nuntil = 2099-01-01'
    report = audited(f"{bound}max = 0.4\n{spared}", found, base=base)
    assert (codes(report), len(report.suppressed)) == ([], 1)


def test_a_policy_that_compares_wants_a_baseline_and_the_built_in_one_does_without() -> None:
    with pytest.raises(OptionError, match=r"rule\[0\] \(AFF101\) compares.*give --baseline"):
        audited('[[rule]]\ncode = "AFF101"', signature(PLAIN))
    assert audited(None, signature(PLAIN)).notes == (
        "no baseline was given: nothing was compared with one",
    )


def test_versions_of_the_method_are_not_mixed() -> None:
    old = Baseline(signature(PLAIN, method_version="0"), "old.json")
    with pytest.raises(DataError, match="different versions of the method"):
        check(signature(PLAIN), BUILT_IN, today=TODAY, baseline=old)


def test_a_signature_without_sites_is_nothing_to_check() -> None:
    with pytest.raises(NothingToScoreError, match="lists no activation site"):
        audited(None, signature([]))


@given(SCORES)
def test_a_signature_has_nothing_to_say_against_itself(values: list[float]) -> None:
    found = signature(values)
    report = audited('[[rule]]\ncode = "AFF101"', found, base=found)
    assert report.findings == ()
    assert len(report.passed) == len(values)

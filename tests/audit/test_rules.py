"""Every rule fires where it should, and is silent where it should not fire."""

from dataclasses import replace
from typing import NamedTuple

import pytest

from onnx_affscore.audit.rules import RULES, TOLERANCE, rule_of
from onnx_affscore.errors import OptionError
from onnx_affscore.records import Signature, Status
from tests.audit.makers import PLAIN, audited, codes, signature, with_scores


class Example(NamedTuple):
    """A rule, what makes it fire and where, and what it lets pass."""

    code: str
    fires: Signature
    place: str
    passes: Signature
    params: str = ""
    base: Signature | None = None


BASE = signature(PLAIN)
EXACT = [{"std": 0.001}] * 3  # a difference of two such has a half-width of .0028
NO_SCORE = {"status": Status.UNDEFINED, "reason": "NaN"}
ROLE = {"status": Status.UNSCORED, "reason": "role"}


def _without_rows(count: int) -> Signature:
    rows = [{"row": row, "reason": f"{row}.png: found no image"} for row in range(count)]
    skipped = {"count": count, "rows": rows}
    return replace(BASE, data={**BASE.data, "samples": 100 - count, "skipped": skipped})


EXAMPLES = (
    Example("AFF001", signature([0.5, 0.39]), "act.1", signature([0.5, 0.4]), "min = 0.4"),
    Example("AFF001", signature([0.8, 0.81]), "act.1", signature([0.8, 0.8]), "max = 0.8"),
    Example(
        "AFF001", with_scores(cka=0.2), "act.0", with_scores(cka=0.9), 'score = "cka"\nmin = 0.5'
    ),
    Example(
        "AFF001", signature([0.1, 0.9]), "act.1", signature([0.9, 0.5]), 'site = "act.1"\nmax = 0.8'
    ),
    Example(
        "AFF002", signature([0.2, 0.4]), "Relu mean", BASE, 'activation = "Relu"\nmin = 0.31'
    ),
    Example(
        "AFF002", signature([None]), "Relu max", BASE,
        'activation = "Relu"\nstatistic = "max"\nmax = 1',
    ),
    Example("AFF003", signature([0.2, 0.4]), "mean", BASE, "min = 0.31"),
    Example("AFF003", signature([None]), "std", BASE, 'statistic = "std"\nmax = 1'),
    Example("AFF101", signature((0.5, 0.6, 0.72)), "act.2", BASE, base=BASE),
    Example(
        "AFF101", signature((0.5, 0.6, 0.706), sites=EXACT), "act.2",
        signature((0.5, 0.6, 0.704), sites=EXACT), base=signature(PLAIN, sites=EXACT),
    ),
    Example("AFF102", signature((0.52, 0.62, 0.72)), "mean", BASE, base=BASE),
    Example("AFF102", signature([None]), "mean", BASE, base=BASE),
    Example("AFF103", signature(PLAIN, sites=[{}, {"activation": "Gelu"}, {}]), "act.1", BASE,
            base=BASE),
    Example("AFF104", signature(PLAIN[:2]), "act.2", BASE, base=BASE),
    Example("AFF105", signature((*PLAIN, 0.8)), "act.3", BASE, base=BASE),
    Example("AFF106", signature((0.5, None, 0.7)), "act.1", BASE, base=BASE),
    Example("AFF107", signature(PLAIN, sha256="ef" * 32), "data", BASE, base=BASE),
    Example("AFF107", signature(PLAIN, sha256=None), "data", BASE, base=BASE),
    Example("AFF107", signature(PLAIN, pool="flatten"), "pool", BASE, base=BASE),
    Example("AFF107", signature(PLAIN, covariance="reference"), "covariance", BASE, base=BASE),
    Example("AFF201", with_scores(dead_share=0.51), "act.0", with_scores(dead_share=0.5)),
    Example("AFF202", signature([0.5, None]), "act.1", BASE),
    Example("AFF203", with_scores(saturated_share=0.96), "act.0", with_scores(saturated_share=0.5)),
    Example("AFF204", signature([0.99]), "act.0", signature([0.99], sites=[{"role": "gate"}])),
    Example("AFF205", signature([None, 0.5], sites=[NO_SCORE, {}]), "act.0",
            signature([None, 0.5], sites=[ROLE, {}])),
    Example("AFF206", signature([0.5], sites=[{"features": 101}]), "act.0",
            signature([0.5], sites=[{"features": 100}])),
    Example("AFF206", signature([0.5], sites=[{"adequacy": {"samples_per_direction": 9.9}}]),
            "act.0", signature([0.5], sites=[{"features": 999, "rank": {"input": 9}}])),
    Example("AFF301", signature(PLAIN, synthetic=True), "data", BASE),
    Example(
        "AFF302", replace(BASE, run={"providers": ["CPUExecutionProvider"]}), "provider",
        replace(BASE, run={"providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]}),
        'provider = "cuda"',
    ),
    Example("AFF304", _without_rows(3), "data", BASE),
    Example("AFF304", _without_rows(3), "data", _without_rows(1), "max = 0.02"),
    Example("AFF303", signature(PLAIN, model_sha256="ab" * 32), "model", BASE,
            f'sha256 = "{"CD" * 32}"'),
)  # fmt: skip


def _policy(example: Example) -> str:
    return f'[[rule]]\ncode = "{example.code}"\n{example.params}'


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.code)
def test_a_rule_fires_at_its_place_and_says_what_to_do(example: Example) -> None:
    report = audited(_policy(example), example.fires, base=example.base)
    (finding,) = report.findings
    assert (finding.rule.code, finding.site or finding.about) == (example.code, example.place)
    assert finding.severity == RULES[example.code].text.severity
    assert finding.message
    assert not any(name in finding.message for name in ("nan", "None"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.code)
def test_a_rule_is_silent_where_all_is_well_and_says_that_it_looked(example: Example) -> None:
    report = audited(_policy(example), example.passes, base=example.base)
    assert report.findings == ()
    if example.code != "AFF204":  # it looks at the trunk only
        assert {passed.rule.code for passed in report.passed} == {example.code}


def test_every_rule_has_an_example() -> None:
    shown = {example.code for example in EXAMPLES}
    assert shown == {code for code, rule in RULES.items() if rule.check is not None}


def test_codes_are_sorted_and_names_unique() -> None:
    assert list(RULES) == sorted(RULES)
    assert len({rule.text.name for rule in RULES.values()}) == len(RULES)


@pytest.mark.parametrize("code", RULES)
def test_a_rule_is_found_by_code_and_by_name(code: str) -> None:
    rule = RULES[code]
    assert rule_of(code) is rule_of(rule.text.name) is rule


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(OptionError, match="no rule 'AFF999'; wanted a code such as AFF001"):
        rule_of("AFF999")


def test_the_built_in_policy_needs_no_parameter_of_the_user() -> None:
    for rule in RULES.values():
        if rule.by_default:
            assert not rule.one_of
            assert not any(parameter.required for parameter in rule.parameters)


def test_a_drift_within_its_interval_is_none_however_large() -> None:
    wide = [{"std": 0.05}] * 3
    base, moved = signature(PLAIN, sites=wide), signature((0.5, 0.6, 0.8), sites=wide)
    assert codes(audited(None, moved, base=base)) == []  # half-width .139
    narrow = signature(PLAIN, sites=[{"std": 0.03}] * 3)
    far = signature((0.5, 0.6, 0.8), sites=[{"std": 0.03}] * 3)  # half-width .083
    assert codes(audited(None, far, base=narrow)) == ["AFF101"]


def test_where_no_interval_is_known_the_tolerance_decides_and_the_finding_says_so() -> None:
    reason = {"reasons": {"affinity_std": "the plan still changes"}}
    base = signature([0.5], sites=[reason])
    (found,) = audited(None, signature([0.5 + 1.1 * TOLERANCE]), base=base).findings
    assert "no interval is known, so that alone decides (the plan still changes)" in found.message
    assert audited(None, signature([0.5 + 0.9 * TOLERANCE]), base=base).findings == ()


def test_rounding_of_float32_is_no_drift_and_five_hundred_times_more_is() -> None:
    exact = [{"std": 0.0}] * 3  # no interval can excuse a difference
    base = signature(PLAIN, sites=exact)
    for moved, found in ((1e-5, []), (6e-3, ["AFF101"] * 3)):
        report = audited(None, signature([v + moved for v in PLAIN], sites=exact), base=base)
        assert codes(report) == found


def test_one_estimate_is_compared_with_the_same_one() -> None:
    """Which estimate is the headline may hang on rounding: the corrected one lies .02 lower."""
    scores = {"affinity": 0.5, "covariance": "empirical", "affinity_empirical": 0.5}
    other = {"affinity": 0.48, "covariance": "corrected", "affinity_empirical": 0.5}
    report = audited(None, with_scores(**scores), base=with_scores(**other))
    assert codes(report) == []
    assert codes(
        audited(
            None, with_scores(**scores), base=with_scores(**other | {"affinity_empirical": 0.4})
        )
    ) == ["AFF101"]

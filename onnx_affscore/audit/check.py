"""The gate: a signature held against a policy, and where there is one against a baseline."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import final

from onnx_affscore.audit.baseline import Against, held_against
from onnx_affscore.audit.policy import DEFAULTS, Policy, PolicyRule, Suppression
from onnx_affscore.audit.rule import Case, Look
from onnx_affscore.audit.rules import EXPIRED, IDLE, RULES
from onnx_affscore.comparison import Influences, refuse_mixed_methods
from onnx_affscore.errors import NothingToScoreError, OptionError
from onnx_affscore.findings import AuditReport, Finding, Passed, RuleText, Suppressed
from onnx_affscore.records import Signature

__all__ = ["Baseline", "check"]

_CHOOSING = ("site", "match", "activation", "role")


@final
@dataclass(frozen=True, slots=True)
class Baseline:
    """What a signature is compared with: another one, and the name to show.

    ``influences`` are those of the samples on the scores of the signature that is checked, and of
    the baseline: both, or none.
    """

    signature: Signature
    name: str = "baseline"
    influences: tuple[Influences | None, Influences | None] = (None, None)


def check(
    signature: Signature, policy: Policy, *, today: date, baseline: Baseline | None = None
) -> AuditReport:
    """Hold a signature against a policy.

    A suppression holds until the end of its day; it takes findings from the list of those that
    count to that of the suppressed ones, and touches no other. Rules of the built-in policy that
    need a baseline are left out where there is none, with a note.

    Raises
    ------
    NothingToScoreError
        The signature lists no site.
    OptionError
        The policy asks for a baseline and there is none, or influences of one side only.
    DataError
        Signature and baseline were made by different versions of the method, or influences are of
        another model or other data.
    """
    if not signature.sites:
        raise NothingToScoreError(
            f"the signature of {signature.model.path} lists no activation site; "
            "'onnx-affscore sites MODEL' says what was skipped, and why"
        )
    against = None if baseline is None else _against(signature, baseline)
    found: list[Finding] = list(_expired(policy.suppressions, today))
    passed: list[Passed] = []
    notes = list(against.notes) if against else []
    for entry in policy.rules:
        if entry.rule.compares and against is None:
            if entry.where != DEFAULTS:
                raise OptionError(
                    f"{entry.where} ({entry.rule.code}) compares with a baseline; give --baseline"
                )
            continue
        for look in _looks(Case(signature, against, entry.params), entry):
            if isinstance(look, Finding):
                found.append(look)
            else:
                passed.append(look)
    if against is None and any(entry.rule.compares for entry in policy.rules):
        notes.append("no baseline was given: nothing was compared with one")
    former = {} if against is None else against.former_names
    counting, hidden = _divided(found, policy.suppressions, today, former=former)
    return AuditReport(
        model=signature.model,
        policy=policy.name,
        baseline=None if baseline is None else baseline.name,
        fail_on=policy.fail_on,
        rules=_told(policy, found),
        findings=tuple(sorted(counting, key=lambda finding: finding.severity.weight)),
        suppressed=tuple(hidden),
        passed=tuple(passed),
        notes=tuple(notes),
    )


def _against(signature: Signature, baseline: Baseline) -> Against:
    refuse_mixed_methods([signature.model.path, baseline.name], [signature, baseline.signature])
    return held_against(signature, baseline.signature, influences=baseline.influences)


def _looks(case: Case, entry: PolicyRule) -> Iterator[Finding | Passed]:
    text = entry.rule.text
    if _idle(case, entry):
        chosen = {name: case.params[name] for name in _CHOOSING if name in entry.given}
        shown = ", ".join(f"{name} = {value!r}" for name, value in chosen.items())
        yield Finding(
            rule=IDLE.text,
            severity=entry.severity,
            message=f"{entry.where} ({text.code}) fits no site: {shown}",
            about=f"{text.code} {shown}",
        )
        return
    for look in entry.rule.check(case) if entry.rule.check else ():
        yield _judged(look, entry)


def _judged(look: Look, entry: PolicyRule) -> Finding | Passed:
    if look.trouble is None:
        return Passed(entry.rule.text, look.site, look.about)
    return Finding(
        rule=entry.rule.text,
        severity=entry.severity,
        message=look.trouble,
        site=look.site,
        about=look.about,
        value=look.value,
        limit=look.limit,
    )


def _idle(case: Case, entry: PolicyRule) -> bool:
    """Whether a rule was told which sites to look at, and there is none of them."""
    if not (entry.rule.selects_sites and entry.given & set(_CHOOSING)):
        return False
    missing = () if case.against is None else filter(case.selects, case.against.missing)
    return next(case.sites, None) is None and next(iter(missing), None) is None


def _expired(suppressions: Iterable[Suppression], today: date) -> Iterator[Finding]:
    for suppression in suppressions:
        if suppression.until < today:
            about = suppression.site or suppression.match or suppression.about or "everything"
            yield Finding(
                rule=EXPIRED.text,
                severity=EXPIRED.text.severity,
                message=f"{suppression.where} ended on {suppression.until}: {suppression.reason}",
                about=f"{suppression.code} {about}",
                value=str(suppression.until),
                limit=str(today),
            )


def _divided(
    found: Iterable[Finding],
    suppressions: Iterable[Suppression],
    today: date,
    *,
    former: Mapping[str, str],
) -> tuple[list[Finding], list[Suppressed]]:
    counting, hidden = [], []
    for finding in found:
        known = replace(finding, site=former.get(finding.site or "", finding.site))
        fitting = (
            s for s in suppressions if s.until >= today and (s.fits(finding) or s.fits(known))
        )
        match next(fitting, None):
            case None:
                counting.append(finding)
            case suppression:
                hidden.append(Suppressed(finding, suppression.reason, suppression.until))
    return counting, hidden


def _told(policy: Policy, found: Iterable[Finding]) -> tuple[RuleText, ...]:
    """The rules that were asked, and those about the policy that have something to say."""
    used = {entry.rule.code for entry in policy.rules} | {finding.rule.code for finding in found}
    return tuple(rule.text for code, rule in RULES.items() if code in used)

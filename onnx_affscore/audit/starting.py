"""The start of a policy: bounds from a signature, with margins from its intervals."""

import math
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from onnx_affscore.audit.check import Baseline, check
from onnx_affscore.audit.policy import VERSION, parse_policy
from onnx_affscore.audit.rules import TOLERANCE
from onnx_affscore.findings import Finding
from onnx_affscore.records import ScoredSite, Signature

__all__ = ["starting_policy"]

WIDEN: Final = math.sqrt(2.0)
"""The score of other samples lies about ours with the errors of both."""
UNKNOWN: Final = 0.03
"""Margin where no interval is known: six times the tolerance of drift."""
DAYS: Final = 90
"""What does not pass today is suppressed for so long."""
_DIGITS: Final = 4
_HALVES: Final = re.compile("[\ud800-\udfff]")


def starting_policy(signature: Signature, *, today: date, baseline: Baseline | None = None) -> str:
    """Return a policy, as TOML, that a signature keeps on the day it is written.

    Every scored site is held to its interval, widened by √2 since another sample has an error of
    its own, and by the tolerance of drift; where no interval is known, to its score and a margin.
    The built-in rules are part of it; findings that would violate the policy at once are
    suppressed for a quarter of a year.
    """
    head = [
        f"# A start, from the signature of {_quoted(signature.model.path)}: narrow what you know.",
        f"# sha256 of the model: {signature.model.sha256}",
        f"version = {VERSION}",
        'fail_on = "error"',
        'extends = "default"  # the built-in rules, listed by: onnx-affscore rules',
        "",
        *_summary(signature),
    ]
    scored = [site for site in signature.sites if site.affinity is not None]
    lines = [*head, *(line for site in scored for line in _site(site))]
    text = "\n".join(lines) + "\n"
    report = check(signature, parse_policy(text), today=today, baseline=baseline)
    failing = [f for f in report.findings if f.severity.weight <= report.fail_on.weight]
    return "\n".join((text, *_suppressions(failing, today + timedelta(days=DAYS))))


def _site(site: ScoredSite) -> Iterator[str]:
    score = site.affinity or 0.0
    ends = [site.scores.get(name) for name in ("affinity_low", "affinity_high")]
    known = [end for end in ends if isinstance(end, float)]
    if len(known) == len(ends):
        low, high = (score + WIDEN * (end - score) for end in known)
        low, high, said = low - TOLERANCE, high + TOLERANCE, "its interval, widened"
    else:
        low, high, said = score - UNKNOWN, score + UNKNOWN, "no interval is known"
    yield "[[rule]]"
    yield 'code = "AFF001"'
    yield _named(site.name)
    yield f"min = {_down(low)}  # score {score:.4f}, {said}"
    yield f"max = {_up(high)}"
    yield ""


def _summary(signature: Signature) -> Iterator[str]:
    mean = signature.summary["mean"]
    if mean is not None:
        yield "[[rule]]"
        yield 'code = "AFF003"'
        yield 'statistic = "mean"'
        yield f"min = {_down(mean - UNKNOWN)}  # mean {mean:.4f}"
        yield f"max = {_up(mean + UNKNOWN)}"
        yield ""


def _suppressions(findings: Sequence[Finding], until: date) -> Iterator[str]:
    for finding in findings:
        yield "[[suppress]]"
        yield f'code = "{finding.rule.code}"'
        if finding.site is not None:
            yield _named(finding.site)
        if finding.about is not None:
            yield f"about = {_quoted(finding.about)}"
        yield 'reason = "found when this policy was written; look at it"'
        yield f"until = {until.isoformat()}"
        yield ""


def _down(value: float) -> float:
    return math.floor(value * 10**_DIGITS) / 10**_DIGITS


def _up(value: float) -> float:
    return math.ceil(value * 10**_DIGITS) / 10**_DIGITS


def _named(site: str) -> str:
    """The line that chooses a site; half a surrogate pair, which TOML has not, by a pattern."""
    if not _HALVES.search(site):
        return f"site = {_quoted(site)}"
    pattern = ".".join(map(re.escape, _HALVES.split(site)))
    return "match = " + _quoted(rf"\A{pattern}\Z")


def _quoted(text: str) -> str:
    """A basic string of TOML: what cannot stand in it as it is, by its code."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

"""What a reader must be told beside the numbers, each thing once, with the sites it holds for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from onnx_affscore.records import ActivationSite, Role, ScoredSite, Signature, Skipped, Status
from onnx_affscore.report.names import printable

__all__ = [
    "Note",
    "activation_label",
    "adequacy",
    "count",
    "interval_notes",
    "intervals",
    "lacking",
    "missing_scores",
    "model_name",
    "model_warnings",
    "number",
    "role_counts",
    "site_warnings",
    "skipped_groups",
    "unmeasured",
    "unscored",
    "verdict",
]

_ADEQUATE = "adequate"  # the verdict on n of a score that has an interval
_IDENTITY_PLAN = "identity plan"  # the estimand of an interval that need not be the population's
_LOWER_BOUND = (
    "the interval is of the score with every row paired with itself, a lower bound of the"
    " population's"
)
_REASONS = {"role": "its role is not among those asked for (--roles)"}
# What a reader can do about a score without an interval, by its verdict.
_CURES = {
    "few samples": "more samples give one",
    "moving plan": "more samples hardly help. Wide layers rarely have this: --pool flatten widens"
    " them, but wants more samples",
    "few decide": "--influence tells which",
}
_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence and the indices of the sites that it is about; none where it is the model."""

    heading: str
    text: str
    sites: tuple[int, ...] = ()


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 activation``, ``2 activations``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def number(value: float | None) -> str:
    """Write a score with four digits behind the point, one that is missing as ``-``."""
    return "-" if value is None else f"{value:.4f}"


def model_name(signature: Signature) -> str:
    """Return the file name of the model, without its folders and its suffix."""
    name = re.split(r"[/\\]", signature.model.path)[-1]
    return printable(name.removesuffix(".onnx") or signature.model.path or "model")


def activation_label(site: ScoredSite | ActivationSite) -> str:
    """Return the activation with its parameters: ``LeakyRelu(alpha=0.01)``."""
    simple = [f"{key}={_short(value)}" for key, value in site.params.items() if _is_short(value)]
    return printable(f"{site.activation}({', '.join(simple)})" if simple else site.activation)


def _is_short(value: Any) -> bool:
    return isinstance(value, str | int | float) and value != ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def unscored(signature: Signature) -> list[Note]:
    """Group the sites without a score by status and reason."""
    return _grouped(
        (site.status, _REASONS.get(site.reason or "", site.reason or "not told"), site.index)
        for site in signature.sites
        if site.status != Status.OK
    )


def unmeasured(sites: Iterable[ActivationSite]) -> list[Note]:
    """Group the listed sites that will get no score by their reason."""
    return _grouped(
        ("", _REASONS.get(site.unscored, site.unscored), site.index)
        for site in sites
        if site.unscored is not None
    )


def model_warnings(signature: Signature) -> list[Note]:
    """Return the warnings of the run, then those of the sites."""
    own = [Note("", printable(text)) for text in signature.warnings]
    return own + site_warnings(signature.sites)


def site_warnings(sites: Iterable[ScoredSite | ActivationSite]) -> list[Note]:
    """Return the warnings of sites, those that differ in their numbers only as one."""
    return _grouped(("", text, site.index) for site in sites for text in site.warnings)


def missing_scores(signature: Signature) -> list[Note]:
    """Group the scores that are null at a scored site by their reasons, with all their names."""
    entries = []
    for site in signature.sites:
        missing: dict[str, list[str]] = {}
        for name, reason in site.reasons.items():
            if site.status == Status.OK and site.scores.get(name) is None:
                missing.setdefault(reason, []).append(name)
        entries += [(", ".join(names), reason, site.index) for reason, names in missing.items()]
    return _grouped(entries)


def adequacy(site: ScoredSite) -> str | None:
    """Return the verdict on n of a site's score; None where there is no score, or no verdict."""
    judged = site.adequacy.get("verdict")
    return None if judged is None or site.affinity is None else printable(str(judged))


def lacking(site: ScoredSite) -> str | None:
    """Return the verdict on n of a score without an interval; None for all other sites."""
    judged = adequacy(site)
    return None if judged == _ADEQUATE else judged


def intervals(signature: Signature) -> list[tuple[str, int]]:
    """Count the scores with an interval, then those without one by their verdict."""
    found = [judged for site in signature.sites if (judged := adequacy(site)) is not None]
    if not found:
        return []
    others = dict.fromkeys(judged for judged in found if judged != _ADEQUATE)
    return [(_ADEQUATE, found.count(_ADEQUATE)), *((each, found.count(each)) for each in others)]


def interval_notes(signature: Signature) -> list[Note]:
    """Say of which scores the interval is no more than a lower bound's, and why others have none.

    The latter are grouped by verdict and reason, with what can be done.
    """
    entries = []
    bounds = []
    for site in signature.sites:
        judged = lacking(site)
        if judged is not None:
            told = (site.adequacy.get("reason"), _CURES.get(judged))
            entries.append((judged, "; ".join(text for text in told if text), site.index))
        elif site.affinity is not None and site.adequacy.get("estimand") == _IDENTITY_PLAN:
            bounds.append((_IDENTITY_PLAN, _LOWER_BOUND, site.index))
    return _grouped(bounds) + _grouped(entries)


def skipped_groups(skipped: Iterable[Skipped]) -> Mapping[tuple[str, str], list[str]]:
    """Group the names of look-alikes by operator and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for entry in skipped:
        key = (printable(entry.op_type), printable(entry.reason))
        groups.setdefault(key, []).append(printable(entry.name))
    return groups


def role_counts(roles: Iterable[str]) -> str:
    """Count roles in the order of :class:`Role`: ``20 hidden, 4 gate``."""
    found = [str(role) for role in roles]
    return ", ".join(f"{found.count(role)} {role}" for role in Role if role in found)


def verdict(signature: Signature) -> list[tuple[str, int]]:
    """Count the sites by what became of them: scored, degenerate, undefined, unscored."""
    found = [site.status for site in signature.sites]
    scored = sum(site.affinity is not None for site in signature.sites)
    counts = [("scored", scored)]
    for status in (Status.DEGENERATE, Status.UNDEFINED, Status.UNSCORED):
        if status in found or status != Status.UNDEFINED:
            counts.append((str(status), found.count(status)))
    return counts


def _grouped(entries: Iterable[tuple[str, str, int]]) -> list[Note]:
    groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for heading, text, index in entries:
        groups.setdefault((heading, _DIGITS.sub("#", text)), []).append((text, index))
    notes = []
    for (heading, _), members in groups.items():
        first = members[0][0]
        alike = "" if all(text == first for text, _ in members) else " (the first one's numbers)"
        notes.append(Note(heading, printable(first) + alike, tuple(i for _, i in members)))
    return notes

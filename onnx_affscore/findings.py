"""The frozen records of an audit: made in ``audit/``, shown in ``report/``."""

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias, final

from onnx_affscore.records import ModelInfo

__all__ = ["AuditReport", "Finding", "Passed", "RuleText", "Severity", "Suppressed", "Value"]

Value: TypeAlias = float | int | str | None


class Severity(StrEnum):
    """How much a finding weighs, the names of SARIF's levels."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def weight(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


@final
@dataclass(frozen=True, slots=True)
class RuleText:
    """What people are told of a rule: its stable code, what it looks at, why, and what to do."""

    code: str
    name: str
    severity: Severity
    looks_at: str
    why: str
    advice: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One violated rule, at one place.

    ``site`` is the name of an activation site, ``about`` that of what else the rule looked at (a
    statistic, an activation family); both None where it is the whole signature. ``limit`` is what
    the ``value`` was held against.
    """

    rule: RuleText
    severity: Severity
    message: str
    site: str | None = None
    about: str | None = None
    value: Value = None
    limit: Value = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of code and place: the same whatever the values and the order of the sites."""
        place = "\0".join((self.rule.code, self.site or "", self.about or ""))
        return hashlib.sha256(place.encode("utf-8", "backslashreplace")).hexdigest()

    @property
    def place(self) -> str:
        """Where it was found, in words."""
        return self.site or self.about or "the signature"


@final
@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding that a policy lets pass until the end of a day, for a reason."""

    finding: Finding
    reason: str
    until: date


@final
@dataclass(frozen=True, slots=True)
class Passed:
    """A rule that held at a place; see :class:`Finding`."""

    rule: RuleText
    site: str | None = None
    about: str | None = None

    @property
    def place(self) -> str:
        """Where it held, in words."""
        return self.site or self.about or "the signature"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What came of a check: a model's signature held against a policy.

    ``findings`` are the gravest first, then in the order of rules and sites; ``suppressed`` are
    listed apart. ``fail_on`` is the least severity that violates the policy; ``notes`` are remarks
    for people on what was and was not compared.
    """

    model: ModelInfo
    policy: str
    baseline: str | None
    fail_on: Severity
    rules: tuple[RuleText, ...]
    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    passed: tuple[Passed, ...]
    notes: tuple[str, ...] = ()

    @property
    def violated(self) -> bool:
        """Whether a finding is as grave as the policy does not allow."""
        return any(f.severity.weight <= self.fail_on.weight for f in self.findings)

    def count(self, severity: Severity) -> int:
        """Return how many findings have a severity."""
        return sum(finding.severity is severity for finding in self.findings)

"""The frozen records of an experiment: checks, tables, figures as plain data, what is missing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias, final

__all__ = ["Cell", "Check", "Claim", "Figure", "Outcome", "Table", "Verdict", "check"]

Cell: TypeAlias = str | float | int | None


class Verdict(StrEnum):
    """What became of an experiment."""

    PASS = "pass"
    FAIL = "fail"
    SHOWN = "shown"  # ran, and has nothing published to be checked against
    NOT_RUN = "not run"


@final
@dataclass(frozen=True, slots=True)
class Check:
    """One of our values against a published one; ``note`` says how it was made, or why it fails."""

    name: str
    ours: float | None
    published: float
    tolerance: float
    passed: bool
    note: str = ""


@final
@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence held against small networks: in kind, so that it neither passes nor fails.

    ``holds`` says whether it is seen here, ``evidence`` the numbers behind it.
    """

    sentence: str
    holds: bool
    evidence: str


@final
@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words and numbers; None is shown as a dash."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as data: ``kind`` in ``report.figures.FIGURES``, ``data`` its arguments."""

    title: str
    caption: str
    kind: str
    data: Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that one experiment found; ``missing`` says what it needs for the rest."""

    experiment: str
    title: str
    about: str
    checks: tuple[Check, ...] = ()
    claims: tuple[Claim, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def verdict(self) -> Verdict:
        """Fail where one check fails; not run where nothing could be computed."""
        if self.checks:
            passed = all(found.passed for found in self.checks)
            return Verdict.PASS if passed else Verdict.FAIL
        return Verdict.SHOWN if self.tables or self.claims else Verdict.NOT_RUN


def check(
    name: str, ours: float | None, *, published: float, tolerance: float, note: str = ""
) -> Check:
    """Compare: passed where ``|ours - published| <= tolerance``; no value, or NaN, fails.

    >>> check("x", 0.5001, published=0.5, tolerance=1e-3).passed
    True
    >>> check("x", None, published=0.5, tolerance=1e-3).passed
    False
    """
    value = ours if ours is not None and math.isfinite(ours) else None
    passed = value is not None and abs(value - published) <= tolerance
    return Check(name, value, published, tolerance, passed, note)

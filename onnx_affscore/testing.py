"""For the tests of a model: signatures held against one another, with a message that helps."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import TypeAlias, final

from onnx_affscore.records import ScoredSite, Signature

__all__ = ["assert_signature_close"]

Given: TypeAlias = Signature | str | PathLike[str]

_SHOWN = 10  # of the sites that differ
_TWO_SIDED_95 = 1.959964  # quantile 0.975 of the normal distribution


@final
@dataclass(frozen=True, slots=True)
class _Trouble:
    """One difference; the larger ``excess``, the earlier it is shown."""

    excess: float
    text: str


def assert_signature_close(
    actual: Given, expected: Given, *, tolerance: float = 0.01, intervals: bool = True
) -> None:
    """Assert that two signatures have the same sites with nearly the same affinities.

    Parameters
    ----------
    actual, expected
        Signatures, or files of them.
    tolerance
        The largest difference of two affinities that passes.
    intervals
        Where the two were measured on different data, a difference that sampling explains passes
        too: :math:`|a - b| \\le 1.96 \\sqrt{s_a^2 + s_b^2}`, s being ``affinity_std``. On the
        same data sampling explains nothing, and ``tolerance`` alone counts.

    Raises
    ------
    AssertionError
        The largest differences come first. Sites are paired by name; one that only one signature
        has, another activation, and a score that only one has are differences too.
    """
    a, b = _read(actual), _read(expected)
    if a.method_version != b.method_version:
        raise AssertionError(
            f"the signatures were made by different methods: {a.method_version} and"
            f" {b.method_version}; make the expected one anew"
        )
    sampled = intervals and a.data.get("sha256") != b.data.get("sha256")
    troubles = sorted(_differences(a, b, tolerance, sampled), key=lambda t: -t.excess)
    if not troubles:
        return
    count = len({s.name for s in (*a.sites, *b.sites)})
    lines = [
        f"signatures differ at {len(troubles)} of {count} sites (tolerance {tolerance:g}):",
        *(f"  {trouble.text}" for trouble in troubles[:_SHOWN]),
    ]
    if len(troubles) > _SHOWN:
        lines.append(f"  and {len(troubles) - _SHOWN} more")
    raise AssertionError("\n".join(lines))


def _read(given: Given) -> Signature:
    return given if isinstance(given, Signature) else Signature.from_json(given)


def _differences(a: Signature, b: Signature, tolerance: float, sampled: bool) -> Iterator[_Trouble]:
    ours, theirs = ({site.name: site for site in s.sites} for s in (a, b))
    for name in ours.keys() | theirs.keys():
        one, other = ours.get(name), theirs.get(name)
        if one is None or other is None:
            has, lacks = ("actual", "expected") if other is None else ("expected", "actual")
            yield _Trouble(math.inf, f"{name}: the {has} signature has it, the {lacks} one not")
        elif one.activation != other.activation:
            yield _Trouble(math.inf, f"{name}: {one.activation}, expected {other.activation}")
        else:
            yield from _difference(one, other, tolerance, sampled)


def _difference(
    one: ScoredSite, other: ScoredSite, tolerance: float, sampled: bool
) -> Iterator[_Trouble]:
    a, b = one.affinity, other.affinity
    if a is None or b is None:
        if (a is None) != (b is None) or one.status != other.status:
            yield _Trouble(math.inf, f"{one.name}: {_said(one)}, expected {_said(other)}")
        return
    allowed = max(tolerance, _by_sampling(one, other)) if sampled else tolerance
    if not abs(a - b) <= allowed:
        yield _Trouble(
            abs(a - b) - allowed,
            f"{one.name} ({one.activation}): {a:.4f}, expected {b:.4f}:"
            f" differs by {a - b:+.4f}, allowed {allowed:.4f}",
        )


def _by_sampling(one: ScoredSite, other: ScoredSite) -> float:
    """What sampling explains at 95 %; 0 where a standard error is not known."""
    errors = [site.scores.get("affinity_std") for site in (one, other)]
    known = [error for error in errors if isinstance(error, float)]
    return _TWO_SIDED_95 * math.hypot(*known) if len(known) == len(errors) else 0.0


def _said(site: ScoredSite) -> str:
    if site.affinity is not None:
        return f"{site.affinity:.4f}"
    return f"{site.status} ({site.reason})" if site.reason else site.status

"""Rules that hold a number against limits: of a site, of an activation family, of a summary."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import Any

from onnx_affscore.audit.rule import Case, Look

__all__ = ["STATISTICS", "family_bound", "site_bound", "summary_bound", "summary_drift"]

STATISTICS = ("mean", "std", "min", "max", "median", "max_over_mean")
_OF_FAMILIES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": fmean,
    "min": min,
    "max": max,
    "median": median,
}
FAMILY_STATISTICS = tuple(_OF_FAMILIES)


def outside(value: float, limits: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return how a value leaves its limits, and the limit; None where it keeps them.

    A value at a limit keeps it.
    """
    low, high = limits.get("min"), limits.get("max")
    if low is not None and value < low:
        return "below", float(low)
    if high is not None and value > high:
        return "above", float(high)
    return None


def _held(value: float, what: str, case: Case, **place: str) -> Look:
    left = outside(value, case.params)
    if left is None:
        low, high = case.params.get("min"), case.params.get("max")
        return Look(None, value=value, limit=high if low is None else low, **place)
    trouble = f"{what} is {value:.4g}, {left[0]} the limit of {left[1]:.4g}"
    return Look(trouble, value=value, limit=left[1], **place)


def site_bound(case: Case) -> Iterator[Look]:
    """Hold one figure of every chosen site against its limits; sites without it are left out."""
    name = case.params["score"]
    for site in case.sites:
        value = site.scores.get(name)
        if isinstance(value, float):
            place = (
                {"site": site.name} if name == "affinity" else {"site": site.name, "about": name}
            )
            yield _held(value, name, case, **place)


def family_bound(case: Case) -> Iterator[Look]:
    """Hold a statistic of the scores of all sites with one activation against limits."""
    family, name = case.params["activation"], case.params["statistic"]
    scores = [s.affinity for s in case.signature.sites if s.activation == family]
    known = [score for score in scores if score is not None]
    if known:
        value = float(_OF_FAMILIES[name](known))
        yield _held(value, f"the {name} of {family}", case, about=f"{family} {name}")
    else:
        yield Look(f"no {family} has a score", about=f"{family} {name}")


def summary_bound(case: Case) -> Iterator[Look]:
    """Hold a statistic of the signature against limits."""
    name = case.params["statistic"]
    value = case.signature.summary[name]
    if value is None:
        yield Look(f"the signature has no {name}: no site has a score", about=name)
    else:
        yield _held(float(value), f"the {name} of the signature", case, about=name)


def summary_drift(case: Case) -> Iterator[Look]:
    """Hold a statistic against that of the baseline; it has no interval, only a tolerance."""
    name, tolerance = case.params["statistic"], case.params["tolerance"]
    ours, theirs = (s.summary[name] for s in (case.signature, case.baseline.baseline))
    if ours is None or theirs is None:
        yield Look(f"the {name} is missing on one side: no site has a score", about=name)
        return
    moved = float(ours) - float(theirs)
    trouble = None
    if math.fabs(moved) > tolerance:
        trouble = (
            f"the {name} of the signature is {ours:.4g}, the baseline's {theirs:.4g}: it moved by "
            f"{moved:+.4g}, more than {tolerance:.4g}"
        )
    yield Look(trouble, about=name, value=moved, limit=tolerance)

"""Rules that compare a signature with its baseline, site by site."""

from collections.abc import Iterator

from onnx_affscore.audit.baseline import Pair
from onnx_affscore.audit.rule import Case, Look
from onnx_affscore.comparison import Difference
from onnx_affscore.records import Signature

__all__ = [
    "activation_changed",
    "lost_score",
    "missing_site",
    "new_site",
    "not_comparable",
    "site_drift",
]


def _pairs(case: Case) -> Iterator[Pair]:
    return (pair for pair in case.baseline.pairs if case.selects(pair.site))


def site_drift(case: Case) -> Iterator[Look]:
    """Find scores that moved beyond the 95 % interval of the difference and beyond a tolerance.

    Where the interval is not known, the tolerance decides alone, and the finding says so.
    """
    tolerance = case.params["tolerance"]
    for pair in _pairs(case):
        drift = pair.drift
        if drift is None:
            continue
        moved = drift.difference
        certain = drift.low is None or drift.high is None or not drift.low <= 0 <= drift.high
        trouble = None
        if abs(moved) > tolerance and certain:
            trouble = _moved(drift, tolerance)
        yield Look(trouble, site=pair.site.name, value=moved, limit=tolerance)


def _moved(drift: Difference, tolerance: float) -> str:
    said = f"the score moved from {drift.a:.4g} to {drift.b:.4g}, by {drift.difference:+.4g}"
    if drift.low is None or drift.high is None:
        said += (
            f", beyond the tolerance of {tolerance:.4g}; no interval is known, so that alone "
            f"decides ({drift.reason})"
        )
    else:
        kind = "paired" if drift.paired else "independent"
        said += (
            f" (95 % interval {drift.low:+.4g} to {drift.high:+.4g}, {kind}), beyond the "
            f"tolerance of {tolerance:.4g}"
        )
    return "; ".join((said, *drift.warnings))


def activation_changed(case: Case) -> Iterator[Look]:
    """Find sites that compute another activation function than their partner."""
    for pair in _pairs(case):
        ours, theirs = pair.site.activation, pair.base.activation
        trouble = f"the activation is {ours}, in the baseline {theirs}" if ours != theirs else None
        yield Look(trouble, site=pair.site.name, value=ours, limit=theirs)


def missing_site(case: Case) -> Iterator[Look]:
    """Find sites of the baseline that the signature has not."""
    for pair in _pairs(case):
        yield Look(None, site=pair.base.name)
    for site in filter(case.selects, case.baseline.missing):
        yield Look(f"the baseline has this {site.activation}, the model has not", site=site.name)


def new_site(case: Case) -> Iterator[Look]:
    """Find sites that the baseline has not."""
    for pair in _pairs(case):
        yield Look(None, site=pair.site.name)
    for site in filter(case.selects, case.baseline.new):
        yield Look(f"the model has this {site.activation}, the baseline has not", site=site.name)


def lost_score(case: Case) -> Iterator[Look]:
    """Find sites that had a score in the baseline and have none."""
    for pair in _pairs(case):
        if pair.base.affinity is None:
            continue
        trouble = None
        if pair.site.affinity is None:
            trouble = f"no score ({pair.site.status}: {pair.site.reason or 'no reason on record'})"
            trouble += f"; the baseline had {pair.base.affinity:.4g}"
        yield Look(trouble, site=pair.site.name, value=pair.site.affinity, limit=pair.base.affinity)


def not_comparable(case: Case) -> Iterator[Look]:
    """Find what makes a score another one besides the model: data, pooling, estimate."""
    sides = (case.signature, case.baseline.baseline)
    for about, (ours, theirs) in {
        "data": (_data(sides[0]), _data(sides[1])),
        "pool": (str(sides[0].run.get("pool")), str(sides[1].run.get("pool"))),
        "covariance": (str(sides[0].run.get("covariance")), str(sides[1].run.get("covariance"))),
    }.items():
        trouble = f"{about}: {ours}, in the baseline {theirs}" if ours != theirs else None
        if about == "data" and None in (s.data.get("sha256") for s in sides):
            trouble = "data: not known to be the same, a digest is missing"
        yield Look(trouble, about=about, value=ours, limit=theirs)


def _data(signature: Signature) -> str:
    digest, samples = signature.data.get("sha256"), signature.data.get("samples")
    return f"{samples} samples with sha256 {str(digest)[:12]}"

"""Site by site: how far two signatures differ, and whether more than chance would have it."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from onnx_affscore.comparison import Alignment, Difference, Member, PairComparison
from onnx_affscore.errors import DataError
from onnx_affscore.records import FloatArray, ScoredSite, Signature
from onnx_affscore.statistics.alignment import align as aligned
from onnx_affscore.statistics.corrections import corrected

__all__ = ["compare_pair", "paired_std"]

_Z95 = 1.959963984540054  # the normal distribution's 97.5 % quantile
_FEW = 10  # samples per direction: below it the estimates of a covariance are visibly biased
_CORRECTED = {"corrected": "empirical"}  # differ by a bias that is below a few thousandths
_RATIO = 2  # by which samples per direction may differ before the biases do


def compare_pair(
    a: Member, b: Member, *, align: str = "auto", correction: str = "holm"
) -> PairComparison:
    r"""Return the differences b - a of aligned sites, with 95 % intervals and p values.

    The standard error is that of independent scores,

    .. math:: \mathrm{se} = (\mathrm{se}_a^2 + \mathrm{se}_b^2)^{1/2},

    or, where the influences of the same samples on both are known, that of paired ones
    (:func:`paired_std`). Interval and two-sided p value are those of the normal distribution; p
    is corrected over the sites of this pair. Where a site has no standard error, its samples
    being too few for one, the difference stands alone, with the reason; a p value of 0/0 is 1.
    """
    alignment = aligned(a.signature, b.signature, method=align)
    same, known = _same_data(a.signature, b.signature), (a.influences or {}, b.influences or {})
    differences = []
    for i, j in alignment.pairs:
        site, other = a.signature.sites[i], b.signature.sites[j]
        paired = None
        if same and site.name in known[0] and other.name in known[1]:
            paired = paired_std(known[0][site.name], known[1][other.name])
        differences.append(_difference(site, other, paired))
    p = corrected([d.p for d in differences], method=correction)
    return PairComparison(
        a=a.label,
        b=b.label,
        alignment=alignment,
        differences=tuple(
            replace(d, p_corrected=value) for d, value in zip(differences, p, strict=True)
        ),
        warnings=_warnings(a.signature, b.signature, alignment, differences),
    )


def paired_std(a: FloatArray, b: FloatArray) -> float:
    r"""Return the standard error of b - a for two scores of the same n samples.

    .. math:: \mathrm{se} = \Big( \sum_k (b_k - a_k)^2 / (n (n - 1)) \Big)^{1/2}

    a_k and b_k being the influence of sample k on each score, (n,) each, of mean zero, in units of
    the score. What both scores owe to the same samples cancels. Raises :class:`DataError` where
    the numbers of samples differ, or are below two.
    """
    n = len(a)
    if a.shape != b.shape or n < 2:
        raise DataError(
            f"influences of {n} and of {len(b)} samples cannot be paired; "
            "score both models on the same samples, two or more"
        )
    return float(np.linalg.norm(b - a)) / math.sqrt(n * (n - 1))


def _difference(a: ScoredSite, b: ScoredSite, paired: float | None) -> Difference:
    first, second = _score(a, "affinity"), _score(b, "affinity")
    std, reason = _independent_std(a, b)
    paired = None if std is None else paired
    std = std if paired is None else paired
    found = second - first
    p = None
    if std is not None and (std > 0 or found == 0):
        p = math.erfc(abs(found) / std / math.sqrt(2)) if std else 1.0
    elif std is not None:
        std, reason = None, "the standard error is 0 and the difference is not"
    return Difference(
        site_a=a.name,
        site_b=b.name,
        activation_a=a.activation,
        activation_b=b.activation,
        a=first,
        b=second,
        difference=found,
        std=std,
        low=None if std is None else found - _Z95 * std,
        high=None if std is None else found + _Z95 * std,
        p=p,
        p_corrected=None,
        paired=paired is not None,
        reason=reason,
        warnings=tuple(_site_warnings(a, b)),
    )


def _score(site: ScoredSite, name: str) -> float:
    value = site.scores[name]
    return float(value) if value is not None else math.nan


def _independent_std(a: ScoredSite, b: ScoredSite) -> tuple[float | None, str | None]:
    errors = [site.scores.get("affinity_std") for site in (a, b)]
    for site, error in zip((a, b), errors, strict=True):
        if not isinstance(error, float):
            return None, site.reasons.get("affinity_std", "no standard error was measured")
    return math.hypot(*(float(e) for e in errors if e is not None)), None


def _site_warnings(a: ScoredSite, b: ScoredSite) -> Sequence[str]:
    found = []
    estimates = [str(site.scores.get("covariance")) for site in (a, b)]
    if len({_CORRECTED.get(name, name) for name in estimates}) > 1:
        found.append(f"not comparable: the covariance is {' against '.join(estimates)}")
    loads = [_samples_per_direction(site) for site in (a, b)]
    if min(loads) < _FEW and max(loads) > _RATIO * min(loads):
        found.append(
            "hardly comparable: samples per direction are "
            f"{' against '.join(f'{load:.3g}' for load in loads)}, and few of them bias a score"
        )
    return found


def _same_data(a: Signature, b: Signature) -> bool:
    digests, counts = (
        {signature.data.get(name) for signature in (a, b)} for name in ("sha256", "samples")
    )
    return len(digests) == len(counts) == 1 and None not in digests


def _samples_per_direction(site: ScoredSite) -> float:
    ranks = [rank for rank in (site.rank.get("input"), site.rank.get("output")) if rank]
    return site.samples / max(ranks, default=site.features or 1)


def _warnings(
    a: Signature, b: Signature, alignment: Alignment, differences: Sequence[Difference]
) -> tuple[str, ...]:
    found = []
    if alignment.method == "dtw":
        found.append(
            "sites are paired by their values, so that differences are as small as warping can"
            " make them: p values say nothing of sites that were not meant for each other"
        )
    same = _same_data(a, b)
    independent = any(d.std is not None and not d.paired for d in differences)
    if same and independent:
        found.append(
            "scored on the same samples and compared as independent: where errors go together, as"
            " they usually do, the intervals are wider than need be; --influence compares in pairs"
        )
    if not same and any(d.std is not None for d in differences):
        found.append("scored on different data: the differences are those of models and data")
    return tuple(found)

"""The affinity score of prepared rows by one estimate of the covariances."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import PairedSample, Status
from onnx_affscore.score.estimate import COVARIANCES, REFERENCE_RIDGE, Estimate
from onnx_affscore.score.gaussian import transported
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.transport import Transport, squared_w2

__all__ = ["Affinity", "affinity"]

GAP: Final = 1e-6
"""Widest interval left open by the optimisation in which a score is given, as its lower end: one
unit of the last digit that is printed."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """An affinity score with everything that it rests on.

    ``value`` is None unless ``status`` is ok, and ``reason`` then says why. ``lower`` and
    ``upper`` bound the value as far as the optimisation goes and are equal where it was exact.
    Ranks count the directions above the noise floors, which are standard deviations in the units
    of the features; ``shrinkage`` are the intensities used on both sides, None for no shrinkage.
    """

    value: float | None
    status: Status
    reason: str | None
    covariance: str
    rank_x: int | None = None
    rank_y: int | None = None
    floor_x: float | None = None
    floor_y: float | None = None
    shrinkage_x: float | None = None
    shrinkage_y: float | None = None
    lower: float | None = None
    upper: float | None = None
    transport: Transport | None = None
    warnings: tuple[str, ...] = ()


def affinity(sample: PairedSample | Prepared, *, covariance: str) -> Affinity:
    """Affinity score of one activation, with what it rests on; trouble is a status, never NaN.

    The score of a constant input or output is 0/0 and has status degenerate.

    Parameters
    ----------
    sample : PairedSample or Prepared
        Rows before and after; a Prepared one shares its factorisations with other metrics.
    covariance : str
        A name in :data:`COVARIANCES`.

    Returns
    -------
    Affinity
        The score, its ranks, noise floors, shrinkage and transport.
    """
    if covariance not in COVARIANCES:
        raise OptionError(f"covariance is {covariance!r}; wanted one of {', '.join(COVARIANCES)}")
    prepared = sample if isinstance(sample, Prepared) else Prepared(sample)
    name = covariance
    if trouble := prepared.trouble:
        return Affinity(None, trouble.status, trouble.reason, name)
    follows_reference = name.startswith("reference") and prepared.n > 1
    if (trouble := prepared.constant) and not follows_reference:
        return Affinity(None, trouble.status, trouble.reason, name, *_ranks(prepared))
    x, y = COVARIANCES[name](prepared)
    facts = (*_ranks(prepared), x.intensity, y.intensity)
    with np.errstate(over="ignore"):
        bar = 2.0 * REFERENCE_RIDGE * prepared.d * float(np.ldexp(1.0, -2 * prepared.y.exponent))
    if follows_reference and y.trace <= bar:
        warning = "the output is constant: the published code answers 1"
        return Affinity(
            1.0, Status.OK, None, name, *facts, lower=1.0, upper=1.0, warnings=(warning,)
        )
    plan = _plan(x, y)
    lower, upper = (1.0 - math.sqrt(squared / 2.0) for squared in (plan.cost, plan.bound))
    if upper - lower > GAP:
        reason = (
            f"no optimal plan was found for {prepared.n} samples; "
            f"the score lies between {lower:.6f} and {upper:.6f}"
        )
        return Affinity(
            None, Status.UNDEFINED, reason, name, *facts, lower=lower, upper=upper, transport=plan
        )
    return Affinity(lower, Status.OK, None, name, *facts, lower=lower, upper=upper, transport=plan)


def _plan(x: Estimate, y: Estimate) -> Transport:
    """Optimal plan between T_aff X and Y, both in units of the deviation of Y."""
    unit = math.sqrt(y.trace)
    return squared_w2(transported(x, y) / unit, y.compact_rows / unit)


def _ranks(sample: Prepared) -> tuple[int | None, int | None, float | None, float | None]:
    if sample.n < 2:
        return None, None, None, None
    x, y = sample.ranks
    return x.rank, y.rank, sample.x.in_features(x.floor), sample.y.in_features(y.floor)

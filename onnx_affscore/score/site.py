"""Everything measured at one site, in the shape of the contract's JSON."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from onnx_affscore.records import PairedSample, Reading, SiteScore, Status
from onnx_affscore.score.affinity import Affinity
from onnx_affscore.score.batches import batch_scores
from onnx_affscore.score.details import details
from onnx_affscore.score.headline import AUTO, CORRECTED, Scored, scored
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.table import companions
from onnx_affscore.score.uncertainty import AMPLE

__all__ = ["score_sample"]

NOT_SELECTED = "metric not selected"


def score_sample(
    sample: PairedSample,
    *,
    covariance: str = AUTO,
    metrics: Collection[str] | None = None,
    influence: bool = False,
    batches: int | None = None,
    drawn: bool = True,
) -> SiteScore:
    """Measure one activation: the affinity score in every reported estimate, and the companions.

    Every key of the contract's ``scores`` is there; a score that cannot be given is None, with
    its reason. Where a side is constant or holds numbers that are not finite, the affinity is
    None and the status says which; other metrics are given as far as they are defined.

    Parameters
    ----------
    sample : PairedSample
        Rows before and after.
    covariance : str
        The estimate behind the headline ``affinity``; see :func:`affinity_score`.
    metrics : collection of str, optional
        Names of the companions wanted, see :func:`companions`; None is all of them.
    influence : bool
        Keep the influence of every sample on the score.
    batches : int, optional
        Also score consecutive batches of so many rows, see :func:`batch_scores`.
    drawn : bool
        Give figures for drawings, see :func:`~onnx_affscore.score.details.details`.

    Returns
    -------
    SiteScore
        ``rank.noise_floor`` is the input's, a standard deviation in the units of the features;
        ``transport`` belongs to the headline.

    Raises
    ------
    DataError
        The two sides do not have one shape (samples, features).
    OptionError
        An unknown covariance or metric.
    """
    table = companions(metrics)
    wanted = set(table) if metrics is None else set(metrics)
    prepared = Prepared(sample)
    found = scored(prepared, covariance=covariance)
    headline = found.headline
    readings = {
        "affinity": _reading(headline),
        **_interval(found),
        "affinity_empirical": _reading(found.estimates["empirical"]),
        "affinity_ledoit_wolf": _reading(found.estimates["ledoit-wolf"]),
        "affinity_corrected": _reading(found.estimates[CORRECTED]),
    }
    for key, metric in table.items():
        skipped = Reading(None, Status.UNSCORED, NOT_SELECTED)
        absent = dict.fromkeys(metric.keys, skipped)
        readings |= metric.measure(prepared) if key in wanted else absent
    if batches is not None:
        readings |= batch_scores(sample, size=batches, covariance=covariance)
    readings = {key: _checked(reading) for key, reading in readings.items()}
    return SiteScore(
        status=headline.status,
        reason=headline.reason,
        samples=prepared.n,
        features=prepared.d,
        scores={
            "affinity": readings.pop("affinity").value,
            "covariance": headline.covariance,
            **{key: reading.value for key, reading in readings.items()},
        },
        rank={
            "input": headline.rank_x,
            "output": headline.rank_y,
            "noise_floor": headline.floor_x,
        },
        transport=_transport(headline),
        adequacy=_adequacy(prepared, found),
        influence=found.known.influence if influence else None,
        details=details(prepared) if drawn else {},
        reasons=_reasons({"affinity": _reading(headline), **readings}),
        warnings=_warnings(prepared, found, readings),
    )


def _interval(found: Scored) -> dict[str, Reading]:
    """The interval of 95 % and the standard error, or why they are not given."""
    known = found.known
    numbers = {
        "affinity_low": known.low,
        "affinity_high": known.high,
        "affinity_std": known.std,
    }
    return {
        key: Reading(number)
        if number is not None
        else Reading(None, Status.UNDEFINED, known.reason)
        for key, number in numbers.items()
    }


def _adequacy(sample: Prepared, found: Scored) -> dict[str, Any]:
    known, shrunk = found.known, found.estimates["ledoit-wolf"]
    return {
        "verdict": str(known.verdict),
        "reason": known.reason,
        "samples_per_feature": sample.n / sample.d if sample.d else None,
        "samples_per_direction": known.samples_per_direction,
        "shrinkage_input": shrunk.shrinkage_x,
        "shrinkage_output": shrunk.shrinkage_y,
        "plan": known.plan and str(known.plan),
        "estimand": known.estimand and str(known.estimand),
        "bias": known.bias,
        "ceiling": known.ceiling,
    }


def _reading(found: Affinity) -> Reading:
    return Reading(found.value, found.status, found.reason)


def _checked(reading: Reading) -> Reading:
    """The reading as a plain float, or as undefined where it is no number after all."""
    if reading.value is None:
        return reading
    if not math.isfinite(reading.value):
        return Reading(None, Status.UNDEFINED, f"the result is {reading.value}, out of range")
    return Reading(float(reading.value), diagnostics=reading.diagnostics)


def _reasons(readings: Mapping[str, Reading]) -> dict[str, str]:
    return {
        key: reading.reason or "no reason was recorded"
        for key, reading in readings.items()
        if reading.value is None
    }


def _transport(found: Affinity) -> dict[str, Any]:
    plan = found.transport
    return {
        "solver": plan and plan.solver,
        "certificate": plan and plan.certificate,
        "paired": plan and plan.paired,
        "lower": found.lower,
        "upper": found.upper,
    }


def _warnings(sample: Prepared, scored: Scored, readings: Mapping[str, Reading]) -> tuple[str, ...]:
    headline = scored.headline
    found = list(headline.warnings)
    rank = max(headline.rank_x or 0, headline.rank_y or 0)
    ratio = scored.known.samples_per_direction
    if ratio is not None and ratio < AMPLE and headline.covariance == "empirical":
        found.append(
            f"affinity: {sample.n} samples for rank {rank}; the empirical estimate is biased "
            "upwards below 10 samples per direction"
        )
    if headline.status is Status.OK and sample.n <= 2:
        found.append(
            f"affinity: {sample.n} samples always lie on a line, where every map that keeps their"
            " order is affine: the score says nothing"
        )
    for reading in readings.values():
        found.extend(reading.diagnostics.get("warnings", ()))
    return tuple(found)

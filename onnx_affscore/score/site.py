"""Everything measured at one site, in the shape of the contract's JSON."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from onnx_affscore.errors import OptionError
from onnx_affscore.records import PairedSample, Reading, SiteScore, Status
from onnx_affscore.score.affinity import AUTO, Affinity, affinity, choose_covariance
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.table import METRICS

__all__ = ["score_sample"]

NO_INTERVAL = "sampling intervals are not computed in this version"
NOT_SELECTED = "metric not selected"

INTERVAL_KEYS = ("affinity_low", "affinity_high", "affinity_std")


def score_sample(
    sample: PairedSample, *, covariance: str = AUTO, metrics: Collection[str] | None = None
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
        Names in :data:`METRICS` of the companions wanted; None is all of them.

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
    wanted = set(METRICS) if metrics is None else set(metrics)
    if unknown := sorted(wanted - set(METRICS)):
        raise OptionError(f"no metric {', '.join(unknown)}; wanted some of {', '.join(METRICS)}")
    prepared = Prepared(sample)
    name = choose_covariance(prepared) if covariance == AUTO else covariance
    found = {
        key: affinity(prepared, covariance=key)
        for key in dict.fromkeys((name, "empirical", "ledoit-wolf"))
    }
    headline = found[name]
    readings = {
        "affinity": _reading(headline),
        **dict.fromkeys(INTERVAL_KEYS, Reading(None, Status.UNSCORED, NO_INTERVAL)),
        "affinity_empirical": _reading(found["empirical"]),
        "affinity_ledoit_wolf": _reading(found["ledoit-wolf"]),
    }
    for key, metric in METRICS.items():
        skipped = Reading(None, Status.UNSCORED, NOT_SELECTED)
        absent = dict.fromkeys(metric.keys, skipped)
        readings |= metric.measure(prepared) if key in wanted else absent
    readings = {key: _checked(reading) for key, reading in readings.items()}
    return SiteScore(
        status=headline.status,
        reason=headline.reason,
        samples=prepared.n,
        features=prepared.d,
        scores={
            "affinity": readings.pop("affinity").value,
            "covariance": name,
            **{key: reading.value for key, reading in readings.items()},
        },
        rank={
            "input": headline.rank_x,
            "output": headline.rank_y,
            "noise_floor": headline.floor_x,
        },
        transport=_transport(headline),
        reasons=_reasons({"affinity": _reading(headline), **readings}),
        warnings=_warnings(prepared, headline, readings),
    )


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


def _warnings(
    sample: Prepared, headline: Affinity, readings: Mapping[str, Reading]
) -> tuple[str, ...]:
    found = list(headline.warnings)
    rank = max(headline.rank_x or 0, headline.rank_y or 0)
    scarce = headline.status is Status.OK and choose_covariance(sample) != "empirical"
    if scarce and headline.covariance == "empirical":
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

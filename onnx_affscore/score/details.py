"""What a person sees of one activation: distributions, its shape in use, spectra; short lists."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from onnx_affscore.records import Array, FloatArray
from onnx_affscore.score.moments import Prepared

__all__ = ["details"]

BINS: Final = 32
POINTS: Final = 32
EIGENVALUES: Final = 40
VALUES: Final = 1 << 13
"""Values looked at of each side; more of them would not change a drawing."""

TAILS: Final = 0.001
"""Share of the values on each side of what is drawn, where they would double its width."""

NARROW: Final = 0.25
"""A side with less than this share of the common range is drawn over a range of its own."""

LEAST: Final = 5
"""Values in a bin that has a mean and percentiles."""


def details(sample: Prepared) -> Mapping[str, Any]:
    r"""Figures for drawings of one activation, six digits each; empty where a side is not finite.

    ``before`` and ``after``: how the values of all features are spread; ``counts`` in bins of one
    width from ``low`` to ``high``, and the number of values ``outside`` of them. Both sides share
    their bins unless one is much narrower.

    ``shape``: in bins of one width over ``before``'s range, the mean of y where x lies in the bin
    and its 5th and 95th percentiles, null where the bin holds less than five values. Of features
    that are means over positions this is wider and flatter than the function itself.

    ``spectrum``: eigenvalues of the two covariances (ddof 0), largest first, each in the square of
    the features' unit, at the numbers in ``index``, which are spread evenly on a log scale.
    ``floor`` is the square of the noise floor: what lies below is rounding.

    Of large samples every so many rows (and columns) are taken for all but the spectrum.
    """
    if sample.trouble:
        return {}
    x, y = (_some(side.features) for side in (sample.x, sample.y))
    ranges = _ranges(_range(x), _range(y))
    before, after = (_spread(*side) for side in zip((x, y), ranges, strict=True))
    found: dict[str, Any] = {"before": before, "after": after, "shape": _shape(x, y, ranges[0])}
    if sample.n > 1:
        found["spectrum"] = _spectrum(sample)
    return found


def _some(features: FloatArray) -> FloatArray:
    """At most about ``VALUES`` values, in whole rows where these are not longer than that."""
    across = -(-features.shape[1] // VALUES)
    narrowed = features[:, ::across]
    down = -(-narrowed.size // VALUES)
    return narrowed[::down].ravel()


def _range(values: FloatArray) -> tuple[float, float]:
    """The least and the greatest value, or where the tails begin that would take half of it."""
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore"):
        inner, outer = (float(v) for v in np.quantile(values, (TAILS, 1.0 - TAILS)))
        if 2.0 * (outer - inner) < high - low and outer > inner:
            low, high = inner, outer
    return low, high


def _ranges(
    x: tuple[float, float], y: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """One range for both sides, or each its own."""
    low, high = min(x[0], y[0]), max(x[1], y[1])
    narrowest = min(x[1] - x[0], y[1] - y[0])
    shared = narrowest >= NARROW * (high - low)
    return ((low, high), (low, high)) if shared else (x, y)


def _spread(values: FloatArray, ends: tuple[float, float]) -> dict[str, Any]:
    low, high = ends
    places = _places(values, ends, BINS)
    counts = np.bincount(places[places >= 0], minlength=BINS)
    return {
        "low": _short(low),
        "high": _short(high),
        "counts": counts.tolist(),
        "outside": int(np.count_nonzero(places < 0)),
    }


def _places(values: FloatArray, ends: tuple[float, float], bins: int) -> Array:
    """The bin of each value, -1 outside; one bin holds all where there is no range."""
    low, high = ends
    unit = max(abs(low), abs(high)) or 1.0  # no difference of two numbers overflows
    width = high / unit - low / unit
    share = (values / unit - low / unit) / width if width > 0.0 else np.zeros(values.shape)
    places = np.minimum((np.clip(share, 0.0, 1.0) * bins).astype(np.intp), bins - 1)
    return np.where((values < low) | (values > high), -1, places)


def _shape(x: FloatArray, y: FloatArray, ends: tuple[float, float]) -> dict[str, Any]:
    places = _places(x, ends, POINTS)
    order = np.argsort(y)
    order = order[np.argsort(places[order].astype(np.int16), kind="stable")]  # a radix sort
    y = y[order]
    starts = np.searchsorted(places[order], np.arange(POINTS + 1))
    unit = float(np.abs(y).max()) or 1.0  # no sum overflows
    sums = np.concatenate([[0.0], np.cumsum(y / unit)])
    means: list[float | None] = [None] * POINTS
    lows, highs = means.copy(), means.copy()
    for k, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        many = end - start
        if many < LEAST:
            continue
        means[k] = _short(float(unit * ((sums[end] - sums[start]) / many)))
        lows[k] = _short(float(y[start + int(0.05 * (many - 1))]))
        highs[k] = _short(float(y[end - 1 - int(0.05 * (many - 1))]))
    spread = {"mean": means, "p5": lows, "p95": highs}
    return {"low": _short(ends[0]), "high": _short(ends[1]), **spread}


def _spectrum(sample: Prepared) -> dict[str, Any]:
    many = len(sample.spectra[0])
    index = np.unique(np.geomspace(1, many, EIGENVALUES).round().astype(int))
    found: dict[str, Any] = {"index": index.tolist()}
    for key, side, values, rank in zip(
        ("before", "after"), (sample.x, sample.y), sample.spectra, sample.ranks, strict=True
    ):
        chosen = np.append(values[::-1][index - 1].clip(0.0), rank.floor**2)
        with np.errstate(over="ignore", under="ignore"):
            squares = np.ldexp(chosen, 2 * side.exponent).tolist()
        *found[key], found[f"floor_{key}"] = [
            _short(v) if math.isfinite(v) else None for v in squares
        ]
    return found


def _short(value: float) -> float:
    return float(f"{value:.6g}")

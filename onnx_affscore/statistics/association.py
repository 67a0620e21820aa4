"""Accuracy against the statistics of signatures: two coefficients, how stable, and how likely."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from math import factorial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from onnx_affscore.comparison import Association
from onnx_affscore.records import FloatArray
from onnx_affscore.statistics.corrections import corrected
from onnx_affscore.statistics.summaries import STATISTICS

__all__ = ["COEFFICIENTS", "FEW", "associations", "correlate"]

FEW = 10  # models: with fewer, a correlation proves nothing
_EXACT = 8  # models: up to here every order is tried, 40,320 of them
_RANDOM = 9999
_SLACK = 1e-12  # a permutation that gives the same coefficient but for rounding counts

Transform: TypeAlias = Callable[[FloatArray], FloatArray]


def _ranks(values: FloatArray) -> FloatArray:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=float)


# Name: what is done to the values before they are correlated.
COEFFICIENTS: Mapping[str, Transform] = {
    "pearson": lambda values: values,
    "spearman": _ranks,
}


def associations(
    summaries: Sequence[Mapping[str, float | None]],
    accuracies: Sequence[float],
    *,
    correction: str = "holm",
) -> tuple[Association, ...]:
    """Return every statistic of signatures against the accuracies of their models.

    Models whose signature is empty are left out. p values are corrected over all rows.
    """
    rows = []
    for name in STATISTICS:
        pairs = zip((found[name] for found in summaries), accuracies, strict=True)
        kept = [(value, accuracy) for value, accuracy in pairs if value is not None]
        x, y = np.array(kept, dtype=float).reshape(-1, 2).T
        rows += [replace(correlate(x, y, coefficient=c), statistic=name) for c in COEFFICIENTS]
    p = corrected([row.p for row in rows], method=correction)
    return tuple(replace(row, p_corrected=value) for row, value in zip(rows, p, strict=True))


def correlate(x: FloatArray, y: FloatArray, *, coefficient: str = "pearson") -> Association:
    r"""Return Pearson's or Spearman's coefficient of two sequences of n numbers.

    .. math:: r = \frac{\sum_i (x_i - \bar x)(y_i - \bar y)}
              {(\sum_i (x_i - \bar x)^2 \sum_i (y_i - \bar y)^2)^{1/2}}

    Spearman's is r of the ranks, ties by their mean rank. ``low`` and ``high`` are its extremes
    with one point left out. p is the share of the orders of y whose \|r\| is no less: of all n! up
    to n = 8, of 9,999 random ones (seed 0) and the order found beyond; it needs no normal
    distribution. Fewer than three points, or a constant side, have no coefficient.
    """
    transform, n = COEFFICIENTS[coefficient], len(x)
    u = v = None
    reason = f"{n} points; a correlation needs three"
    if n >= 3:
        u, v = _standard(transform(x)), _standard(transform(y))
        reason = f"{'the statistic' if u is None else 'the accuracy'} is the same for all models"
    if u is None or v is None:
        return Association("", coefficient, n, None, reason=reason)
    r = float(u @ v)
    low, high = _left_out(x, y, transform)
    p = np.mean(np.abs(v[_orders(n)] @ u) >= abs(r) - _SLACK)
    return Association("", coefficient, n, r, low, high, float(p))


def _left_out(
    x: FloatArray, y: FloatArray, transform: Transform
) -> tuple[float, float] | tuple[None, None]:
    """Return the extremes of r with a point left out, None where one of these has no r."""
    found = []
    for k in range(len(x)):
        u, v = (_standard(transform(np.delete(side, k))) for side in (x, y))
        if u is None or v is None or len(u) < 3:
            return None, None
        found.append(float(u @ v))
    return min(found), max(found)


def _standard(values: FloatArray) -> FloatArray | None:
    """Centre and scale to length one; None where all values are equal."""
    if np.ptp(values) == 0:
        return None
    centred = values - values.mean()
    return np.asarray(centred / np.linalg.norm(centred), dtype=float)


def _orders(n: int) -> npt.NDArray[np.intp]:
    """Return all orders of n points, or random ones behind the given one."""
    if n <= _EXACT:
        flat = np.fromiter((i for order in permutations(range(n)) for i in order), dtype=np.intp)
        return flat.reshape(factorial(n), n)
    random = np.random.default_rng(0)
    start = np.broadcast_to(np.arange(n), (_RANDOM, n))
    return np.vstack([np.arange(n), random.permuted(start, axis=1)])

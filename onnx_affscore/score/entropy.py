"""Entropy of the histogram of each sample's features."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import FloatArray, Reading
from onnx_affscore.score.moments import Prepared, Side

__all__ = ["histogram_counts", "histogram_entropy"]

ELEMENTS: Final = 2**15
"""Elements counted together, so that the cache holds them; does not change results."""

ROUNDINGS: Final = 8.0 * float(np.finfo(np.float64).eps)
"""A place and an edge pass three roundings each, relative to the largest value of their row."""


def histogram_entropy(sample: Prepared) -> Mapping[str, Reading]:
    r"""Mean over the samples of the entropy of a histogram of the sample's own features.

    .. math:: H_i + \log d, \qquad H_i = -\sum_b p_{ib} \log p_{ib}

    in nats, with d bins of equal width between the smallest and the largest feature of row i.
    A row whose features are all equal counts as ``H = 0``.
    """
    return {"entropy_before": _reading(sample.x), "entropy_after": _reading(sample.y)}


def histogram_counts(rows: FloatArray) -> npt.NDArray[np.int64]:
    """Counts of each row's values in as many bins as it has values, (n, d).

    Equal to ``numpy.histogram(row, bins=d)`` for each row: bins are half open, the last one
    closed, and a value next to an edge is settled by comparing it with the edge itself. A value
    is next to an edge where the rounding of its place among the bins could matter; the smallest
    ones of a row, half of it behind a ReLU, lie in the first bin in any case.
    """
    n, bins = rows.shape
    low, high = rows.min(axis=1), rows.max(axis=1)
    constant = high == low  # NumPy widens an empty range by a half on both sides
    lowest = low[:, None]
    low, high = np.where(constant, low - 0.5, low), np.where(constant, high + 0.5, high)
    width = high - low
    place = rows - low[:, None]
    place /= width[:, None]
    place *= bins
    index = place.astype(np.int64)

    place -= index
    place -= 0.5  # from the middle of the bin
    np.abs(place, out=place)
    with np.errstate(over="ignore"):
        rounding = ROUNDINGS * bins * (1.0 + np.maximum(np.abs(low), np.abs(high)) / width)
    near = place >= 0.5 - np.minimum(rounding, 0.5)[:, None]
    near &= (rows != lowest) | constant[:, None]
    flat = index.reshape(-1)
    unsure = np.flatnonzero(near)
    row = unsure // bins
    flat[unsure] = _settled(
        rows.reshape(-1)[unsure], flat[unsure], low=low[row], high=high[row], bins=bins
    )
    index += bins * np.arange(n)[:, None]
    return np.bincount(flat, minlength=n * bins).reshape(n, bins)


def _settled(
    values: FloatArray,
    index: npt.NDArray[np.int64],
    *,
    low: FloatArray,
    high: FloatArray,
    bins: int,
) -> npt.NDArray[np.int64]:
    """The bins of values that were placed next to an edge, from the edges as NumPy rounds them."""
    step = (high - low) / bins
    settled = np.minimum(index, bins - 1)
    settled -= values < settled * step + low
    above = np.where(settled + 1 == bins, high, (settled + 1) * step + low)
    settled += (values >= above) & (settled != bins - 1)
    return settled


def _reading(side: Side) -> Reading:
    if side.trouble:
        return side.trouble
    occupied = np.zeros(side.d + 1)  # how many bins hold so many values
    block = max(1, ELEMENTS // side.d)
    for start in range(0, side.n, block):
        counts = histogram_counts(side.values[start : start + block])
        occupied += np.bincount(counts.ravel(), minlength=side.d + 1)
    shares = np.arange(1, side.d + 1) / side.d
    total = -float(occupied[1:] @ (shares * np.log(shares)))
    return Reading(total / side.n + float(np.log(side.d)))

"""Entropy of the histogram of each sample's features."""

from collections.abc import Mapping

import numpy as np

from onnx_affscore.records import FloatArray, Reading
from onnx_affscore.score.moments import Prepared, Side

__all__ = ["histogram_counts", "histogram_entropy"]

ELEMENTS = 2**20
"""Elements counted together; does not change results."""


def histogram_entropy(sample: Prepared) -> Mapping[str, Reading]:
    r"""Mean over the samples of the entropy of a histogram of the sample's own features.

    .. math:: H_i + \log d, \qquad H_i = -\sum_b p_{ib} \log p_{ib}

    in nats, with d bins of equal width between the smallest and the largest feature of row i.
    A row whose features are all equal counts as ``H = 0``.
    """
    return {"entropy_before": _reading(sample.x), "entropy_after": _reading(sample.y)}


def histogram_counts(rows: FloatArray) -> FloatArray:
    """Counts of each row's values in as many bins as it has values, (n, d).

    Equal to ``numpy.histogram(row, bins=d)`` for each row: bins are half open, the last one
    closed, and a value next to an edge is settled by comparing it with the edge itself.
    """
    n, bins = rows.shape
    low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
    constant = high == low  # NumPy widens an empty range by a half on both sides
    low, high = np.where(constant, low - 0.5, low), np.where(constant, high + 0.5, high)
    step = (high - low) / bins
    index = ((rows - low) / (high - low) * bins).astype(np.intp)
    index[index == bins] -= 1
    index -= rows < index * step + low
    above = np.where(index + 1 == bins, high, (index + 1) * step + low)
    index += (rows >= above) & (index != bins - 1)
    index += bins * np.arange(n)[:, None]
    return np.bincount(index.ravel(), minlength=n * bins).reshape(n, bins).astype(np.float64)


def _reading(side: Side) -> Reading:
    if side.trouble:
        return side.trouble
    total = 0.0
    block = max(1, ELEMENTS // side.d)
    for start in range(0, side.n, block):
        shares = histogram_counts(side.values[start : start + block]) / side.d
        total -= float(
            np.sum(shares * np.log(shares, where=shares > 0.0, out=np.zeros_like(shares)))
        )
    return Reading(total / side.n + float(np.log(side.d)))

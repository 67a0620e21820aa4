"""Centred kernel alignment with Gaussian kernels, which sees more than linear structure."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["rbf_cka"]

ROWS: Final = 512
"""Rows compared at most; of more, so many are taken at equal steps. That moves the figure by .002
to .01 in trained networks, as other samples would, and bounds memory and time whatever n is."""


def rbf_cka(sample: Prepared) -> Mapping[str, Reading]:
    r"""CKA with the biased HSIC estimate and a Gaussian kernel on each side [1]_.

    .. math::

        K_{ij} = \exp\bigl(-\lVert x_i - x_j \rVert^2 / (2 \sigma_x^2)\bigr), \qquad
        \frac{\operatorname{Tr}(K H L H)}
             {\sqrt{\operatorname{Tr}(K H K H) \operatorname{Tr}(L H L H)}}

    with :math:`H = I - 1 1^\top / n` and :math:`\sigma_x` the median of the distances of all pairs
    i < j of rows of X, and L likewise of Y: so the scale of neither side counts. 1 where Y is a
    rotated and scaled X.

    With more than :data:`ROWS` rows it is computed on so many at equal steps, and the reading's
    diagnostics say on how many. Degenerate where a side is constant; undefined where the median
    distance is rounding, as when more than half of the pairs coincide.

    References
    ----------
    .. [1] S. Kornblith et al., "Similarity of neural network representations revisited",
       ICML 2019, section 3.
    """
    if sample.constant:
        return {"cka_rbf": sample.constant}
    count = min(sample.n, ROWS)
    kept = np.arange(count) * sample.n // count
    kernels = []
    for side in (sample.x, sample.y):
        squared = _squared_distances(side.centred[kept])
        median = _median(squared)
        if median <= 2.0 * side.d * side.floor**2:
            reason = f"half of the pairs of rows of the {side.name} coincide up to rounding"
            return {"cka_rbf": Reading(None, Status.UNDEFINED, reason)}
        squared *= -0.5 / median
        kernels.append(np.exp(squared, out=squared))
    x, y = kernels
    value = _hsic(x, y) / math.sqrt(_hsic(x, x) * _hsic(y, y))
    return {"cka_rbf": Reading(value, diagnostics={"rows": count})}


def _squared_distances(rows: FloatArray) -> FloatArray:
    """Squared distance of each pair of rows, (n, n)."""
    norms = np.einsum("ij,ij->i", rows, rows)
    squared = rows @ rows.T
    squared *= -2.0
    squared += norms
    squared += norms[:, None]
    np.maximum(squared, 0.0, out=squared)
    np.fill_diagonal(squared, 0.0)
    return squared


def _median(squared: FloatArray) -> float:
    """Square of the median distance of the pairs i < j."""
    pairs = np.concatenate([row[i + 1 :] for i, row in enumerate(squared)])
    half = len(pairs) // 2
    middle = np.partition(pairs, (half - 1, half))[[half, half - 1 + len(pairs) % 2]]
    return float(np.sqrt(middle).mean()) ** 2


def _hsic(k: FloatArray, l: FloatArray) -> float:  # noqa: E741 - the letters of the equation
    n = len(k)
    sums = k.sum(axis=0), l.sum(axis=0)
    total = float(sums[0].sum()) * float(sums[1].sum())
    return float(np.vdot(k, l)) - 2.0 / n * float(sums[0] @ sums[1]) + total / n**2

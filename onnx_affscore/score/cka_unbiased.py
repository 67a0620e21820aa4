"""Linear centred kernel alignment without the bias of few samples."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["unbiased_cka"]

LEAST: Final = 4
"""Samples from which the estimate is defined: it divides by n - 3."""


def unbiased_cka(sample: Prepared) -> Mapping[str, Reading]:
    r"""Linear CKA with the unbiased estimate of HSIC [1]_ in all three places [2]_.

    With the kernels :math:`\tilde K, \tilde L` of X and Y, their diagonals set to zero,

    .. math::

        \mathrm{HSIC}_u(K, L) = \frac{1}{n (n - 3)} \Bigl[ \operatorname{Tr} \tilde K \tilde L
        + \frac{1^\top \tilde K 1 \, 1^\top \tilde L 1}{(n - 1)(n - 2)}
        - \frac{2}{n - 2} 1^\top \tilde K \tilde L 1 \Bigr].

    It does not change when X and Y are centred, and then needs no kernel: with k and l the squared
    norms of the centred rows the bracket is

    .. math::

        \lVert X_c^\top Y_c \rVert_F^2 - \frac{n}{n - 2} k^\top l
        + \frac{1^\top k \, 1^\top l}{(n - 1)(n - 2)}.

    At most 1; it may be negative, where the biased one (``cka``) tends to 1 as d grows at fixed n.
    Undefined for fewer than 4 samples; degenerate where a side is constant or all its rows are
    equally far apart, 0/0.

    References
    ----------
    .. [1] L. Song et al., "Feature selection via dependence maximization", JMLR 13, 2012, eq. 4.
    .. [2] T. Nguyen, M. Raghu, S. Kornblith, "Do wide and deep networks learn the same things?",
       ICLR 2021, section 3.
    """
    if sample.constant:
        return {"cka_unbiased": sample.constant}
    if sample.n < LEAST:
        reason = f"{sample.n} samples; the unbiased estimate wants at least {LEAST}"
        return {"cka_unbiased": Reading(None, Status.UNDEFINED, reason)}
    if sample.wide:
        cross = float(np.vdot(*sample.kernels))
    else:
        cross = float(np.linalg.norm(sample.cross_covariance)) ** 2
    x, y = (_row_norms(side.centred) / sample.n for side in (sample.x, sample.y))
    moments = sample.second_moments
    own_x, own_y = _bracket(moments[0], x, x), _bracket(moments[1], y, y)
    for own, moment, side in zip((own_x, own_y), moments, (sample.x, sample.y), strict=True):
        if own <= sample.n * float(np.finfo(np.float64).eps) * moment:
            reason = f"all rows of the {side.name} are equally far apart: 0/0"
            return {"cka_unbiased": Reading(None, Status.DEGENERATE, reason)}
    return {"cka_unbiased": Reading(_bracket(cross, x, y) / math.sqrt(own_x * own_y))}


def _row_norms(centred: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ij,ij->i", centred, centred))


def _bracket(product: float, k: FloatArray, l: FloatArray) -> float:  # noqa: E741 - as above
    n = len(k)
    sums = float(k.sum()) * float(l.sum())
    return product - n / (n - 2) * float(k @ l) + sums / ((n - 1) * (n - 2))

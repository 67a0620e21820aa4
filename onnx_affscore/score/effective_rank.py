"""How many directions the variance of a side spreads over."""

from collections.abc import Mapping

import numpy as np

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["effective_rank"]


def effective_rank(sample: Prepared) -> Mapping[str, Reading]:
    r"""Effective rank of the covariance of each side [1]_.

    .. math:: \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \qquad p_k = \lambda_k / \sum_l \lambda_l

    with the eigenvalues λ of the covariance (its singular values) above the square of the noise
    floor. Between 1, all variance along one line, and the rank, the same variance in each of its
    directions. Degenerate where the side is constant.

    References
    ----------
    .. [1] O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality",
       EUSIPCO 2007.
    """
    keys = ("effective_rank_before", "effective_rank_after")
    return {key: _reading(sample, index) for index, key in enumerate(keys)}


def _reading(sample: Prepared, index: int) -> Reading:
    if sample.trouble:
        return sample.trouble
    side = (sample.x, sample.y)[index]
    if sample.n == 1:
        return Reading(None, Status.DEGENERATE, "one sample has no spread; wanted at least 2")
    values = sample.spectra[index]
    kept = values[values > sample.ranks[index].floor ** 2]
    if not kept.size:
        reason = f"the {side.name} is constant up to the rounding of its data"
        return Reading(None, Status.DEGENERATE, reason)
    shares = kept / kept.sum()
    return Reading(float(np.exp(-(shares @ np.log(shares)))))

"""Linear fits on the numerical range of the input, and the features that there are to explain."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from onnx_affscore.records import FloatArray
from onnx_affscore.score.moments import Prepared, Side

__all__ = ["Fit", "fit", "squares", "unexplained", "varies"]


def squares(centred: FloatArray) -> FloatArray:
    """Sum of squares of each column, (d,)."""
    return np.asarray(np.einsum("ij,ij->j", centred, centred))


def varies(side: Side) -> npt.NDArray[np.bool_]:
    """Whether the standard deviation of each feature lies above the side's noise floor, (d,)."""
    return np.asarray(squares(side.centred) > side.n * side.floor**2)


@dataclass(frozen=True, slots=True)
class Fit:
    """The least-squares fit of the centred output on the centred input.

    The input is ``√n · rows · root``, as in :class:`~onnx_affscore.score.factor.Factor`, and the
    fitted output ``rows · weights``.
    """

    rows: FloatArray
    root: FloatArray
    weights: FloatArray


def fit(sample: Prepared) -> Fit:
    """Fit the output on the input's numerical range.

    An input proved to be regular needs no orthogonalisation: with the covariance ``Σx = L Lᵀ``
    its orthonormal rows are ``Xc L⁻ᵀ / √n``.
    """
    if sample.wide or not sample.regular[0]:
        factor = sample.factor(0)
        return Fit(factor.rows, factor.root, factor.rows.T @ sample.y.centred)
    lower = _lower(sample)
    columns = _solved(lower, sample.x.centred.T)
    columns /= math.sqrt(sample.n)
    weights = _solved(lower, sample.cross_covariance)
    weights *= math.sqrt(sample.n)
    return Fit(columns.T, lower.T, weights)


def _lower(sample: Prepared) -> FloatArray:
    return np.asarray(np.linalg.cholesky(sample.covariances[0]), dtype=np.float64)


def _solved(lower: FloatArray, right: FloatArray) -> FloatArray:
    found = linalg.solve_triangular(lower, right, lower=True, check_finite=False)
    return np.asarray(found, dtype=np.float64)


def unexplained(sample: Prepared, target: FloatArray) -> FloatArray:
    """Squared residual norm of each column of a centred target after a fit on the input, (d,).

    Directions of the input below its noise floor are rounding and explain nothing. An input
    proved to be regular needs no basis: its n - 1 dimensions explain everything, and a covariance
    Σx = L Lᵀ explains the squared column norms of ``L⁻¹ Σxt``.
    """
    if not sample.regular[0]:
        rows = sample.factor(0).rows
        return squares(target - rows @ (rows.T @ target))
    if sample.wide:
        return np.zeros(target.shape[1])
    lower = _lower(sample)
    shared = target is sample.y.centred
    covariance = sample.cross_covariance if shared else sample.x.centred.T @ target / sample.n
    explained = sample.n * squares(_solved(lower, covariance))
    return np.asarray(np.maximum(squares(target) - explained, 0.0))

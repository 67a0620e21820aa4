"""How much of the output's variance a linear fit on the input explains."""

from collections.abc import Mapping

import numpy as np
from scipy import linalg

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["in_sample_r2"]


def in_sample_r2(sample: Prepared) -> Mapping[str, Reading]:
    r"""R² of the in-sample least-squares fit of Y on X with intercept.

    .. math:: 1 - \lVert (I - U U^\top) y_j \rVert^2 / \lVert y_j \rVert^2

    for each centred output feature, with the columns of U an orthonormal basis of the centred
    input; the uniform mean over the features that vary above the output's noise floor. Directions
    of the input below its own noise floor are rounding and explain nothing. Where no output
    feature varies, R² is 0/0 and its status degenerate. With ``n <= d + 1`` a fit of full rank is
    perfect by construction: the reading says so in its diagnostics.
    """
    if sample.trouble:
        return {"r2": sample.trouble}
    if sample.n == 1 and sample.constant:
        return {"r2": sample.constant}
    centred = sample.y.centred
    variances = np.einsum("ij,ij->j", centred, centred)
    varying = variances > sample.n * sample.y.floor**2
    if not varying.any():
        reason = "no feature of the output varies above its noise floor"
        return {"r2": Reading(None, Status.DEGENERATE, reason)}
    unexplained = _unexplained(sample)[varying] / variances[varying]
    flagged = sample.n <= sample.d + 1
    warning = f"r2: {sample.n} samples for {sample.d} features; the fit is perfect by construction"
    diagnostics = {"warnings": (warning,)} if flagged else {}
    return {"r2": Reading(1.0 - float(unexplained.mean()), diagnostics=diagnostics)}


def _unexplained(sample: Prepared) -> FloatArray:
    """Squared residual norm of each output feature, (d,).

    An input proved to be regular needs no basis: its n - 1 dimensions explain everything, and a
    covariance Σx = L Lᵀ explains the squared column norms of ``L⁻¹ Σxy``.
    """
    centred = sample.y.centred
    if not sample.regular[0]:
        rows = sample.factor(0).rows
        residual = centred - rows @ (rows.T @ centred)
        return np.asarray(np.einsum("ij,ij->j", residual, residual))
    if sample.wide:
        return np.zeros(sample.d)
    lower = np.linalg.cholesky(sample.covariances[0])
    fitted = linalg.solve_triangular(lower, sample.cross_covariance, lower=True, check_finite=False)
    total = np.einsum("ij,ij->j", centred, centred)
    explained = sample.n * np.einsum("ij,ij->j", fitted, fitted)
    return np.asarray(np.maximum(total - explained, 0.0))

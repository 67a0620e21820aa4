"""Symmetric positive definite matrices: what a Cholesky factorisation proves, and their mean."""

from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["EIGEN_SPREAD", "congruent_map", "exceeds"]

EPS: Final = float(np.finfo(np.float64).eps)

EIGEN_SPREAD: Final = 1e-7
"""Eigenvalues of a formed matrix spread no wider than this carry its inverse root to 1e-10: the
error measured (d from 5 to 300) is 1e-18 to 1e-17 times the condition number, so 1e-11 here."""

BLOCK: Final = 256
"""Columns of a triangle multiplied together; does not change results beyond rounding."""


def exceeds(matrix: FloatArray, bound: float, *, terms: int) -> bool:
    r"""Whether the smallest eigenvalue of a Gram matrix is proved to lie above ``bound``.

    ``matrix`` (m, m) was computed as a product :math:`Z^\top Z` with sums of ``terms`` products.
    With the unit roundoff u it differs from the exact one by less than ``terms u Tr`` [1]_
    (section 3.5: by at most ``terms u |Z|ᵀ|Z|``, whose norm is at most the trace). A Cholesky
    factorisation that runs to its end is that of a matrix within ``(m + 1) u Tr`` of its argument
    [1]_ (theorem 10.3), which is thus positive definite. So where

    .. math:: M - \bigl(\mathrm{bound} + (terms + m + 2)\, 2u \operatorname{Tr} M\bigr) I

    has a Cholesky factor, every eigenvalue of the exact matrix exceeds the bound; the factor 2
    covers the terms of higher order, the shift, and what centring leaves of a mean. False says
    only that there is no such proof.

    References
    ----------
    .. [1] N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002.

    Examples
    --------
    >>> exceeds(np.diag([2.0, 1.0]), 0.999, terms=1), exceeds(np.diag([2.0, 1.0]), 1.0, terms=1)
    (True, False)
    """
    size = len(matrix)
    trace = float(np.trace(matrix))
    if not size or not 0.0 < trace < np.inf:
        return False
    shifted = matrix.copy()
    shifted[np.diag_indices(size)] -= bound + (terms + size + 2) * EPS * trace
    try:
        factor = np.linalg.cholesky(shifted)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(factor[-1, -1]))


def congruent_map(source: FloatArray, target: FloatArray) -> FloatArray | None:
    r"""The symmetric ``A > 0`` with ``A S A = T`` for covariances S and T, (m, m) each.

    .. math:: A = L (L^\top S L)^{-1/2} L^\top, \qquad L L^\top = T

    by the eigenvalues of the bracket B. Its relative error is below ``u κ(B)``, the rounding of B
    seen from its smallest eigenvalue, and ``κ(B)`` is measured: beyond 1/:data:`EIGEN_SPREAD`
    the answer is None, as it is where T has no Cholesky factor.
    """
    try:
        root: FloatArray = np.asarray(np.linalg.cholesky(target), dtype=np.float64)
        values, vectors = np.linalg.eigh(_congruence(root, source))
    except np.linalg.LinAlgError:
        return None
    if not values[0] > EIGEN_SPREAD * values[-1]:
        return None
    half = _lower_times(root, np.asarray(vectors, dtype=np.float64))
    half *= values**-0.25
    matrix: FloatArray = half @ half.T
    return matrix


def _congruence(lower: FloatArray, symmetric: FloatArray) -> FloatArray:
    """The lower triangle of ``Lᵀ S L``, which is all that eigenvalues are computed from."""
    size = len(lower)
    result: FloatArray = np.zeros((size, size))
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        strip = lower[start:, start:stop].T @ symmetric[start:]
        result[start:stop, :stop] = strip @ lower[:, :stop]
    return result


def _lower_times(lower: FloatArray, matrix: FloatArray) -> FloatArray:
    """The product of a lower triangle with a matrix."""
    result: FloatArray = np.empty(matrix.shape)
    for start in range(0, len(lower), BLOCK):
        stop = min(start + BLOCK, len(lower))
        np.matmul(lower[start:stop, :stop], matrix[:stop], out=result[start:stop])
    return result

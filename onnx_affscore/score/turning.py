"""The polar factor of a regular square matrix by eigenvalues, corrected and checked."""

from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["turned"]

COUPLING: Final = 1e-5
"""Largest cosines (Frobenius) that are corrected to first order: their square is 1e-10."""

NEGLIGIBLE: Final = 1e-12
"""Columns of the correction that are together no larger than this are left out."""

WEAK: Final = 1e-4
"""Singular values below this part of the largest are found anew: from the square of a matrix they
come with a relative error above 1e-8."""

FEW: Final = 0.25
"""Share of weak singular values up to which finding them anew is worth it."""


def turned(matrix: FloatArray, target: FloatArray) -> FloatArray | None:
    r"""``polar(M) · target`` for a regular square matrix M, (n, n) times (n, m).

    With V the eigenvectors of ``Mᵀ M``, orthonormal to rounding, the columns of ``M V`` are nearly
    orthogonal. Those of small norm are not; an SVD of them alone turns them, and their part of V,
    so that they are. Then ``M V = W D``, with unit columns W and norms D, and the cosines between
    the columns, ``G = Wᵀ W - I``, are computed anew. With them

    .. math::

        \operatorname{polar}(M) = W D \, (D (I + G) D)^{-1/2}\, V^\top
        = W (I - E + R) V^\top, \qquad E_{ij} = G_{ij} \frac{d_i}{d_i + d_j}, \qquad
        \lVert R \rVert \lesssim \lVert G \rVert_F^2 .

    (The terms of second order are ``G_ik G_kj`` times a factor that is at most 1 for any norms.)
    G is measured: where its norm exceeds :data:`COUPLING` the answer is None, so that R stays
    below 1e-10. As with an SVD, the result is the polar factor of a matrix within rounding of M
    (``Uᵀ M`` is symmetric to some ``u ‖M‖``) whatever the condition number. It takes a half to a
    third of the time.
    """
    n = len(matrix)
    try:
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
        weak = int(np.count_nonzero(values < WEAK**2 * values[-1]))
        if weak > max(1.0, FEW * n):
            return None
        columns = matrix @ vectors
        norms = np.sqrt(np.einsum("ij,ij->j", columns, columns))
        if weak:
            left, norms[:weak], right = np.linalg.svd(columns[:, :weak], full_matrices=False)
            columns[:, :weak] = left * norms[:weak]
            vectors[:, :weak] = vectors[:, :weak] @ right.T
    except np.linalg.LinAlgError:
        return None
    if not norms.min() > 0.0:
        return None
    columns /= norms
    cosines = columns.T @ columns
    np.fill_diagonal(cosines, 0.0)
    sizes = np.einsum("ij,ij->j", cosines, cosines)
    if not float(sizes.sum()) <= COUPLING**2:
        return None
    order = np.argsort(sizes)
    wanted = order[np.searchsorted(np.cumsum(sizes[order]), NEGLIGIBLE**2) :]
    image = vectors.T @ target
    correction = cosines[:, wanted] / (1.0 + norms[wanted] / norms[:, None])
    image -= correction @ image[wanted]
    return np.asarray(columns @ image)

"""T_aff of fewer samples than features: the polar factor of an n x n matrix, by eigenvalues."""

from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["spanning_map"]

COUPLING: Final = 1e-5
"""Largest first-order correction (Frobenius) of the polar factor; what it leaves out is of the
order of its square, 1e-10."""

NEGLIGIBLE: Final = 1e-13
"""Columns of the correction that are together no larger than this are left out."""


def spanning_map(x: FloatArray, y: FloatArray) -> FloatArray | None:
    r"""Rows of ``T_aff X`` for centred rows (n, m) that span n - 1 dimensions on both sides.

    .. math::

        T_{\mathrm{aff}} X = \operatorname{polar}(C)\, Y, \qquad
        C = X Y^\top + s\, 1 1^\top / n

    since with roots ``Rx = Hᵀ X``, ``Ry = Hᵀ Y`` for an orthonormal basis H of the complement of
    the ones vector the map is ``H polar(Rx Ryᵀ) Ry``; the second term, for which s may be any
    positive number, adds the direction that H lacks, and it is at right angles to Y.

    With V from the eigenvectors of ``Cᵀ C``, which are orthonormal to rounding but separate small
    singular values badly, ``W = C V`` has *nearly* orthogonal columns of norms d. Its Gram matrix
    ``D² + N`` is computed anew, so that

    .. math::

        \operatorname{polar}(C) = W (D^2 + N)^{-1/2} V^\top
        = W D^{-1} (I - E + O(E^2)) V^\top, \qquad
        E_{ij} = \frac{N_{ij}}{(d_i + d_j)\, d_j} .

    This is backward stable whatever the condition number (``Uᵀ C`` is symmetric to rounding); the
    error of U is of the order ``‖E‖²``, which is measured: where ``‖E‖`` exceeds
    :data:`COUPLING`, with singular values spread over more than some six decades, the answer is
    None.
    """
    n = len(x)
    product = x @ y.T
    product += float(np.linalg.norm(product)) / n**1.5
    try:
        vectors = np.linalg.eigh(product.T @ product)[1]
    except np.linalg.LinAlgError:
        return None
    turned = product @ vectors
    gram = turned.T @ turned
    norms = np.sqrt(np.diagonal(gram))
    if not norms.min() > 0.0:
        return None
    np.fill_diagonal(gram, 0.0)
    gram /= norms[:, None] + norms
    gram /= norms
    sizes = np.einsum("ij,ij->j", gram, gram)
    if not float(sizes.sum()) <= COUPLING**2:
        return None
    order = np.argsort(sizes)
    wanted = order[np.searchsorted(np.cumsum(sizes[order]), NEGLIGIBLE**2) :]
    target = vectors.T @ y
    target -= gram[:, wanted] @ target[wanted]
    turned /= norms
    image: FloatArray = turned @ target
    return image

"""T_aff: the optimal transport map between the normal approximations of both sides."""

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.definite import congruent_map
from onnx_affscore.score.estimate import Estimate, Roots
from onnx_affscore.score.factor import orthonormal, svd
from onnx_affscore.score.turning import turned

__all__ = ["aligned", "polar_root", "transported"]


def transported(x: Estimate, y: Estimate) -> FloatArray:
    r"""Centred rows of X under the affine map, in the coordinates of ``y.compact_rows``.

    .. math::

        T_{\mathrm{aff}}(x) = A (x - \mu_x) + \mu_y, \qquad
        A = L (L^\top \Sigma_x L)^{-1/2} L^\top, \quad L L^\top = \Sigma_y

    which is the limit of ``Σy^½ (Σy^½ Σx Σy^½)^-½ Σy^½`` [1]_ for vanishing ridges. With roots
    ``Σx = Rxᵀ Rx``, ``Σy = Ryᵀ Ry`` and ``L = Ryᵀ``, the matrix in the bracket is ``Mᵀ M`` for
    ``M = Rx Ryᵀ``; with ``Xc = F Rx`` it follows that

    .. math:: X_c A = F\, M (M^\top M)^{-1/2} R_y = F\, \operatorname{polar}(M)\, R_y .

    No inverse and no covariance is left. Where M is singular, because a direction of one side is
    at right angles to all of the other's range, its polar factor is the partial isometry that is
    zero there, and this *is* the limit: with ridges ε on both sides, singular values of the
    ridged M are of the order of 1, √ε or ε. Those of order 1 converge to the partial isometry's;
    what mixes into them from the others is of order √ε, and what the others carry reaches the
    rows through ``√ε`` parts of the ridged root of Σy alone.

    That is the general route. Where both covariances are well conditioned A itself is computed
    (:func:`congruent_map`). Where both sides span all n - 1 dimensions that centred rows can, an
    orthonormal basis H of the complement of the ones vector gives ``F = √n H`` and

    .. math:: X_c A = \operatorname{polar}(X_c Y_c^\top + s\, 1 1^\top) \, Y_c

    for any s > 0: the second term is the direction that H lacks, at right angles to Yc. Both take
    eigenvalues, and answer only where what they add to the rounding of the general route is below
    1e-10 of the rows. That bounds their part in the score's error: W2 moves by no more than the
    root mean square of what its samples move by.

    Parameters
    ----------
    x, y : Estimate
        Estimates of the two sides, in the same coordinates.

    Returns
    -------
    FloatArray
        ``T_aff X`` less its mean, shaped like ``y.compact_rows``.

    References
    ----------
    .. [1] Q. Bouniot et al., "From Alexnet to Transformers", CVPR 2025 (arXiv 2310.11439),
       section 3: closed form of optimal transport between normal distributions.
    """
    if x.covariance is not None and y.covariance is not None:
        matrix = congruent_map(x.covariance, y.covariance)
        if matrix is not None:
            return x.centred @ matrix
    if x.spanning and y.spanning:
        product = x.centred @ y.centred.T
        product += float(np.linalg.norm(product)) / len(product) ** 1.5
        rows = turned(product, y.centred)
        if rows is not None:
            return rows
    return x.roots.whitened @ polar_root(x, y)


def polar_root(x: Estimate, y: Estimate) -> FloatArray:
    """The polar factor of ``Rx Ryᵀ``, zero on the null space, times the compact root of Y."""
    root_x, root_y, target = x.roots.root, y.roots.root, y.compact_root
    shape = (len(root_x), len(root_y))
    if not all(shape):
        return np.zeros((len(root_x), target.shape[1]))
    product, whole = root_x @ root_y.T, root_x.shape[1]
    if shape == (whole, whole):
        image = turned(product, target)
        if image is not None:
            return image
    parts = aligned(x, y)
    if parts is None:
        return _common_polar(x, y) @ target
    left, _, right = parts
    return left @ (right @ target)


def aligned(x: Estimate, y: Estimate) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Thin SVD of ``Rx Ryᵀ``; None where a direction of one range is at right angles to the other.

    That is decided by the same noise floors as the ranks: X seen from the range of Y has as many
    directions as lie above the floor of X, Y seen from the range of X as many as lie above that
    of Y, and the smaller of the two numbers counts. The question arises only where neither range
    is the whole space.
    """
    root_x, root_y = x.roots.root, y.roots.root
    left, values, right = svd(root_x @ root_y.T)
    if root_x.shape[1] in (len(root_x), len(root_y)):
        return left, values, right
    x_seen = _smallest_seen(root_y.T @ right.T, values)
    y_seen = _smallest_seen(root_x.T @ left, values)
    return (left, values, right) if x_seen > x.floor and y_seen > y.floor else None


def _smallest_seen(axes: FloatArray, values: FloatArray) -> float:
    """A lower bound of the smallest deviation that one side has seen from the other's range.

    With ``Rx Ryᵀ = U S Vᵀ`` and B a basis of the range of Y, X seen from there is ``Rx B``, of
    which ``Bᵀ Ryᵀ V S⁻¹ Uᵀ`` is an inverse (from the right or the left): the bound is one over
    the inverse's Frobenius norm.
    """
    if not values[-1] > 0.0:
        return 0.0
    with np.errstate(over="ignore"):
        return 1.0 / float(np.linalg.norm(axes / values))


def _common_polar(x: Estimate, y: Estimate) -> FloatArray:
    """The polar factor on the directions that each range sees of the other above its floor."""
    basis_x, basis_y = _basis(x.roots), _basis(y.roots)
    x_in_y, y_in_x = x.roots.root @ basis_y, y.roots.root @ basis_x
    _, seen_x, axes_y = svd(x_in_y)
    _, seen_y, axes_x = svd(y_in_x)
    common = min(np.count_nonzero(seen_x > x.floor), np.count_nonzero(seen_y > y.floor))
    in_x, in_y = basis_x @ axes_x[:common].T, basis_y @ axes_y[:common].T
    rows_x, root_x = orthonormal(x.roots.root @ in_x)
    rows_y, root_y = orthonormal(y.roots.root @ in_y)
    left, _, right = svd(root_x @ (in_x.T @ in_y) @ root_y.T)
    return rows_x @ (left @ right) @ rows_y.T


def _basis(roots: Roots) -> FloatArray:
    """An orthonormal basis of the range, (m, k)."""
    return orthonormal(roots.root.T)[0] if roots.basis is None else roots.basis

"""Shrinkage intensities: Ledoit-Wolf's for the scaled identity and for constant correlation."""

from dataclasses import dataclass

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["CorrelationTarget", "constant_correlation", "ledoit_wolf"]


def ledoit_wolf(centred: FloatArray, *, features: int, second_moment: float) -> float:
    r"""Intensity of the shrinkage of a covariance (ddof 0) towards a scaled identity.

    .. math::

        s = \min(b^2, \delta^2) / \delta^2, \quad
        \delta^2 = \lVert \Sigma - \mu I \rVert_F^2, \quad
        b^2 = \tfrac1{n^2} \sum_k \lVert x_k x_k^\top - \Sigma \rVert_F^2, \quad
        \mu = \operatorname{Tr} \Sigma / d

    with Frobenius norms; the shrunk covariance is ``(1 - s) Σ + s μ I``. Equal to scikit-learn's
    ``ledoit_wolf_shrinkage`` [1]_. All terms are invariant under rotations, so any orthonormal
    coordinates of the rows will do.

    Parameters
    ----------
    centred : FloatArray
        Centred rows, (n, m), in any orthonormal coordinates.
    features : int
        The dimension d of the covariance, which may exceed m.
    second_moment : float
        The squared Frobenius norm of the covariance.

    Returns
    -------
    float
        The intensity, in [0, 1]; 0 where the covariance is a multiple of the identity already,
        as it always is in one dimension.

    References
    ----------
    .. [1] O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
       matrices", Journal of Multivariate Analysis 88 (2004) 365-411.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((100, 5))
    >>> rows -= rows.mean(axis=0)
    >>> moment = float(np.linalg.norm(rows.T @ rows / 100) ** 2)
    >>> 0.0 < ledoit_wolf(rows, features=5, second_moment=moment) < 1.0
    True
    """
    if features == 1:
        return 0.0
    n = len(centred)
    squares = np.einsum("ij,ij->i", centred, centred)
    trace = float(squares.sum()) / n
    spread = second_moment - trace**2 / features
    noise = (float(squares @ squares) / n - second_moment) / n
    noise = min(noise, spread)
    return noise / spread if noise > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class CorrelationTarget:
    """The constant-correlation target (d, d) of a covariance, and the intensity towards it."""

    covariance: FloatArray
    target: FloatArray
    intensity: float

    def shrunk(self) -> FloatArray:
        """The shrunk covariance ``(1 - s) Σ + s F``."""
        return (1.0 - self.intensity) * self.covariance + self.intensity * self.target


def constant_correlation(centred: FloatArray) -> CorrelationTarget:
    r"""Shrinkage of a covariance (ddof 0) towards its own variances with one common correlation.

    .. math::

        F_{ii} = \Sigma_{ii}, \quad F_{ij} = \bar r \sqrt{\Sigma_{ii} \Sigma_{jj}}, \quad
        s = \min\bigl(1, \max(0, (\pi - \rho) / (n \gamma))\bigr)

    with ``π`` the summed asymptotic variances of the entries of Σ, ``ρ`` their summed covariances
    with the entries of F, and ``γ`` the squared distance from F to Σ [1]_. Features that do not
    vary take no part; where F equals Σ (one or two features) there is nothing to shrink to, and
    the intensity is 0.

    References
    ----------
    .. [1] O. Ledoit and M. Wolf, "Honey, I shrunk the sample covariance matrix", Journal of
       Portfolio Management 30 (2004) 110-119, appendix B.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((100, 5))
    >>> target = constant_correlation(rows - rows.mean(axis=0))
    >>> bool(np.allclose(np.diag(target.target), np.diag(target.covariance)))
    True
    """
    n = len(centred)
    covariance: FloatArray = centred.T @ centred / n
    deviations = np.sqrt(np.diagonal(covariance))
    live = np.flatnonzero(deviations > 0.0)
    target = np.diag(deviations**2)
    if len(live) < 3:
        return CorrelationTarget(covariance, covariance.copy(), 0.0)
    block = np.ix_(live, live)
    rows, sigma, sd = centred[:, live], covariance[block], deviations[live]
    count = len(live)
    correlation = float(((sigma / sd / sd[:, None]).sum() - count) / (count * (count - 1)))
    constant = correlation * np.outer(sd, sd)
    np.fill_diagonal(constant, sd**2)
    target[block] = constant

    squares = rows**2
    variances = squares.T @ squares / n - sigma**2  # of each entry of Σ, times n
    cross = (squares * rows).T @ rows / n - (sd**2)[:, None] * sigma  # of Σ_ii with Σ_ij, times n
    ratio = sd / sd[:, None]  # √(Σ_jj / Σ_ii)
    off_diagonal = float((ratio * cross).sum() - np.trace(cross))
    shared = float(np.trace(variances)) + correlation * off_diagonal
    distance = float(np.linalg.norm(sigma - constant) ** 2)
    excess = float(variances.sum()) - shared
    negligible = np.finfo(np.float64).eps * float(np.linalg.norm(sigma) ** 2)
    intensity = min(1.0, max(0.0, excess / (n * distance))) if distance > negligible else 0.0
    return CorrelationTarget(covariance, target, intensity)

"""Covariance estimates of the study that keep the sample's eigenvectors and correct eigenvalues."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import linalg

__all__ = ["analytical", "oracle_approximating", "quadratic_inverse"]

FloatArray = npt.NDArray[np.float64]

SQRT5: Final = float(np.sqrt(5.0))
FAR: Final = 50.0


def oracle_approximating(rows: FloatArray) -> FloatArray:
    """Shrink towards a scaled identity with the intensity of OAS.

    Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance estimation", IEEE
    Transactions on Signal Processing 58 (2010), equation 23.
    """
    n, d = rows.shape
    sample = rows.T @ rows / n
    trace, moment = float(np.trace(sample)), float(np.sum(sample**2))
    numerator = (1 - 2 / d) * moment + trace**2
    denominator = (n + 1 - 2 / d) * (moment - trace**2 / d)
    intensity = min(1.0, numerator / denominator) if denominator > 0.0 else 1.0
    return np.asarray((1 - intensity) * sample + intensity * trace / d * np.eye(d))


def analytical(rows: FloatArray) -> FloatArray:
    """Analytical nonlinear shrinkage.

    Ledoit and Wolf, "Analytical nonlinear shrinkage of large-dimensional covariance matrices",
    Annals of Statistics 48 (2020): the density of the eigenvalues and its Hilbert transform by
    Epanechnikov kernels with bandwidths ``λ n^-1/3``, equations 4.7 to 4.9, and C.7, C.8 for
    n < d.
    """
    return _rotated(rows, _analytical_values)


def quadratic_inverse(rows: FloatArray) -> FloatArray:
    """Quadratic-inverse shrinkage.

    Ledoit and Wolf, "Quadratic shrinkage for large covariance matrices", Bernoulli 28 (2022),
    section 4: inverse eigenvalues smoothed by a Cauchy kernel, the trace kept.
    """
    return _rotated(rows, _quadratic_inverse_values)


def _rotated(rows: FloatArray, shrink: Callable[[FloatArray, int, int], FloatArray]) -> FloatArray:
    n, d = rows.shape[0] - 1, rows.shape[1]
    values, vectors = linalg.eigh(rows.T @ rows / n, driver="evd")
    positive = np.maximum(values[max(0, d - n) :], 1e-14 * values[-1])
    shrunk = shrink(positive, d, n)
    return np.asarray((vectors * shrunk) @ vectors.T)


def _analytical_values(values: FloatArray, d: int, n: int) -> FloatArray:
    ratio, width = d / n, n ** (-1 / 3)
    bandwidths = width * values
    z = (values[:, None] - values) / bandwidths
    density = np.mean(0.75 / SQRT5 * np.maximum(1 - z**2 / 5, 0) / bandwidths, axis=1)
    hilbert = np.mean(_epanechnikov_hilbert(z) / bandwidths, axis=1)
    if d <= n:
        real = 1 - ratio - np.pi * ratio * values * hilbert
        return np.asarray(values / ((np.pi * ratio * values * density) ** 2 + real**2))
    log = np.log((1 + SQRT5 * width) / abs(1 - SQRT5 * width))  # the kernel's transform is real
    at_zero = 0.3 / width**2 + 0.75 / SQRT5 / width * (1 - 0.2 / width**2) * log
    at_zero *= float(np.mean(1 / values)) / np.pi
    empty = np.full(d - n, 1 / (np.pi * (d - n) / n * at_zero))
    return np.append(empty, values / (np.pi**2 * values**2 * (density**2 + hilbert**2)))


def _epanechnikov_hilbert(z: FloatArray) -> FloatArray:
    """The kernel's Hilbert transform; far out by its series, where the closed form cancels."""
    near = np.where(np.abs(z) > FAR, 0.0, z)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = (1 - near**2 / 5) * np.log(np.abs((SQRT5 - near) / (SQRT5 + near)))
    logs[~np.isfinite(logs)] = 0.0
    far = np.where(np.abs(z) > FAR, z, 1.0)
    series = -(1 + 1 / far**2 + 15 / (7 * far**4)) / (np.pi * far)
    return np.where(np.abs(z) > FAR, series, (0.75 / SQRT5 * logs - 0.3 * near) / np.pi)


def _quadratic_inverse_values(values: FloatArray, d: int, n: int) -> FloatArray:
    ratio = d / n
    width = min(ratio**2, ratio**-2) ** 0.35 / d**0.35
    inverse = 1 / values
    gaps = inverse - inverse[:, None]
    kernel = inverse / (gaps**2 + width**2 * inverse**2)
    theta = np.mean(gaps * kernel, axis=1)
    hilbert = np.mean(width * inverse * kernel, axis=1)
    square = theta**2 + hilbert**2
    if d <= n:
        shrunk = 1 / (
            (1 - ratio) ** 2 * inverse
            + 2 * ratio * (1 - ratio) * inverse * theta
            + ratio**2 * inverse * square
        )
    else:
        empty = np.full(d - n, 1 / ((ratio - 1) * float(np.mean(inverse))))
        shrunk = np.append(empty, 1 / (inverse * square))
    return np.asarray(shrunk * values.sum() / shrunk.sum())

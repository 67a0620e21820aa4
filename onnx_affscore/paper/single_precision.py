"""What float32 makes of the score: the ridged formula as single precision computes it."""

import math
from typing import Final

import numpy as np

from onnx_affscore.records import Array, FloatArray
from onnx_affscore.score.transport import squared_w2

__all__ = ["ROUTES", "single_precision_score"]

ROUTES: Final = ("root of Sy", "root of Sx")
RIDGE: Final = np.float32(1e-6)


def single_precision_score(X: FloatArray, Y: FloatArray, *, route: str) -> float:
    r"""Score with both covariances, their roots and the map in float32; a demonstration only.

    The two routes are one map in exact arithmetic,

    .. math:: A = R_y (R_y \Sigma_x R_y)^{-1/2} R_y
              = R_x^{-1} (R_x \Sigma_y R_x)^{1/2} R_x^{-1}, \quad R = \Sigma^{1/2},

    covariances with ddof 1 and 1e-6 on the diagonal. Where a covariance is singular, rounding
    (eps(float32) times its largest eigenvalue) exceeds the ridge, and the second divides by it.
    """
    x, y = X.astype(np.float32), Y.astype(np.float32)
    x, mean_y = x - x.mean(axis=0), y.mean(axis=0)
    sigma_x, sigma_y = _covariance(x), _covariance(y - mean_y)
    if route == ROUTES[0]:
        root = _root(sigma_y)
        A = root @ _inverse(_root(root @ sigma_x @ root)) @ root
    else:
        root = _root(sigma_x)
        inverse = _inverse(root)
        A = inverse @ _root(root @ sigma_y @ root) @ inverse
    moved = (x @ A.T + mean_y).astype(np.float64)
    squared = squared_w2(moved, y.astype(np.float64)).cost
    return 1.0 - math.sqrt(squared) / math.sqrt(2.0 * float(np.trace(sigma_y)))


def _covariance(centred: Array) -> Array:
    count, width = centred.shape
    return centred.T @ centred / np.float32(count - 1) + RIDGE * np.eye(width, dtype=np.float32)


def _root(sigma: Array) -> Array:
    u, values, v = np.linalg.svd(sigma)
    root: Array = (u * np.sqrt(values)) @ v
    return root


def _inverse(matrix: Array) -> Array:
    found: Array = np.linalg.inv(matrix.astype(np.float32)).astype(np.float32)
    return found

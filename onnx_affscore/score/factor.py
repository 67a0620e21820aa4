"""Rank-aware factors of centred data: no covariance is formed, so no condition number squared."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from onnx_affscore.records import FloatArray
from onnx_affscore.score.psd import arithmetic_floor

__all__ = ["Factor", "factorise", "orthonormal", "svd", "triangle"]


@dataclass(frozen=True, slots=True)
class Factor:
    """Centred rows as ``Xc = √n · rows · root``, without the directions below a floor.

    ``rows`` (n, r) have orthonormal columns, ``root`` (r, m) is of full rank; its singular values
    are standard deviations, all above ``floor``. Where directions were dropped, ``basis`` (m, r)
    is an orthonormal basis of the row space of the root that is left, and ``largest`` the largest
    standard deviation there was.
    """

    rows: FloatArray
    root: FloatArray
    floor: float
    basis: FloatArray | None = None
    largest: float = 0.0

    @property
    def rank(self) -> int:
        """Number of directions kept."""
        return len(self.root)

    @property
    def variance(self) -> float:
        """Trace of the covariance (ddof 0) on the directions kept."""
        return float(np.linalg.norm(self.root)) ** 2


def factorise(centred: FloatArray, *, floor: float) -> Factor:
    """Factorise centred rows (n, m), dropping directions whose deviation is not above ``floor``.

    QR first, in the n - 1 dimensions orthogonal to the ones vector where ``n <= m``. Where the
    triangle's inverse proves every singular value to lie above the floor there is nothing to
    drop; else an SVD separates what is to go.
    """
    n, m = centred.shape
    if n - 1 < m:
        rows, root = _without_mean(centred)
        root /= math.sqrt(n)
        triangular = triangle(root.T)
    else:
        rows, triangular = orthonormal(centred)
        triangular /= math.sqrt(n)
        root = triangular
    floor = max(floor, arithmetic_floor(float(np.linalg.norm(root)), size=max(n, m)))
    if _smallest_at_least(triangular) > floor:
        return Factor(rows, root, floor)
    if n - 1 < m:
        axes, triangular = orthonormal(root.T)
        left, deviations, right = svd(triangular.T)
        right = right @ axes.T
    else:
        left, deviations, right = svd(triangular)
    rank = int(np.count_nonzero(deviations > floor))
    return Factor(
        rows=rows @ left[:, :rank],
        root=deviations[:rank, None] * right[:rank],
        floor=floor,
        basis=right[:rank].T,
        largest=float(deviations.max(initial=0.0)),
    )


def svd(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Thin singular value decomposition; the slower driver where the fast one does not converge.

    NumPy's comes first, since other threads run beside it: SciPy's holds the interpreter's lock.
    """
    found: tuple[FloatArray, ...]
    try:
        found = np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        found = linalg.svd(matrix, full_matrices=False, check_finite=False, lapack_driver="gesvd")
    left, values, right = (np.asarray(part, dtype=np.float64) for part in found)
    return left, values, right


def orthonormal(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Thin ``Q`` and ``R`` of ``matrix = Q R``."""
    q, r = linalg.qr(matrix, mode="economic", check_finite=False)
    return np.asarray(q, dtype=np.float64), np.asarray(r, dtype=np.float64)


def triangle(matrix: FloatArray) -> FloatArray:
    """The triangle R of ``matrix = Q R``, (min of its shape, columns)."""
    (result,) = linalg.qr(matrix, mode="r", check_finite=False)
    return np.asarray(result, dtype=np.float64)[: min(matrix.shape)]


def _without_mean(centred: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Orthonormal ``H`` (n, n-1) with ``Hᵀ1 = 0``, and ``Hᵀ Xc`` (n-1, m).

    ``H`` is a Householder reflection that takes 1/√n to the first axis, less its first column.
    """
    n = len(centred)
    mirror = np.full(n, 1.0 / np.sqrt(n))
    mirror[0] -= 1.0
    scale = 2.0 / (mirror @ mirror) if n > 1 else 0.0
    rows = np.eye(n)[:, 1:] - scale * np.outer(mirror, mirror[1:])
    reduced = centred[1:] - scale * np.outer(mirror[1:], mirror @ centred)
    return rows, reduced


def _smallest_at_least(triangular: FloatArray) -> float:
    """A lower bound of the smallest singular value: 1 / ‖R⁻¹‖, Frobenius; 0 if R is singular."""
    diagonal = np.abs(np.diagonal(triangular))
    if not diagonal.size or not diagonal.min() > 0.0:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        inverse, info = linalg.lapack.dtrtri(triangular)
        norm = float(np.linalg.norm(inverse))  # LAPACK leaves the zeros below as they are
    return 1.0 / norm if info == 0 and np.isfinite(norm) else 0.0

"""Independent answers: the textbook formulas at 120 digits, and makers of samples."""

from typing import Any

import numpy as np
from mpmath import mp
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FeatureSample, FloatArray, PairedSample

EPS32 = 2.0**-23

Matrix = Any  # of mpmath, which has no types
Number = Any


def feature_sample(
    rows: FloatArray, precision: float = 2.0**-52, rms: float | None = None
) -> FeatureSample:
    """Features with the root mean square of their own values, read-only."""
    rows = np.array(rows, dtype=np.float64)
    rows.setflags(write=False)
    finite = rows[np.isfinite(rows)]
    peak = float(np.abs(finite).max(initial=0.0)) or 1.0
    own = peak * float(np.sqrt(np.mean((finite / peak) ** 2))) if finite.size else 0.0
    return FeatureSample(
        rows, precision, own if rms is None else rms, sparsity=0.25, saturated=0.125
    )


def paired(x: FloatArray, y: FloatArray, precision: float = 2.0**-52) -> PairedSample:
    return PairedSample(feature_sample(x, precision), feature_sample(y, precision))


def affinity_at_120_digits(
    x: FloatArray,
    y: FloatArray,
    *,
    ranks: tuple[int, int] | None = None,
    ridge: float = 1e-36,
) -> float:
    """The score by covariances and their square roots, with a ridge relative to the trace.

    ``ranks`` is the rank decision of the engine: both sides are first projected on so many
    leading principal directions.
    """
    with mp.workdps(120):
        rows_x, rows_y = _centred(x), _centred(y)
        if ranks is not None:
            rows_x, rows_y = _leading(rows_x, ranks[0]), _leading(rows_y, ranks[1])
        sigma_x, sigma_y = _covariance(rows_x, ridge), _covariance(rows_y, ridge)
        trace = mp.fsum(value**2 for value in rows_y) / rows_y.rows
        root = _power(sigma_y, mp.mpf(1) / 2)
        inner = _power(root * sigma_x * root, -mp.mpf(1) / 2)
        image = rows_x * (root * inner * root)
        return float(1 - mp.sqrt(_w2_squared(image, rows_y) / (2 * trace)))


def _centred(rows: FloatArray) -> Matrix:
    matrix = mp.matrix(rows.tolist())
    for j in range(matrix.cols):
        mean = mp.fsum(matrix[:, j]) / matrix.rows
        for i in range(matrix.rows):
            matrix[i, j] -= mean
    return matrix


def _covariance(rows: Matrix, ridge: float) -> Matrix:
    sigma = rows.T * rows / rows.rows
    trace = mp.fsum(sigma[i, i] for i in range(sigma.rows))
    return sigma + mp.mpf(ridge) * trace * mp.eye(sigma.rows)


def _leading(rows: Matrix, rank: int) -> Matrix:
    _, vectors = mp.eigsy(rows.T * rows)
    kept = vectors[:, vectors.cols - rank :]
    return rows * kept * kept.T


def _power(matrix: Matrix, exponent: Number) -> Matrix:
    values, vectors = mp.eigsy((matrix + matrix.T) / 2)
    return vectors * mp.diag([value**exponent for value in values]) * vectors.T


def _w2_squared(source: Matrix, target: Matrix) -> Number:
    n, k = source.rows, source.cols
    costs = np.array(
        [
            [float(mp.fsum((source[i, c] - target[j, c]) ** 2 for c in range(k))) for j in range(n)]
            for i in range(n)
        ]
    )
    columns = linear_sum_assignment(costs)[1].tolist()
    return mp.fsum(
        (source[i, c] - target[j, c]) ** 2 for i, j in enumerate(columns) for c in range(k)
    ) / mp.mpf(n)

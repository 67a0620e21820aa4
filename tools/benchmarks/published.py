"""The published method's steps, in float64 and in our own words: what scoring is compared with.

Every step is the textbook one that METHOD.md and the paper describe, by the library call that a
reader of them would reach for; nothing is shared between the steps or between the estimates.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import ot
from scipy import linalg
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from onnx_affscore.records import FloatArray

__all__ = ["PublishedScores", "published_scores"]

RIDGE: Final = 1e-6
NEARLY_ZERO: Final = 1e-3
PIVOTS: Final = 2_000_000
"""Most iterations of the network simplex; its default of 100,000 does not end on hard sites."""


@dataclass(frozen=True, slots=True)
class PublishedScores:
    """What the published method reports of one activation; ``affinity`` by estimate."""

    affinity: dict[str, float]
    cka: float
    r2: float
    entropy_before: float
    entropy_after: float
    sparsity_before: float
    sparsity_after: float
    norm: float


def published_scores(
    x: FloatArray, y: FloatArray, *, covariances: tuple[str, ...]
) -> PublishedScores:
    """All metrics of one activation; ``covariances`` are some of plain and ledoit-wolf."""
    return PublishedScores(
        affinity={name: affinity(x, y, covariance=name) for name in covariances},
        cka=centred_kernel_alignment(x, y),
        r2=float(r2_score(y, LinearRegression().fit(x, y).predict(x))),
        entropy_before=histogram_entropy(x),
        entropy_after=histogram_entropy(y),
        sparsity_before=float(np.mean(np.abs(x) <= NEARLY_ZERO)),
        sparsity_after=float(np.mean(np.abs(y) <= NEARLY_ZERO)),
        norm=float(np.linalg.norm(x - y)),
    )


def affinity(x: FloatArray, y: FloatArray, *, covariance: str) -> float:
    """``1 - W2(T_aff X, Y) / √(2 Tr Σy)`` by roots of covariances and the network simplex."""
    sigma_x, sigma_y = (_covariance(rows, covariance) for rows in (x, y))
    root = np.real(linalg.sqrtm(sigma_y))
    inner = np.real(linalg.sqrtm(root @ sigma_x @ root))
    transport = root @ linalg.inv(inner) @ root
    image = (x - x.mean(axis=0)) @ transport + y.mean(axis=0)
    costs = ot.dist(image, y, metric="sqeuclidean")
    squared = ot.emd2(ot.unif(len(x)), ot.unif(len(y)), costs, numItermax=PIVOTS)
    return float(1.0 - np.sqrt(squared) / np.sqrt(2.0 * np.trace(sigma_y)))


def centred_kernel_alignment(x: FloatArray, y: FloatArray) -> float:
    """Linear CKA with the biased HSIC, by kernels centred from both sides."""
    n = len(x)
    centring = np.eye(n) - 1.0 / n
    kernel_x, kernel_y = (centring @ (rows @ rows.T) @ centring for rows in (x, y))
    shared = np.sum(kernel_x * kernel_y)
    return float(shared / np.sqrt(np.sum(kernel_x * kernel_x) * np.sum(kernel_y * kernel_y)))


def histogram_entropy(rows: FloatArray) -> float:
    """Mean over the rows of the entropy of the row's histogram, plus the log of its bins."""
    bins = rows.shape[1]
    total = 0.0
    for row in rows:
        shares = np.histogram(row, bins=bins)[0] / bins
        shares = shares[shares > 0.0]
        total -= float(np.sum(shares * np.log(shares)))
    return total / len(rows) + float(np.log(bins))


def _covariance(rows: FloatArray, name: str) -> FloatArray:
    """The ridge is the published code's, on top of either estimate."""
    plain = np.cov(rows, rowvar=False) if name == "plain" else LedoitWolf().fit(rows).covariance_
    return np.asarray(np.atleast_2d(plain) + RIDGE * np.eye(rows.shape[1]))

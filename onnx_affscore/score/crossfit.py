"""The score of few samples: maps judged on the rows they were fitted to and on rows held out."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import linalg

from onnx_affscore.records import FloatArray, Status
from onnx_affscore.score.affinity import GAP, Affinity, affinity
from onnx_affscore.score.estimate import COVARIANCES, Estimate, Roots
from onnx_affscore.score.factor import triangle
from onnx_affscore.score.gaussian import transported
from onnx_affscore.score.moments import FORMED_CONDITION, Prepared
from onnx_affscore.score.psd import arithmetic_floor
from onnx_affscore.score.shrinkage import ledoit_wolf
from onnx_affscore.score.transport import Transport, squared_w2

__all__ = ["CROSS_FITTED", "FOLDS", "cross_fitted"]

CROSS_FITTED: Final = "cross-fitted"

FOLDS: Final = 5
"""Parts that the samples are dealt into; 20 instead move the score by less than .002."""

FEWEST: Final = 2 * FOLDS
"""Samples from which the score is given: two are held out at a time, eight are left."""

BASE: Final = "ledoit-wolf"

Indices = npt.NDArray[np.intp]


def cross_fitted(sample: Prepared) -> Affinity:
    r"""Affinity score by Ledoit-Wolf maps, on the rows they were fitted to and on others.

    .. math::

        \rho = 1 - \sqrt{1 - \tfrac12 (S_{\mathrm{fitted}} + S_{\mathrm{held\,out}})}, \qquad
        S(T) = 1 - \frac{W_2^2(k T, Y)}{2 \operatorname{Tr} \Sigma_y}, \quad
        k^2 = \frac{\operatorname{Tr} \Sigma_y}{\operatorname{Tr} \operatorname{Cov} T}

    with T the images of the rows of X under the map of all rows (fitted), and under maps of the
    other four fifths (held out). The factor k gives them the spread that T_aff gives by its
    definition, so that both S, and the score, lie in [0, 1]. Where no image varies S is 0.

    Why the mean of both: for X and Y with independent coordinates and covariances I, the map
    ``Â = I + D`` of n samples has ``E D = v I / 2`` and ``E Tr D² = v d`` with
    ``v = (1 - c²) d / (2n)``, c the correlation of x and y. On the fitted rows ``Tr Cov T`` is
    ``Tr Σy`` exactly, and ``S = c (1 + v/2)``; on others Tr Cov T is ``1 + 2v`` times Tr Σy, and
    ``S = c (1 + v/2) / √(1 + 2v) ≈ c (1 - v/2)``. The first-order biases cancel. With shrunk maps
    and other distributions they nearly do: docs/estimators.md has figures.

    Samples are dealt into folds by a fixed shuffle, all rows of one sample into the same. So,
    unlike the other estimates, this one depends on the order of the rows and on which row of Y
    belongs to which of X. Undefined for fewer than 10 samples.

    Parameters
    ----------
    sample : Prepared
        The rows of both sides.

    Returns
    -------
    Affinity
        The score; ranks and intensities are those of the Ledoit-Wolf estimate of all rows, and
        so is the transport, between the fitted images and Y.
    """
    found = affinity(sample, covariance=BASE)
    facts = replace(found, covariance=CROSS_FITTED)
    if found.status is Status.DEGENERATE or sample.trouble:
        return facts
    folds = list(_folds(sample))
    if len(folds) < FOLDS:
        reason = f"fewer than {FEWEST} samples; maps are fitted to some and judged on others"
        return replace(
            facts, value=None, status=Status.UNDEFINED, reason=reason, lower=None, upper=None
        )
    x, y = COVARIANCES[BASE](sample)
    fitted = _judged(transported(x, y), y.compact_rows)
    held_out = _judged(_images(sample, folds), sample.coordinates[1])
    ends = [sum(costs) / 4.0 for costs in zip(*map(_ends, (fitted, held_out)), strict=True)]
    lower, upper = (1.0 - math.sqrt(end) for end in ends)
    facts = replace(facts, lower=lower, upper=upper, transport=fitted)
    if upper - lower > GAP:
        reason = f"no optimal plan was found; the score lies between {lower:.6f} and {upper:.6f}"
        return replace(facts, value=None, status=Status.UNDEFINED, reason=reason)
    return replace(facts, value=lower, status=Status.OK, reason=None)


def _ends(plan: Transport) -> tuple[float, float]:
    return plan.cost, plan.bound


def _judged(images: FloatArray, target: FloatArray) -> Transport:
    """Transport between images, made as wide as the target, and the target at trace 1."""
    images = images - images.mean(axis=0)
    width, unit = (float(np.linalg.norm(rows)) / math.sqrt(len(rows)) for rows in (images, target))
    negligible = arithmetic_floor(unit, size=max(images.shape))
    scaled = images / width if width > negligible else np.zeros_like(images)
    found = squared_w2(scaled, target / unit)
    if width > negligible:
        return found
    return replace(found, cost=2.0, bound=2.0)  # S = 0


def _folds(sample: Prepared) -> Iterator[Indices]:
    """Rows of each fold; none where there are too few samples."""
    samples, count = sample.samples
    if count < FEWEST:
        return
    dealt = np.random.default_rng(0).permutation(count) % FOLDS
    for fold in range(FOLDS):
        yield np.flatnonzero(dealt[samples] == fold)


def _images(sample: Prepared, folds: list[Indices]) -> FloatArray:
    """Rows of X under the maps that were fitted without them, in the coordinates of Y."""
    images = np.empty_like(sample.coordinates[1])
    for held in folds:
        others = np.delete(np.arange(sample.n), held)
        x = _estimate(sample, 0, others=others, held=held)
        y = _estimate(sample, 1, others=others, held=held)
        images[held] = transported(x, y)
    return images


def _estimate(sample: Prepared, index: int, *, others: Indices, held: Indices) -> Estimate:
    """The Ledoit-Wolf covariance of the other rows, with the held-out rows to be mapped.

    Those are less the mean of all rows: less that of the others, the image of a fold would lean
    away from it. A direction in which the other rows do not vary beyond rounding keeps the noise
    floor as its deviation. Roots are taken of the formed covariance where its condition allows
    it, else by QR.
    """
    side, rows = (sample.x, sample.y)[index], sample.coordinates[index]
    train, mapped = rows[others] - rows[others].mean(axis=0), rows[held]
    n, m = train.shape
    formed = train.T @ train / n
    trace = float(np.trace(formed))
    moment = float(np.linalg.norm(formed)) ** 2
    intensity = ledoit_wolf(train, features=sample.d, second_moment=moment)
    floor = max(side.floor, arithmetic_floor(math.sqrt(side.variance), size=max(rows.shape)))
    ridge = max(intensity * trace / sample.d, floor**2)
    formed *= 1.0 - intensity
    posed = float(np.linalg.norm(formed)) + ridge <= FORMED_CONDITION * ridge
    formed[np.diag_indices(m)] += ridge

    def roots() -> Roots:
        if posed:
            root = np.asarray(linalg.cholesky(formed, check_finite=False))
        else:
            weighted = math.sqrt((1.0 - intensity) / n) * train
            root = triangle(np.concatenate([weighted, math.sqrt(ridge) * np.eye(m)]))
        whitened = linalg.solve_triangular(root, mapped.T, trans="T", check_finite=False).T
        return Roots(root, whitened)

    return Estimate(mapped, roots, trace=trace, covariance=formed if posed else None)

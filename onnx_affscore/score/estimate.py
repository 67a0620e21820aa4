"""Covariance estimates as roots: one table of what ``--covariance`` takes."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy import linalg

from onnx_affscore.records import FloatArray
from onnx_affscore.score.factor import triangle
from onnx_affscore.score.lazy import lazy
from onnx_affscore.score.moments import FORMED_CONDITION, Prepared, Side
from onnx_affscore.score.psd import arithmetic_floor
from onnx_affscore.score.shrinkage import constant_correlation, ledoit_wolf

__all__ = ["COVARIANCES", "REFERENCE_RIDGE", "Estimate", "EstimatedPair", "Roots"]

REFERENCE_RIDGE: Final = 1e-6
"""What the published code adds to both covariances, in squared units of the features."""

LARGEST_RIDGE: Final = 1e200
"""A ridge this far above every variance leaves nothing of them; beyond it squares overflow."""


@dataclass(frozen=True, slots=True)
class Roots:
    """A covariance ``Σ = Rᵀ R`` by its ``root`` R (k, m) of full rank, and the rows it whitens.

    ``whitened`` (n, k) has ``whitened · R = Xc``, as far as the range of Σ goes. ``basis`` (m, k),
    given where directions were dropped, is an orthonormal basis of that range.
    """

    root: FloatArray
    whitened: FloatArray
    basis: FloatArray | None = None


@final
class Estimate:
    """A covariance Σ of ``centred`` rows (n, m); its roots are computed when asked for.

    ``trace`` is that of Σ, ``floor`` the noise floor that was cut at, ``intensity`` that of the
    shrinkage. ``covariance`` (m, m) is Σ itself, given where its condition number is low enough
    to compute from; ``spanning`` says that Σ is empirical and the rows provably span all n - 1
    dimensions that they can.
    """

    def __init__(
        self,
        centred: FloatArray,
        roots: Callable[[], Roots],
        *,
        trace: float,
        floor: float = 0.0,
        intensity: float | None = None,
        covariance: FloatArray | None = None,
        spanning: bool = False,
    ) -> None:
        self.centred = centred
        self.trace = trace
        self.floor = floor
        self.intensity = intensity
        self.covariance = covariance
        self.spanning = spanning
        self._roots = roots

    @lazy
    def roots(self) -> Roots:
        """The root, and the rows whitened by it."""
        return self._roots()

    @property
    def compact_root(self) -> FloatArray:
        """The root in the basis of its range, (k, k); in the m coordinates where there is none."""
        basis = self._basis
        return self.roots.root if basis is None else self.roots.root @ basis

    @property
    def compact_rows(self) -> FloatArray:
        """The centred rows in the same coordinates, (n, k) or (n, m)."""
        basis = self._basis
        return self.centred if basis is None else self.centred @ basis

    @property
    def _basis(self) -> FloatArray | None:
        """None without a look at the roots where no direction was dropped."""
        if self.covariance is not None or self.spanning:
            return None
        return self.roots.basis


EstimatedPair = tuple[Estimate, Estimate]


def _empirical(sample: Prepared) -> EstimatedPair:
    """Covariances with ddof 0 and no ridge, on their numerical range."""
    return _of_factor(sample, 0), _of_factor(sample, 1)


def _ledoit_wolf(sample: Prepared) -> EstimatedPair:
    """Ledoit-Wolf covariances, scaled-identity target, ddof 0, in the joint row space."""
    return _shrunk_pair(sample, ridge=0.0)


def _reference_ledoit_wolf(sample: Prepared) -> EstimatedPair:
    """Ledoit-Wolf covariances plus the absolute ridge of the published code."""
    return _shrunk_pair(sample, ridge=REFERENCE_RIDGE)


def _reference(sample: Prepared) -> EstimatedPair:
    """Covariances with ddof 1 plus the absolute ridge of the published code."""
    weight = sample.n / (sample.n - 1)

    def estimate(index: int) -> Estimate:
        ridge = _ridge((sample.x, sample.y)[index], REFERENCE_RIDGE)
        return _ridged(sample, index, weight=weight, ridge=ridge)

    return estimate(0), estimate(1)


def _constant_correlation(sample: Prepared) -> EstimatedPair:
    """Ledoit-Wolf covariances with the constant-correlation target, ddof 0, in all d features."""

    def estimate(side: Side) -> Estimate:
        shrinkage = constant_correlation(side.centred)
        values, vectors = linalg.eigh(shrinkage.shrunk(), check_finite=False)
        # Formed covariances carry eps·λmax in every direction: what lies below is empty.
        floor = math.sqrt(len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0))
        kept = values > floor**2
        deviations = np.sqrt(values[kept])
        basis: FloatArray = vectors[:, kept]
        roots = Roots(deviations[:, None] * basis.T, side.centred @ basis / deviations, basis)
        return Estimate(
            side.centred,
            lambda: roots,
            trace=side.variance,
            floor=floor,
            intensity=shrinkage.intensity,
        )

    return estimate(sample.x), estimate(sample.y)


def _shrunk_pair(sample: Prepared, *, ridge: float) -> EstimatedPair:
    def estimate(index: int) -> Estimate:
        side = (sample.x, sample.y)[index]
        intensity = ledoit_wolf(
            sample.coordinates[index],
            features=sample.d,
            second_moment=sample.second_moments[index],
        )
        added = intensity * side.variance / sample.d + _ridge(side, ridge)
        return _ridged(sample, index, weight=1.0 - intensity, ridge=added, intensity=intensity)

    return estimate(0), estimate(1)


def _ridge(side: Side, ridge: float) -> float:
    """An absolute ridge in the side's own squared units."""
    with np.errstate(over="ignore", under="ignore"):
        return min(float(np.ldexp(ridge, -2 * side.exponent)), LARGEST_RIDGE)


def _of_factor(sample: Prepared, index: int, *, intensity: float | None = None) -> Estimate:
    """The empirical covariance on its numerical range; what is below the floor is no variance."""

    regular = sample.regular[index]
    covariance = sample.covariances[index] if regular and not sample.wide else None

    def roots() -> Roots:
        if covariance is not None:
            return _cholesky_roots(covariance, sample.coordinates[index])
        factor = sample.factor(index)
        return Roots(factor.root, math.sqrt(sample.n) * factor.rows, factor.basis)

    return Estimate(
        sample.coordinates[index],
        roots,
        trace=(sample.x, sample.y)[index].variance if regular else sample.factor(index).variance,
        floor=sample.ranks[index].floor,
        intensity=intensity,
        covariance=covariance,
        spanning=regular and sample.wide,
    )


def _ridged(
    sample: Prepared, index: int, *, weight: float, ridge: float, intensity: float | None = None
) -> Estimate:
    """Estimate ``weight·Σ + ridge·I``, formed where its condition allows it, else by QR.

    The QR is of the rows stacked on the ridge's root, so that a small ridge keeps all its digits;
    one that is lost in the rounding of the rows themselves is none.
    """
    side, rows = (sample.x, sample.y)[index], sample.coordinates[index]
    n, m = rows.shape
    if ridge <= arithmetic_floor(math.sqrt(side.variance), size=max(n, m)) ** 2:
        return _of_factor(sample, index, intensity=intensity)
    formed = weight * sample.covariances[index]
    posed = sample.regular[index] and not sample.wide
    posed = posed or float(np.linalg.norm(formed)) + ridge <= FORMED_CONDITION * ridge
    formed[np.diag_indices(m)] += ridge

    def roots() -> Roots:
        if posed:
            return _cholesky_roots(formed, rows)
        stacked = [np.sqrt(weight / n) * rows, np.sqrt(ridge) * np.eye(m)]
        return _whitening(triangle(np.concatenate(stacked)), rows)

    trace = weight * side.variance + ridge * side.d
    return Estimate(
        rows, roots, trace=trace, intensity=intensity, covariance=formed if posed else None
    )


def _cholesky_roots(covariance: FloatArray, rows: FloatArray) -> Roots:
    """Roots of a well-conditioned covariance."""
    return _whitening(np.asarray(linalg.cholesky(covariance, check_finite=False)), rows)


def _whitening(root: FloatArray, rows: FloatArray) -> Roots:
    """A regular triangle as root, and the rows whitened by it."""
    whitened = linalg.solve_triangular(root, rows.T, trans="T", check_finite=False).T
    return Roots(root, whitened)


COVARIANCES: Final[Mapping[str, Callable[[Prepared], EstimatedPair]]] = MappingProxyType(
    {
        "empirical": _empirical,
        "ledoit-wolf": _ledoit_wolf,
        "ledoit-wolf-cc": _constant_correlation,
        "reference": _reference,
        "reference-lw": _reference_ledoit_wolf,
    }
)
"""What a covariance is estimated by: name to the estimates of both sides."""

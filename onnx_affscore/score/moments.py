"""One activation's two sides, checked, scaled and centred once for all metrics."""

from functools import cached_property
from typing import final

import numpy as np

from onnx_affscore.errors import DataError
from onnx_affscore.records import FeatureSample, FloatArray, PairedSample, Reading, Status
from onnx_affscore.score.factor import Factor, factorise, triangle
from onnx_affscore.score.psd import noise_floor

__all__ = ["Prepared", "Side"]


@final
class Side:
    """One side of an activation; everything derived from its features, computed when asked for.

    Numbers are kept in units of ``unit``, a power of two near the largest absolute value, so that
    no square overflows and nothing is rounded by the change of units.
    """

    def __init__(self, sample: FeatureSample, name: str) -> None:
        self.sample = sample
        self.name = name
        self.features: FloatArray = np.asarray(sample.features, dtype=np.float64)
        if self.features.ndim != 2:
            raise DataError(
                f"the {name} has shape {self.features.shape}; wanted (samples, features)"
            )
        self.n: int = self.features.shape[0]
        self.d: int = self.features.shape[1]

    @cached_property
    def trouble(self) -> Reading | None:
        """Why nothing can be computed from this side, or None."""
        if not self.features.size:
            what = "sample" if not self.n else "feature"
            return Reading(None, Status.UNDEFINED, f"the {self.name} has no {what}")
        finite = np.isfinite(self.features)
        if finite.all():
            return None
        nans = int(np.isnan(self.features).sum())
        rows, columns = np.nonzero(~finite)
        counts = ((nans, "NaN"), (len(rows) - nans, "infinite"))
        found = " and ".join(f"{count} {kind}" for count, kind in counts if count)
        where = f"first in row {rows[0]}, feature {columns[0]}"
        spread = f"{len(np.unique(rows))} rows and {len(np.unique(columns))} features affected"
        reason = f"{found} of {self.features.size} values of the {self.name}, {where}; {spread}"
        return Reading(None, Status.UNDEFINED, reason)

    @cached_property
    def exponent(self) -> int:
        """The power of two behind ``unit``."""
        return int(np.frexp(np.abs(self.features).max())[1])

    @cached_property
    def values(self) -> FloatArray:
        """The features, (n, d), in units of ``unit``: no absolute value above 1."""
        return np.ldexp(self.features, -self.exponent)

    @cached_property
    def centred(self) -> FloatArray:
        """The values less their mean, (n, d); the second pass removes the rounding of the first."""
        centred: FloatArray = self.values - self.values.mean(axis=0)
        centred -= centred.mean(axis=0)
        return centred

    @cached_property
    def variance(self) -> float:
        """Trace of the covariance (ddof 0), in squared units."""
        return float(np.linalg.norm(self.centred)) ** 2 / self.n

    @cached_property
    def floor(self) -> float:
        """The noise floor, in units; see :func:`onnx_affscore.score.psd.noise_floor`.

        A mean is no larger than what it was taken of, so the features' own root mean square is a
        lower bound for that of the tensor, and stands in where that one overflowed.
        """
        own = float(np.sqrt(np.mean(self.values**2)))
        with np.errstate(over="ignore", under="ignore"):
            told = float(np.ldexp(self.sample.rms, -self.exponent))
        rms = max(own, told) if np.isfinite(told) else own
        return noise_floor(self.sample.precision, rms, rows=self.n, columns=self.d)

    def in_features(self, deviation: float) -> float:
        """A standard deviation given in units, in those of the features."""
        return float(np.ldexp(deviation, self.exponent))


@final
class Prepared:
    """A paired sample with the factorisations that metrics share, each computed at most once.

    Raises :class:`DataError` where the two sides do not pair up.
    """

    def __init__(self, sample: PairedSample) -> None:
        self.x = Side(sample.x, "input")
        self.y = Side(sample.y, "output")
        if self.x.features.shape != self.y.features.shape:
            raise DataError(
                f"the input has shape {self.x.features.shape} and the output "
                f"{self.y.features.shape}; wanted one shape (samples, features) for both: "
                "row i of the output belongs to row i of the input"
            )
        self.n, self.d = self.x.n, self.x.d

    @cached_property
    def trouble(self) -> Reading | None:
        """Why the two sides cannot be compared at all, or None."""
        return self.x.trouble or self.y.trouble

    @cached_property
    def constant(self) -> Reading | None:
        """Why there is no spread to compare, or None; a side constant to its noise floor."""
        if self.trouble:
            return self.trouble
        if self.n == 1:
            return Reading(None, Status.DEGENERATE, "one sample has no spread; wanted at least 2")
        for side, factor in zip((self.x, self.y), self.factors, strict=True):
            if not factor.rank:
                reason = (
                    f"the {side.name} is constant up to the rounding of its data: its largest "
                    f"standard deviation {side.in_features(factor.largest):.3g} lies below the "
                    f"noise floor {side.in_features(factor.floor):.3g}"
                )
                return Reading(None, Status.DEGENERATE, reason)
        return None

    @cached_property
    def coordinates(self) -> tuple[FloatArray, FloatArray]:
        """Centred rows of both sides in one orthonormal basis of their joint row space, (n, m).

        ``m = min(d, 2n)``: every inner product is that of the d features. With ``d <= 2n`` the
        features themselves are the basis.
        """
        if self.d <= 2 * self.n:
            return self.x.centred, self.y.centred
        joint = triangle(np.concatenate([self.x.centred, self.y.centred]).T)
        return joint[:, : self.n].T, joint[:, self.n :].T

    @cached_property
    def factors(self) -> tuple[Factor, Factor]:
        """Both sides of :attr:`coordinates`, factorised, cut at their noise floors."""
        x, y = self.coordinates
        return factorise(x, floor=self.x.floor), factorise(y, floor=self.y.floor)

    @cached_property
    def grams(self) -> tuple[FloatArray, FloatArray]:
        """Gram matrices of both sides: of the m coordinates where n >= m, else of the n rows."""
        x, y = (r.T @ r if r.shape[0] >= r.shape[1] else r @ r.T for r in self.coordinates)
        return x, y

    @cached_property
    def second_moments(self) -> tuple[float, float]:
        """Squared Frobenius norms of the two covariances (ddof 0), in squared units, squared."""
        x, y = (float(np.linalg.norm(gram)) / self.n for gram in self.grams)
        return x**2, y**2

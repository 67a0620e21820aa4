"""One activation's two sides, checked, scaled and centred once for all metrics."""

import math
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, FeatureSample, FloatArray, PairedSample, Reading, Status
from onnx_affscore.score.definite import exceeds
from onnx_affscore.score.factor import Factor, factorise, triangle
from onnx_affscore.score.lazy import lazy
from onnx_affscore.score.psd import arithmetic_floor, noise_floor

__all__ = ["FORMED_CONDITION", "Prepared", "Rank", "Side", "some_rows"]

NORMAL_EXPONENTS: Final = 1022
"""Powers of two with exponents below this are normal numbers, and so are their inverses."""

FORMED_CONDITION: Final = 1e6
"""Up to this condition number what is computed from a formed covariance is good to 1e-10."""

_SHOWN = 10  # numbers of samples that a reason lists


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

    @lazy
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
        owners = self.sample.owners
        samples = np.unique(rows if owners is None else owners[rows])
        shown = ", ".join(map(str, samples[:_SHOWN])) + (", ..." if len(samples) > _SHOWN else "")
        reason = (
            f"{found} of {self.features.size} values of the {self.name}, in {len(samples)}"
            f" sample(s) (counted from 0: {shown}) and {len(np.unique(columns))} of {self.d}"
            " features; such samples are not dropped: see what they hold, and leave them out of"
            " the data if they do not belong there"
        )
        return Reading(None, Status.UNDEFINED, reason)

    @lazy
    def exponent(self) -> int:
        """The power of two behind ``unit``."""
        return int(np.frexp(max(self.features.max(), -self.features.min()))[1])

    @lazy
    def values(self) -> FloatArray:
        """The features, (n, d), in units of ``unit``: no absolute value above 1."""
        if abs(self.exponent) < NORMAL_EXPONENTS:  # a product is faster, and as exact
            return self.features * 2.0**-self.exponent
        return np.ldexp(self.features, -self.exponent)

    @lazy
    def centred(self) -> FloatArray:
        """The values less their mean, (n, d); the second pass removes the rounding of the first."""
        centred: FloatArray = self.values - self.values.mean(axis=0)
        centred -= centred.mean(axis=0)
        return centred

    @lazy
    def variance(self) -> float:
        """Trace of the covariance (ddof 0), in squared units."""
        return float(np.linalg.norm(self.centred)) ** 2 / self.n

    @lazy
    def floor(self) -> float:
        """The noise floor, in units; see :func:`onnx_affscore.score.psd.noise_floor`.

        A mean is no larger than what it was taken of, so the features' own root mean square is a
        lower bound for that of the tensor, and stands in where that one overflowed.
        """
        own = float(np.linalg.norm(self.values)) / math.sqrt(self.values.size)
        with np.errstate(over="ignore", under="ignore"):
            told = float(np.ldexp(self.sample.rms, -self.exponent))
        rms = max(own, told) if np.isfinite(told) else own
        return noise_floor(self.sample.precision, rms, rows=self.n, columns=self.d)

    def in_features(self, deviation: float) -> float:
        """A standard deviation given in units, in those of the features."""
        return float(np.ldexp(deviation, self.exponent))


@dataclass(frozen=True, slots=True)
class Rank:
    """How many directions lie above the ``floor``; the largest deviation, where computed."""

    rank: int
    floor: float
    largest: float = 0.0


@final
class Prepared:
    """A paired sample with the factorisations that metrics share, each computed at most once.

    Raises :class:`DataError` where the two sides do not pair up.
    """

    def __init__(self, sample: PairedSample) -> None:
        self.pair = sample
        self.x = Side(sample.x, "input")
        self.y = Side(sample.y, "output")
        if self.x.features.shape != self.y.features.shape:
            raise DataError(
                f"the input has shape {self.x.features.shape} and the output "
                f"{self.y.features.shape}; wanted one shape (samples, features) for both: "
                "row i of the output belongs to row i of the input"
            )
        self.n, self.d = self.x.n, self.x.d
        self._factors: dict[int, Factor] = {}

    @lazy
    def samples(self) -> tuple[npt.NDArray[np.intp], int]:
        """The sample that each row is of, (n,), counted from 0, and how many samples there are."""
        owners = self.pair.x.owners
        if owners is None:
            return np.arange(self.n), self.n
        names, numbers = np.unique(owners, return_inverse=True)
        return numbers, len(names)

    @lazy
    def trouble(self) -> Reading | None:
        """Why the two sides cannot be compared at all, or None."""
        return self.x.trouble or self.y.trouble

    @lazy
    def constant(self) -> Reading | None:
        """Why there is no spread to compare, or None; a side constant to its noise floor."""
        if self.trouble:
            return self.trouble
        if self.n == 1:
            return Reading(None, Status.DEGENERATE, "one sample has no spread; wanted at least 2")
        for side, found in zip((self.x, self.y), self.ranks, strict=True):
            if not found.rank:
                reason = (
                    f"the {side.name} is constant up to the rounding of its data: its largest "
                    f"standard deviation {side.in_features(found.largest):.3g} lies below the "
                    f"noise floor {side.in_features(found.floor):.3g}"
                )
                return Reading(None, Status.DEGENERATE, reason)
        return None

    @lazy
    def coordinates(self) -> tuple[FloatArray, FloatArray]:
        """Centred rows of both sides in one orthonormal basis of their joint row space, (n, m).

        ``m = min(d, 2n)``: every inner product is that of the d features. With ``d <= 2n`` the
        features themselves are the basis.
        """
        if self.d <= 2 * self.n:
            return self.x.centred, self.y.centred
        joint = triangle(np.concatenate([self.x.centred, self.y.centred]).T)
        return joint[:, : self.n].T, joint[:, self.n :].T

    @lazy
    def wide(self) -> bool:
        """Whether centred rows, which span n - 1 dimensions at most, cannot fill m coordinates."""
        return bool(self.n - 1 < self.coordinates[0].shape[1])

    @lazy
    def regular(self) -> tuple[bool, bool]:
        """Whether a side provably has every direction that n rows in m coordinates can have.

        Proved from Gram matrices (:func:`exceeds`): each standard deviation lies above the floor
        and, where the m features are spanned, the covariance has a condition number of at most
        :data:`FORMED_CONDITION`. What is not proved is left to :attr:`factors`.
        """
        return self._regular(0), self._regular(1)

    @lazy
    def ranks(self) -> tuple[Rank, Rank]:
        """Rank and floor of both sides, from a proof where there is one, else by factors."""
        return self._rank(0), self._rank(1)

    @lazy
    def factors(self) -> tuple[Factor, Factor]:
        """Both sides of :attr:`coordinates`, factorised, cut at their noise floors."""
        return self.factor(0), self.factor(1)

    def factor(self, index: int) -> Factor:
        """One side of :attr:`coordinates`, factorised."""
        if index not in self._factors:
            rows, side = self.coordinates[index], (self.x, self.y)[index]
            self._factors[index] = factorise(rows, floor=side.floor)
        return self._factors[index]

    @lazy
    def covariances(self) -> tuple[FloatArray, FloatArray]:
        """Covariances (ddof 0) of both sides in the m coordinates."""
        x, y = (rows.T @ rows / self.n for rows in self.coordinates)
        return x, y

    @lazy
    def kernels(self) -> tuple[FloatArray, FloatArray]:
        """Inner products of the centred rows of each side, over n, (n, n)."""
        x, y = (rows @ rows.T / self.n for rows in self.coordinates)
        return x, y

    @lazy
    def spectra(self) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues of both covariances (ddof 0), ascending, in squared units, min(n, m)."""
        x, y = (np.asarray(np.linalg.eigvalsh(gram), dtype=np.float64) for gram in self._grams)
        return x, y

    @lazy
    def cross_covariance(self) -> FloatArray:
        """Covariances of the m coordinates of X (rows) with those of Y (columns)."""
        x, y = self.coordinates
        return x.T @ y / self.n

    @lazy
    def second_moments(self) -> tuple[float, float]:
        """Squared Frobenius norms of the two covariances (ddof 0), in squared units, squared."""
        x, y = (float(np.linalg.norm(gram)) for gram in self._grams)
        return x**2, y**2

    @property
    def _grams(self) -> tuple[FloatArray, FloatArray]:
        """The smaller of the Gram matrices that decide on the rank."""
        return self.kernels if self.wide else self.covariances

    def _floor(self, index: int) -> float:
        side = (self.x, self.y)[index]
        size = max(self.coordinates[index].shape)
        return max(side.floor, arithmetic_floor(math.sqrt(side.variance), size=size))

    def _regular(self, index: int) -> bool:
        gram, bound = self._grams[index], self._floor(index) ** 2
        if self.wide:  # the mean's direction, empty by centring, gets an average deviation
            gram = gram + np.trace(gram) / self.n**2
            return exceeds(gram, bound, terms=self.coordinates[index].shape[1])
        bound = max(bound, float(np.linalg.norm(gram)) / FORMED_CONDITION)
        return exceeds(gram, bound, terms=self.n)

    def _rank(self, index: int) -> Rank:
        if self.regular[index]:
            return Rank(min(self.n - 1, self.coordinates[index].shape[1]), self._floor(index))
        factor = self.factor(index)
        return Rank(factor.rank, factor.floor, factor.largest)


def some_rows(sample: PairedSample, chosen: slice | Array) -> PairedSample:
    """The chosen rows of both sides; what is known of the whole tensors stays."""
    x, y = (
        replace(
            side,
            features=np.asarray(side.features)[chosen],
            owners=None if side.owners is None else side.owners[chosen],
        )
        for side in (sample.x, sample.y)
    )
    return PairedSample(x, y)

"""Distributions of paired rows whose population score is known.

Products of independent coordinates, blocks of radial vectors, and correlated normal vectors; the
first two are turned by one random orthogonal matrix, which the score does not see: covariances
become full, the truth stays a sum of one-dimensional integrals.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

__all__ = ["FUNCTIONS", "SHAPES", "SPECTRA", "Coordinate", "Family", "Shape", "families"]

FloatArray = npt.NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]
Plan = Literal["identity", "moved", "paired"]
Spread = Literal["isotropic", "anisotropic"]

LEGENDRE: Final = np.polynomial.legendre.leggauss(240)
TAIL: Final = 1e-15
"""Probability beyond either end of an integral."""

HERMITE_TERMS: Final = 80
"""Terms of Mehler's expansion; the last one's share is below 1e-6 at the correlations used."""


@final
@dataclass(frozen=True, slots=True)
class Family:
    """A distribution of pairs (X, Y) in d dimensions.

    ``truth`` is the population score. ``plan`` says of which plan between T_aff X and Y:
    ``identity`` (row i to row i is optimal), ``moved`` (another one is, and ``truth`` is its
    score), ``paired`` (the optimal one is not known, and ``truth`` is that of the identity).
    ``paired`` is the score of the identity in every case. ``spread`` is isotropic where every
    direction of X, and so of Y, has the same distribution.
    """

    name: str
    d: int
    spread: Spread
    plan: Plan
    truth: float
    paired: float
    draw: Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]]


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """A distribution of mean 0 and variance 1: how it is drawn, its density, where it ends."""

    draw: Callable[[np.random.Generator, int], FloatArray]
    density: Function
    ends: tuple[float, float]


LOG_SD: Final = 0.5
LOG_MEAN: Final = float(np.exp(LOG_SD**2 / 2))
LOG_SCALE: Final = float(LOG_MEAN * np.sqrt(np.exp(LOG_SD**2) - 1))
NORMAL_END: Final = float(-special.ndtri(TAIL))


def _lognormal(rng: np.random.Generator, n: int) -> FloatArray:
    return (np.exp(LOG_SD * rng.standard_normal(n)) - LOG_MEAN) / LOG_SCALE


def _lognormal_density(x: FloatArray) -> FloatArray:
    raw = np.maximum(x * LOG_SCALE + LOG_MEAN, 1e-300)
    exponent = -((np.log(raw) / LOG_SD) ** 2) / 2
    return np.asarray(np.exp(exponent) * LOG_SCALE / (raw * LOG_SD * np.sqrt(2 * np.pi)))


SHAPES: Final[Mapping[str, Shape]] = MappingProxyType(
    {
        "normal": Shape(
            lambda rng, n: rng.standard_normal(n),
            lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
            (-NORMAL_END, NORMAL_END),
        ),
        "uniform": Shape(
            lambda rng, n: rng.uniform(-np.sqrt(3), np.sqrt(3), n),
            lambda x: np.full_like(x, 1 / np.sqrt(12)),
            (-np.sqrt(3), np.sqrt(3)),
        ),
        "laplace": Shape(
            lambda rng, n: rng.laplace(0.0, np.sqrt(0.5), n),
            lambda x: np.exp(-np.sqrt(2) * np.abs(x)) / np.sqrt(2),
            (np.log(TAIL) / np.sqrt(2), -np.log(TAIL) / np.sqrt(2)),
        ),
        "exponential": Shape(
            lambda rng, n: rng.exponential(1.0, n) - 1.0,
            lambda x: np.exp(-(x + 1.0)),
            (-1.0, -np.log(TAIL) - 1.0),
        ),
        "lognormal": Shape(
            _lognormal,
            _lognormal_density,
            tuple((np.exp(LOG_SD * z) - LOG_MEAN) / LOG_SCALE for z in (-NORMAL_END, NORMAL_END)),
        ),
    }
)
"""Shapes of a coordinate."""


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(special.expit(x))


FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "relu": lambda x: np.maximum(x, 0.0),
        "leaky": lambda x: np.where(x > 0.0, x, 0.1 * x),
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "gelu": lambda x: x * special.ndtr(x),
        "silu": lambda x: x * _sigmoid(x),
        "abs": np.abs,
        "square": np.square,
    }
)
"""Functions of a coordinate; their only kink is at 0."""

MONOTONE: Final = frozenset({"relu", "leaky", "tanh", "sigmoid"})


def _powers(d: int, exponent: float) -> FloatArray:
    return np.asarray(np.arange(1.0, d + 1.0) ** exponent, dtype=np.float64)


def _spikes(d: int) -> FloatArray:
    return np.where(np.arange(d) < 4, 36.0, 1.0)


SPECTRA: Final[Mapping[str, Callable[[int], FloatArray]]] = MappingProxyType(
    {
        "flat": np.ones,
        "power1": lambda d: _powers(d, -1.0),
        "power2": lambda d: _powers(d, -2.0),
        "spikes": _spikes,
        "half": lambda d: np.where(np.arange(d) < d // 2, 1.0, 1e-3),
    }
)
"""Variances of the coordinates of X."""


@final
@dataclass(frozen=True, slots=True)
class Coordinate:
    """One coordinate: ``x = mean + scale·z``, z of a shape, ``y = unit·f(x / unit)``."""

    shape: str
    function: str
    scale: float = 1.0
    mean: float = 0.0
    unit: float = 1.0

    def of(self, x: FloatArray) -> FloatArray:
        """Y of X."""
        return self.unit * FUNCTIONS[self.function](x / self.unit)

    def draw(self, rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        """Draw n values of X and of Y."""
        x = self.mean + self.scale * SHAPES[self.shape].draw(rng, n)
        return x, self.of(x)

    def moments(self) -> tuple[float, float, float]:
        r"""Var Y, and ``sd(Y)/sd(X)·E[x y]`` of the centred pair: as it comes, and sorted.

        The last is the largest that any coupling of the two distributions reaches,
        ``sd(Y)/sd(X) ∫ F_x^{-1} F_y^{-1} du``.
        """
        z, weights = _nodes(SHAPES[self.shape], kink=-self.mean / self.scale)
        y = self.of(self.mean + self.scale * z)
        y = y - float(weights @ y)
        variance = float(weights @ y**2)
        if self.function in MONOTONE:
            paired = sorted_product = float(weights @ (z * y))
        else:
            paired, sorted_product = float(weights @ (z * y)), _monotone(z, y, weights)
        deviation = np.sqrt(variance)
        return variance, deviation * paired, deviation * sorted_product


def _nodes(shape: Shape, *, kink: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and probabilities of a quadrature between the ends, cut at 0 and at the kink."""
    low, high = shape.ends
    inner = sorted({cut for cut in (kink, 0.0, -2.0, 2.0, 6.0) if low < cut < high})
    cuts = [low, *inner, high]
    pieces = [
        ((b - a) / 2 * LEGENDRE[0] + (a + b) / 2, (b - a) / 2 * LEGENDRE[1])
        for a, b in pairwise(cuts)
    ]
    nodes = np.concatenate([piece[0] for piece in pieces])
    weights = np.concatenate([piece[1] for piece in pieces]) * shape.density(nodes)
    return nodes, weights / weights.sum()


def _monotone(x: FloatArray, y: FloatArray, weights: FloatArray) -> float:
    """``∫ F_x^{-1} F_y^{-1} du`` of two weighted samples."""
    order_x, order_y = np.argsort(x), np.argsort(y)
    ends_x, ends_y = np.cumsum(weights[order_x]), np.cumsum(weights[order_y])
    ends = np.union1d(ends_x, ends_y)
    last = len(x) - 1
    at_x = np.minimum(np.searchsorted(ends_x, ends), last)
    at_y = np.minimum(np.searchsorted(ends_y, ends), last)
    return float(np.diff(ends, prepend=0.0) @ (x[order_x][at_x] * y[order_y][at_y]))


def _score(inner: float, variance: float) -> float:
    """``1 - √(1 - S)``, with S the inner product of T_aff X and Y over Tr Σy."""
    return 1.0 - float(np.sqrt(max(0.0, 1.0 - inner / variance)))


def _rotation(d: int, seed: int) -> FloatArray:
    q, r = linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))
    return np.asarray(q * np.sign(np.diagonal(r)))


def product(name: str, coordinates: list[Coordinate], *, spread: Spread, seed: int) -> Family:
    """Independent coordinates, turned.

    With ``A`` diagonal, ``S = Σ sd(y)/sd(x)·E[x y] / Σ Var y``; coordinates that are not monotone
    enter the truth by their monotone coupling, which is optimal for a product.
    """
    d = len(coordinates)
    moments = np.array([coordinate.moments() for coordinate in coordinates])
    variance, paired, best = (float(total) for total in moments.sum(axis=0))

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        columns = [coordinate.draw(rng, n) for coordinate in coordinates]
        turn = _rotation(d, seed)
        x, y = (np.stack([column[side] for column in columns], axis=1) for side in (0, 1))
        return x @ turn, y @ turn

    monotone = all(coordinate.function in MONOTONE for coordinate in coordinates)
    plan: Plan = "identity" if monotone else "moved"
    return Family(name, d, spread, plan, _score(best, variance), _score(paired, variance), draw)


def radial(name: str, scales: FloatArray, *, size: int, spread: Spread, seed: int) -> Family:
    """Blocks ``X = s r u, Y = s max(r - 1, 0) u`` of some size, u on the sphere, r lognormal.

    The coordinates of a block are uncorrelated but dependent. A is a multiple of the identity on
    each block, and ``S = E[r g] / √(E r² E g²)`` is that of every block.
    """
    log_sd = 0.5
    z, weights = _nodes(SHAPES["normal"], kink=0.0)  # log r = 0.5 z: the kink r = 1 is at z = 0
    r = np.exp(log_sd * z)
    g = np.maximum(r - 1.0, 0.0)
    cosine = float(weights @ (r * g)) / np.sqrt(float(weights @ r**2) * float(weights @ g**2))
    d = size * len(scales)

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        u = rng.standard_normal((n, len(scales), size))
        u *= scales[:, None] / np.linalg.norm(u, axis=2, keepdims=True)
        radii = np.exp(log_sd * rng.standard_normal((n, len(scales), 1)))
        turn = _rotation(d, seed)
        x, y = (radii * u).reshape(n, d), (np.maximum(radii - 1.0, 0.0) * u).reshape(n, d)
        return x @ turn, y @ turn

    truth = _score(cosine, 1.0)
    return Family(name, d, spread, "identity", truth, truth, draw)


def correlated(name: str, covariance: FloatArray, mean: FloatArray, *, function: str) -> Family:
    r"""``Y = f(X)`` coordinate by coordinate of a correlated normal X, as in a network.

    With Hermite coefficients ``c_ik`` of the functions of the standardised coordinates and R the
    correlations, ``Cov(y_i, y_j) = Σ_{k>=1} c_ik c_jk R_ij^k`` (Mehler) and
    ``Cov(x_i, y_j) = sd(x_i) R_ij c_j1``. The optimal plan is not known; the paired value is.
    """
    sd = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.outer(sd, sd)
    coefficients, variances = [], []
    for scale, centre in zip(sd, mean, strict=True):
        z, weights = _nodes(SHAPES["normal"], kink=-float(centre / scale))
        y = FUNCTIONS[function](centre + scale * z)
        terms = _hermite(z) @ (weights * y)
        coefficients.append(terms[1:])
        variances.append(float(weights @ y**2) - float(terms[0]) ** 2)
    table = np.array(coefficients)
    cov_y, power = np.zeros_like(covariance), np.ones_like(covariance)
    for k in range(table.shape[1]):
        power = power * correlation
        cov_y += np.outer(table[:, k], table[:, k]) * power
    np.fill_diagonal(cov_y, variances)
    cross = sd[:, None] * correlation * table[:, 0]
    root = _root(covariance)
    inverse = linalg.inv(root)
    optimal = inverse @ _root(root @ cov_y @ root) @ inverse
    truth = _score(float(np.sum(optimal * cross)), float(np.trace(cov_y)))
    factor = linalg.cholesky(covariance)

    def draw(rng: np.random.Generator, n: int) -> tuple[FloatArray, FloatArray]:
        x = mean + rng.standard_normal((n, len(mean))) @ factor
        return x, FUNCTIONS[function](x)

    return Family(name, len(mean), "anisotropic", "paired", truth, truth, draw)


def _hermite(z: FloatArray) -> FloatArray:
    """Normalised Hermite polynomials at z, (terms, nodes)."""
    rows = [np.ones_like(z), z]
    for k in range(1, HERMITE_TERMS - 1):
        rows.append((z * rows[k] - np.sqrt(k) * rows[k - 1]) / np.sqrt(k + 1))
    return np.array(rows)


def _root(matrix: FloatArray) -> FloatArray:
    values, vectors = linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def families(d: int) -> tuple[Family, ...]:
    """All families in d dimensions (a multiple of 8), the same ones in every call."""
    return tuple(_families(d))


def _families(d: int) -> Iterator[Family]:
    for shape, function in (
        ("normal", "relu"),
        ("normal", "tanh"),
        ("laplace", "sigmoid"),
        ("exponential", "leaky"),
        ("normal", "gelu"),
        ("normal", "abs"),
        ("uniform", "square"),
    ):
        yield product(
            f"flat {function} {shape}",
            [Coordinate(shape, function)] * d,
            spread="isotropic",
            seed=d,
        )
    yield radial("flat radial", np.ones(d // 8), size=8, spread="isotropic", seed=d)
    for index, (spectrum, function, own_unit) in enumerate(
        (
            ("power1", "relu", False),
            ("power2", "relu", False),
            ("spikes", "relu", False),
            ("half", "relu", False),
            ("power1", "tanh", False),
            ("power2", "tanh", True),
            ("spikes", "sigmoid", True),
            ("half", "leaky", False),
            ("power1", "silu", True),
            ("power1", "abs", False),
        )
    ):
        scales = np.sqrt(SPECTRA[spectrum](d))
        rng = np.random.default_rng((d, index))
        means = scales * 0.5 * rng.standard_normal(d)
        names = rng.choice(list(SHAPES), d)
        coordinates = [
            Coordinate(str(shape), function, float(s), float(m), float(s) if own_unit else 1.0)
            for shape, s, m in zip(names, scales, means, strict=True)
        ]
        yield product(f"{spectrum} {function} mixed", coordinates, spread="anisotropic", seed=d)
    blocks = np.sqrt(SPECTRA["power1"](d // 8))
    yield radial("power1 radial", blocks, size=8, spread="anisotropic", seed=d)
    for index, (spectrum, function, shift) in enumerate(
        (
            ("power1", "relu", 0.0),
            ("power1", "relu", 0.5),
            ("power2", "relu", 0.5),
            ("spikes", "tanh", 0.3),
        )
    ):
        rng = np.random.default_rng((d, index, 1))
        turn = _rotation(d, d + 1)
        covariance = (turn.T * SPECTRA[spectrum](d)) @ turn
        covariance *= d / np.trace(covariance)
        mean = shift * rng.standard_normal(d)
        yield correlated(
            f"{spectrum} {function} correlated {shift:g}", covariance, mean, function=function
        )

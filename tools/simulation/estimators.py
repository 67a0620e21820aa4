"""Study: how far estimators of the score lie from known truths where samples are few.

Row i stays paired with row i throughout, as is optimal for the families used, so that only the
estimates of the covariances differ.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, final

import numpy as np
from scipy import linalg

from onnx_affscore.records import FeatureSample, PairedSample
from onnx_affscore.score.affinity import affinity
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.shrinkage import constant_correlation, ledoit_wolf
from onnx_affscore.score.uncertainty import uncertainty
from tools.simulation.families import Family, FloatArray, families
from tools.simulation.spectra import analytical, oracle_approximating, quadratic_inverse

__all__ = ["CANDIDATES", "Summary", "run"]

FOLDS: Final = 5
FEWEST: Final = 10
"""Samples from which a fifth can be held out."""

Covariances = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
Estimator = Callable[[FloatArray, FloatArray], float]


def each(estimate: Callable[[FloatArray], FloatArray]) -> Covariances:
    """The same estimate for both sides."""
    return lambda x, y: (estimate(x), estimate(y))


def shrunk(rows: FloatArray) -> FloatArray:
    """Ledoit-Wolf towards a scaled identity."""
    n, d = rows.shape
    sample = rows.T @ rows / n
    moment = float(np.linalg.norm(sample)) ** 2
    intensity = ledoit_wolf(rows, features=d, second_moment=moment)
    ridge = intensity * float(np.trace(sample)) / d
    return np.asarray((1 - intensity) * sample + ridge * np.eye(d))


def joint(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Ledoit-Wolf on both sides, that of Y also towards that of X.

    The target ``c Σx`` of Σy, c the ratio of the traces, makes A a multiple of the identity. The
    intensity is the one of least expected Frobenius loss, ``Σ Var(y_i y_j) - c Cov(y_i y_j,
    x_i x_j)`` over ``n |Σy - c Σx|²``, estimated from the sample.
    """
    n = len(x)
    sigma_x, sigma_y = x.T @ x / n, y.T @ y / n
    ratio = float(np.trace(sigma_y) / np.trace(sigma_x))
    own, cross = np.sum(y * y, axis=1), np.sum(x * y, axis=1)
    variance = (own @ own / n - np.sum(sigma_y**2)) / n
    covariance = ratio * (cross @ cross / n - np.sum(sigma_x * sigma_y)) / n
    distance = float(np.sum((sigma_y - ratio * sigma_x) ** 2))
    intensity = min(1.0, max(0.0, float(variance - covariance) / distance))
    base_x, base_y = shrunk(x), shrunk(y)
    return base_x, (1 - intensity) * base_y + intensity * ratio * base_x


def optimal_map(sigma_x: FloatArray, sigma_y: FloatArray) -> FloatArray:
    """The transport map between normal distributions; directions of no variance count 1e-14."""
    values, vectors = linalg.eigh(sigma_x, driver="evd")
    deviations = np.sqrt(np.maximum(values, 1e-14 * values[-1]))
    root, inverse = (vectors * deviations) @ vectors.T, (vectors / deviations) @ vectors.T
    values, vectors = linalg.eigh(root @ sigma_y @ root, driver="evd")
    middle = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return np.asarray(inverse @ middle @ inverse)


def empirical(x: FloatArray, y: FloatArray) -> float:
    """The sample's own covariances; for n <= d by the polar factor of ``Xc Ycᵀ``."""
    n, d = x.shape
    if n > d:
        images = x @ optimal_map(x.T @ x / n, y.T @ y / n)
    else:
        left, _, right = linalg.svd(x @ y.T + np.linalg.norm(x @ y.T) / n**1.5)
        images = left @ right @ y
    return of_share(float(np.sum(images * y) / np.sum(y**2)))


def plugged_in(x: FloatArray, y: FloatArray, *, covariances: Covariances) -> float:
    """The definition with other covariances, as the package has it."""
    sigma_x, sigma_y = covariances(x, y)
    missed = float(np.sum((x @ optimal_map(sigma_x, sigma_y) - y) ** 2)) / len(x)
    return 1.0 - float(np.sqrt(missed / (2.0 * np.trace(sigma_y))))


def held_out_share(x: FloatArray, y: FloatArray, *, covariances: Covariances) -> float:
    """Cosine between Y and the images of rows under maps that were fitted without them."""
    images = np.empty_like(y)
    dealt = np.random.default_rng(0).permutation(len(x)) % FOLDS
    for fold in range(FOLDS):
        held = dealt == fold
        train = (side[~held] - side[~held].mean(axis=0) for side in (x, y))
        images[held] = x[held] @ optimal_map(*covariances(*train))
    return _cosine(images - images.mean(axis=0), y)


def held_out(x: FloatArray, y: FloatArray, *, covariances: Covariances) -> float:
    """The score of rows held out."""
    return of_share(held_out_share(x, y, covariances=covariances))


def cross_fitted(x: FloatArray, y: FloatArray, *, covariances: Covariances) -> float:
    """The mean of shares on rows fitted to and on rows held out."""
    fitted = _cosine(x @ optimal_map(*covariances(x, y)), y)
    return of_share((fitted + held_out_share(x, y, covariances=covariances)) / 2)


def extrapolated(x: FloatArray, y: FloatArray, *, estimator: Estimator) -> float:
    """Richardson's: a bias in 1/n is gone from twice the value less the mean of two halves."""
    order = np.random.default_rng(1).permutation(len(x))
    size = len(x) // 2
    halves = []
    for part in (order[:size], order[size : 2 * size]):
        halves.append(estimator(*(side[part] - side[part].mean(axis=0) for side in (x, y))))
    return 2.0 * estimator(x, y) - sum(halves) / 2.0


def corrected(x: FloatArray, y: FloatArray) -> float:
    """The package's empirical score less its bias; NaN where it does not estimate that."""
    sides = (FeatureSample(s, 2.0**-52, float(np.sqrt(np.mean(s**2)))) for s in (x, y))
    sample = Prepared(PairedSample(*sides))
    value = uncertainty(sample, affinity(sample, covariance="empirical")).corrected
    return np.nan if value is None else value


def of_share(share: float) -> float:
    """``1 - √(1 - S)``."""
    return 1.0 - float(np.sqrt(max(0.0, 1.0 - share)))


def _cosine(images: FloatArray, y: FloatArray) -> float:
    scale = float(np.linalg.norm(images) * np.linalg.norm(y))
    return float(np.sum(images * y)) / scale if scale > 0.0 else 0.0


LEDOIT_WOLF: Final = each(shrunk)
QUADRATIC: Final = each(quadratic_inverse)
CROSS_FITTED: Final = partial(cross_fitted, covariances=LEDOIT_WOLF)

CANDIDATES: Final[Mapping[str, Estimator]] = MappingProxyType(
    {
        "empirical": empirical,
        "ledoit-wolf": partial(plugged_in, covariances=LEDOIT_WOLF),
        "ledoit-wolf-cc": partial(
            plugged_in, covariances=each(lambda rows: constant_correlation(rows).shrunk())
        ),
        "oas": partial(plugged_in, covariances=each(oracle_approximating)),
        "analytical nonlinear": partial(plugged_in, covariances=each(analytical)),
        "quadratic-inverse": partial(plugged_in, covariances=QUADRATIC),
        "joint target": partial(plugged_in, covariances=joint),
        "extrapolated empirical": partial(extrapolated, estimator=empirical),
        "extrapolated ledoit-wolf": partial(
            extrapolated, estimator=partial(plugged_in, covariances=LEDOIT_WOLF)
        ),
        "corrected": corrected,
        "held-out ledoit-wolf": partial(held_out, covariances=LEDOIT_WOLF),
        "cross-fitted": CROSS_FITTED,
        "cross-fitted quadratic-inverse": partial(cross_fitted, covariances=QUADRATIC),
        "cross-fitted joint target": partial(cross_fitted, covariances=joint),
        "extrapolated cross-fitted": partial(extrapolated, estimator=CROSS_FITTED),
    }
)
"""Name to estimator of centred rows."""

SHORT: Final = ("empirical", "ledoit-wolf", "quadratic-inverse", "corrected", "cross-fitted")
"""Candidates in 512 dimensions, where the others take too long."""

RATIOS: Final = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
ROUNDS: Final[Mapping[int, int]] = MappingProxyType({32: 12, 128: 4, 512: 1})


@final
@dataclass(frozen=True, slots=True)
class Summary:
    """Errors of one candidate over the families of one spread, in one size."""

    d: int
    ratio: float
    candidate: str
    spread: str
    bias: float
    size: float
    worst: float
    worst_family: str
    deviation: float
    rmse: float


def run(*, quick: bool = False) -> list[Summary]:
    """Errors of all candidates: means over families, the worst family, deviations, their root."""
    found = []
    for d, rounds in ROUNDS.items():
        if quick and d > min(ROUNDS):
            break
        chosen = [f for f in families(d) if f.paired > 0.5]  # not |x| and x²: other plans there
        names = SHORT if d > 128 else tuple(CANDIDATES)
        for ratio in RATIOS:
            if ratio * d < FEWEST:
                continue
            errors = {
                family: _errors(family, names, n=int(ratio * d), rounds=1 if quick else rounds)
                for family in chosen
            }
            for name in names:
                for spread in ("isotropic", "anisotropic"):
                    table = {f: e[name] for f, e in errors.items() if f.spread == spread}
                    found.append(_summary(d, ratio, name, spread, table))
    return found


def _errors(
    family: Family, names: tuple[str, ...], *, n: int, rounds: int
) -> dict[str, FloatArray]:
    errors: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(rounds):
        rows = family.draw(np.random.default_rng((seed, family.d, n)), n)
        x, y = (side - side.mean(axis=0) for side in rows)
        for name in names:
            errors[name].append(CANDIDATES[name](x, y) - family.paired)
    return {name: np.array(values) for name, values in errors.items()}


def _summary(
    d: int, ratio: float, name: str, spread: str, errors: Mapping[Family, FloatArray]
) -> Summary:
    biases = {family: float(values.mean()) for family, values in errors.items()}
    worst = max(biases, key=lambda family: abs(biases[family]))
    every = np.array(list(errors.values()))
    return Summary(
        d=d,
        ratio=ratio,
        candidate=name,
        spread=spread,
        bias=float(np.mean(list(biases.values()))),
        size=float(np.mean(np.abs(list(biases.values())))),
        worst=biases[worst],
        worst_family=worst.name,
        deviation=float(every.std(axis=1).mean()),
        rmse=float(np.sqrt(np.mean(every**2))),
    )

"""The affinity score: how close an activation is to a positive semi-definite affine map."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.errors import DataError, DegenerateScoreError, OptionError
from onnx_affscore.records import Array, FeatureSample, FloatArray, PairedSample, Status
from onnx_affscore.score.estimate import COVARIANCES, REFERENCE_RIDGE, Estimate
from onnx_affscore.score.gaussian import transported
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.transport import Transport, squared_w2

__all__ = ["AUTO", "Affinity", "affinity", "affinity_score", "choose_covariance"]

AUTO: Final = "auto"

AMPLE: Final = 10
"""Samples per direction from which ``auto`` takes the empirical covariances: their upward bias,
about rank / (15 n) for a ReLU of normal features, is then below .01."""


GAP: Final = 1e-6
"""Widest interval left open by the optimisation in which a score is given, as its lower end: one
unit of the last digit that is printed."""


@dataclass(frozen=True, slots=True)
class Affinity:
    """An affinity score with everything that it rests on.

    ``value`` is None unless ``status`` is ok, and ``reason`` then says why. ``lower`` and
    ``upper`` bound the value as far as the optimisation goes and are equal where it was exact.
    Ranks count the directions above the noise floors, which are standard deviations in the units
    of the features; ``shrinkage`` are the intensities used on both sides, None for no shrinkage.
    """

    value: float | None
    status: Status
    reason: str | None
    covariance: str
    rank_x: int | None = None
    rank_y: int | None = None
    floor_x: float | None = None
    floor_y: float | None = None
    shrinkage_x: float | None = None
    shrinkage_y: float | None = None
    lower: float | None = None
    upper: float | None = None
    transport: Transport | None = None
    warnings: tuple[str, ...] = ()


def affinity_score(
    X: npt.ArrayLike,
    Y: npt.ArrayLike,
    covariance: str = "empirical",
    noise: float | None = None,
) -> float:
    r"""Affinity score of paired samples before and after a function.

    .. math::

        \rho(X, Y) = 1 - \frac{W_2(T_{\mathrm{aff}} X, Y)}{\sqrt{2 \operatorname{Tr} \Sigma_y}}

    with :math:`T_{\mathrm{aff}}` the optimal transport map between the normal approximations of X
    and Y [1]_, and W2 exact. It is 1 if and only if Y is a positive semi-definite affine image of
    X. For the empirical covariances it lies in [0, 1] (Proposition 3.5 of [1]_); for shrunk ones
    that is no law, and no value is clipped.

    The score is 0/0 where X or Y is constant up to the rounding of its data:
    :class:`DegenerateScoreError` is raised. (``reference`` and ``reference-lw`` answer 1 for a
    constant Y, as the published code does.)

    Parameters
    ----------
    X, Y : array_like
        Rows of paired samples, (n, d), or (n,) for one feature.
    covariance : str
        ``empirical`` (ddof 0, on the numerical range), ``ledoit-wolf`` (scaled identity),
        ``ledoit-wolf-cc`` (constant correlation), ``reference`` (ddof 1, ridge 1e-6),
        ``reference-lw`` (Ledoit-Wolf, ridge 1e-6), or ``auto``: empirical where n is at least
        10 times the rank, else ledoit-wolf.
    noise : float, optional
        Relative rounding of the data: the machine epsilon of the type they were computed in,
        where that is not the type they are stored in. None: that of each array's own type.

    Returns
    -------
    float
        The score.

    Raises
    ------
    DegenerateScoreError
        X or Y is constant up to its rounding, or there is one sample.
    DataError
        The shapes differ, or a value is not a finite number.
    OptionError
        ``covariance`` is none of the above, or ``noise`` is negative.

    References
    ----------
    .. [1] Q. Bouniot et al., "From Alexnet to Transformers: Measuring the Non-linearity of Deep
       Neural Networks with Affine Optimal Transport", CVPR 2025 (arXiv 2310.11439), section 3.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 1000)
    >>> round(affinity_score(x, 3.0 * x + 1.0), 6)
    1.0
    >>> round(affinity_score(x, x**3, covariance="reference"), 6)
    0.711209
    """
    if noise is not None and not 0.0 <= noise < 1.0:
        raise OptionError(f"noise is {noise}; wanted a relative rounding in [0, 1)")
    rows_x, rows_y = (_rows(array, name) for array, name in ((X, "X"), (Y, "Y")))
    if rows_x.shape != rows_y.shape:
        raise DataError(
            f"X has shape {np.shape(X)} and Y {np.shape(Y)}; wanted one shape for both, "
            "(samples, features) or (samples,)"
        )
    pair = PairedSample(_feature_sample(rows_x, noise), _feature_sample(rows_y, noise))
    found = affinity(pair, covariance=covariance)
    if found.value is not None:
        return found.value
    error = DegenerateScoreError if found.status is Status.DEGENERATE else DataError
    raise error(f"no affinity score: {found.reason}")


def affinity(sample: PairedSample | Prepared, *, covariance: str) -> Affinity:
    """Affinity score of one activation, with what it rests on; trouble is a status, never NaN.

    The score of a constant input or output is 0/0 and has status degenerate.

    Parameters
    ----------
    sample : PairedSample or Prepared
        Rows before and after; a Prepared one shares its factorisations with other metrics.
    covariance : str
        As for :func:`affinity_score`.

    Returns
    -------
    Affinity
        The score, its ranks, noise floors, shrinkage and transport.
    """
    if covariance not in (AUTO, *COVARIANCES):
        names = ", ".join((AUTO, *COVARIANCES))
        raise OptionError(f"covariance is {covariance!r}; wanted one of {names}")
    prepared = sample if isinstance(sample, Prepared) else Prepared(sample)
    name = choose_covariance(prepared) if covariance == AUTO else covariance
    if trouble := prepared.trouble:
        return Affinity(None, trouble.status, trouble.reason, name)
    follows_reference = name.startswith("reference") and prepared.n > 1
    if (trouble := prepared.constant) and not follows_reference:
        return Affinity(None, trouble.status, trouble.reason, name, *_ranks(prepared))
    x, y = COVARIANCES[name](prepared)
    facts = (*_ranks(prepared), x.intensity, y.intensity)
    with np.errstate(over="ignore"):
        bar = 2.0 * REFERENCE_RIDGE * prepared.d * float(np.ldexp(1.0, -2 * prepared.y.exponent))
    if follows_reference and y.trace <= bar:
        warning = "the output is constant: the published code answers 1"
        return Affinity(
            1.0, Status.OK, None, name, *facts, lower=1.0, upper=1.0, warnings=(warning,)
        )
    plan = _plan(x, y)
    lower, upper = (1.0 - math.sqrt(squared / 2.0) for squared in (plan.cost, plan.bound))
    if upper - lower > GAP:
        reason = (
            f"no optimal plan was found for {prepared.n} samples; "
            f"the score lies between {lower:.6f} and {upper:.6f}"
        )
        return Affinity(
            None, Status.UNDEFINED, reason, name, *facts, lower=lower, upper=upper, transport=plan
        )
    return Affinity(lower, Status.OK, None, name, *facts, lower=lower, upper=upper, transport=plan)


def choose_covariance(sample: Prepared) -> str:
    """What ``auto`` stands for: empirical where n is at least 10 times either rank."""
    if sample.constant:
        return "empirical"
    rank = max(found.rank for found in sample.ranks)
    return "empirical" if sample.n >= AMPLE * rank else "ledoit-wolf"


def _plan(x: Estimate, y: Estimate) -> Transport:
    """Optimal plan between T_aff X and Y, both in units of the deviation of Y."""
    unit = math.sqrt(y.trace)
    return squared_w2(transported(x, y) / unit, y.compact_rows / unit)


def _ranks(sample: Prepared) -> tuple[int | None, int | None, float | None, float | None]:
    if sample.n < 2:
        return None, None, None, None
    x, y = sample.ranks
    return x.rank, y.rank, sample.x.in_features(x.floor), sample.y.in_features(y.floor)


def _rows(array: npt.ArrayLike, name: str) -> Array:
    """The array with one row a sample, in its own type."""
    rows = np.asarray(array)
    if rows.ndim == 1:
        rows = rows[:, None]
    if rows.ndim != 2:
        raise DataError(f"{name} has shape {rows.shape}; wanted (samples, features) or (samples,)")
    if rows.dtype.kind in "cSUOMm":
        raise DataError(f"{name} holds {rows.dtype}; wanted real numbers")
    return rows


def _feature_sample(rows: Array, noise: float | None) -> FeatureSample:
    features: FloatArray = rows.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        rms = float(np.sqrt(np.mean(features**2))) if features.size else 0.0
    return FeatureSample(features, _epsilon(rows.dtype) if noise is None else noise, rms)


def _epsilon(dtype: np.dtype[Any]) -> float:
    """Machine epsilon of a type; of float64 for integers, which are exact in it."""
    if dtype.kind in "biu":
        return float(np.finfo(np.float64).eps)
    if dtype.kind == "f":
        return float(np.finfo(dtype).eps)
    epsilon = 1.0  # a type that NumPy does not know, such as ml_dtypes.bfloat16
    while float(np.asarray(1.0 + epsilon / 2.0).astype(dtype).astype(np.float64)) > 1.0:
        epsilon /= 2.0
    return epsilon

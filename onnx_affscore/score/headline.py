"""The headline score: the estimate that was asked for, or the one that the samples bear."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.errors import DataError, DegenerateScoreError, OptionError
from onnx_affscore.records import Array, FeatureSample, FloatArray, PairedSample, Status
from onnx_affscore.score.affinity import Affinity, affinity
from onnx_affscore.score.crossfit import CROSS_FITTED, cross_fitted
from onnx_affscore.score.estimate import COVARIANCES
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.uncertainty import AMPLE, Plan, Uncertainty, Verdict, uncertainty

__all__ = ["AUTO", "CORRECTED", "Scored", "affinity_score", "headline", "scored"]

AUTO: Final = "auto"
CORRECTED: Final = "corrected"

ESTIMATES: Final = (CROSS_FITTED, *COVARIANCES)
"""What needs nothing but the rows."""


@final
@dataclass(frozen=True, slots=True)
class Scored:
    """The ``headline`` of an activation, the ``estimates`` by covariance, what is ``known``."""

    headline: Affinity
    estimates: Mapping[str, Affinity]
    known: Uncertainty


def scored(sample: Prepared, *, covariance: str = AUTO) -> Scored:
    """Score an activation in every reported estimate, and choose the headline.

    ``auto`` is ``corrected`` where the plan is the identity and there are at least 5 samples per
    direction, unless a few of them decide; else ``empirical`` from 10 samples per direction on;
    else ``ledoit-wolf``.
    """
    _check(covariance)
    wanted = dict.fromkeys(("empirical", "ledoit-wolf", covariance))
    found = {name: _estimated(sample, name) for name in wanted if name in ESTIMATES}
    known = uncertainty(sample, found["empirical"])
    name = _automatic(sample, known) if covariance == AUTO else covariance
    found[CORRECTED] = _corrected(found["empirical"], known)
    return Scored(found[name], MappingProxyType(found), known)


def headline(sample: Prepared, *, covariance: str = AUTO) -> Affinity:
    """Return the score by one estimate, and compute no other than it takes to choose it."""
    _check(covariance)
    if covariance in ESTIMATES:
        return _estimated(sample, covariance)
    empirical = affinity(sample, covariance="empirical")
    known = uncertainty(sample, empirical)
    name = _automatic(sample, known) if covariance == AUTO else covariance
    if name == CORRECTED:
        return _corrected(empirical, known)
    return empirical if name == "empirical" else _estimated(sample, name)


def _estimated(sample: Prepared, name: str) -> Affinity:
    return cross_fitted(sample) if name == CROSS_FITTED else affinity(sample, covariance=name)


def _check(covariance: str) -> None:
    names = (AUTO, CORRECTED, *ESTIMATES)
    if covariance not in names:
        raise OptionError(f"covariance is {covariance!r}; wanted one of {', '.join(names)}")


def _automatic(sample: Prepared, known: Uncertainty) -> str:
    """What ``auto`` stands for."""
    if known.plan is Plan.IDENTITY and known.verdict is not Verdict.FEW_DECIDE:
        return CORRECTED
    few = known.samples_per_direction is not None and known.samples_per_direction < AMPLE
    return "ledoit-wolf" if few and not sample.constant else "empirical"


def _corrected(empirical: Affinity, known: Uncertainty) -> Affinity:
    """The empirical score less its bias, and the bounds of the optimisation with it."""
    if empirical.value is None:
        return replace(empirical, covariance=CORRECTED)
    if known.corrected is None or known.plan is not Plan.IDENTITY:
        reason = known.reason or "the bias is known for plans that pair row i with row i only"
        return replace(
            empirical, value=None, status=Status.UNDEFINED, reason=reason, covariance=CORRECTED
        )
    bias = empirical.value - known.corrected
    lower, upper = (end and end - bias for end in (empirical.lower, empirical.upper))
    return replace(empirical, value=known.corrected, covariance=CORRECTED, lower=lower, upper=upper)


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
        ``reference-lw`` (Ledoit-Wolf, ridge 1e-6), ``cross-fitted`` (Ledoit-Wolf, also on rows
        held out), ``corrected`` (empirical, without its bias), or ``auto`` (see :func:`scored`).
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
    found = headline(Prepared(pair), covariance=covariance)
    if found.value is not None:
        return found.value
    error = DegenerateScoreError if found.status is Status.DEGENERATE else DataError
    raise error(f"no affinity score: {found.reason}")


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

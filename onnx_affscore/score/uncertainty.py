"""How well n samples know a score: its bias, its standard error, its interval, and a verdict."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, final

import numpy as np
from scipy import stats

from onnx_affscore.records import FloatArray
from onnx_affscore.score.affinity import Affinity, affinity
from onnx_affscore.score.costs import Indices, squares
from onnx_affscore.score.estimate import COVARIANCES
from onnx_affscore.score.influence import Linearised
from onnx_affscore.score.moments import Prepared, some_rows
from onnx_affscore.score.transport import Transport

__all__ = ["AMPLE", "Estimand", "Plan", "Uncertainty", "Verdict", "uncertainty"]

LEVEL: Final = 0.95

AMPLE: Final = 10
"""Samples per direction from which a bias is known well enough to be removed: it is about
rank / (15 n) for a ReLU of normal features, below .01."""

LEAST: Final = 5
"""Samples per direction from which the bias is estimated at all: two thirds of it and more are
found there, nine tenths at :data:`AMPLE`."""

REWEIGHTINGS: Final = 64
"""Draws of weights times directions: the bias then has an error of a seventh of the standard
error, which makes intervals miss by a hundredth of their width."""

MOST: Final = 8

STEP: Final = 0.5
"""Samples are weighted with 1.5 and 0.5: far enough for rounding, near enough for Taylor."""

REMAINDER: Final = 9.0
"""What a bias leaves behind when it is removed, in units of its square (docs/uncertainty.md)."""

TOLERATED: Final = 0.5
"""Part of the standard error that may be left of a bias: coverage stays above 92 %."""

NEGLIGIBLE_GAP: Final = 0.25
"""Part of the standard error that the identity may fall short of the optimal plan."""

RATE: Final = 1.5
"""The transport of a plan that moves converges like n^-rate, with rate = RATE / rank up to 1/2:
measured for |x| and x² in 2 to 8 dimensions."""

SETTLING: Final = 4
"""Most directions in which a plan is found settled: in more, what two halves of the sample tell
would have to be enlarged fivefold and more."""

FEWEST_SAMPLES: Final = 200
"""Samples from which the variance of the influences is known well enough in any dimension."""

FEWEST_DECIDING: Final = 3.0
"""Degrees of freedom of that variance, below which an interval has no meaning: one sample that
carries it all leaves two."""

AFFINE: Final = 1e-12
"""Below this ``1 - S`` is rounding: the activation is affine on the data."""


class Verdict(StrEnum):
    """Whether n samples suffice for the interval of a score."""

    ADEQUATE = "adequate"
    FEW_SAMPLES = "few samples"  # for the rank: covariances are not known well enough
    MOVING_PLAN = "moving plan"  # the optimal plan still changes with n
    FEW_DECIDE = "few decide"  # a handful of samples carries the score
    UNDEFINED = "undefined"  # there is no score, or it has no derivative


class Plan(StrEnum):
    """What is known of the optimal plan of the population."""

    IDENTITY = "identity"  # row i is paired with row i
    LINE = "line"  # one direction: sorted
    SETTLED = "settled"  # another plan, which does not change with n any more
    MOVING = "moving"


class Estimand(StrEnum):
    """What an interval is of."""

    POPULATION = "population"  # the score of the population
    IDENTITY = "identity plan"  # that of pairing row i with row i: the population's or less


@final
@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What is known about the population behind an empirical score.

    ``low`` to ``high`` is the interval of 95 % and ``std`` the standard error, None unless the
    verdict is adequate, of the ``estimand``; ``reason`` says why not. ``bias`` is the plug-in
    score less the ``corrected`` one. ``ceiling``: what the score would be if every feature could
    be transported on its own; no plan gives more. ``influence``: contribution of every sample to
    the score, (samples,), in units of the score.
    """

    verdict: Verdict
    reason: str | None
    samples_per_direction: float | None = None
    plan: Plan | None = None
    estimand: Estimand | None = None
    bias: float | None = None
    corrected: float | None = None
    low: float | None = None
    high: float | None = None
    std: float | None = None
    ceiling: float | None = None
    influence: FloatArray | None = None


def uncertainty(sample: Prepared, found: Affinity) -> Uncertainty:
    r"""Bias, standard error and interval of an empirical score.

    The score is :math:`\rho = 1 - \sqrt q`. The standard error is that of the mean of the
    influences of the samples on q (:meth:`Linearised.influence`); rows of one sample count as
    one. The bias is the second-order term of the jackknife,

    .. math:: \frac{1}{2n} E[q''(\delta_i, \delta_i)]
        \approx \frac{1}{\varepsilon^2} \Bigl(E_g \tfrac12
            \bigl[q(1 + \varepsilon g) + q(1 - \varepsilon g)\bigr] - q(1)\Bigr)

    over weights of the samples with random signs g. The interval is about the value without its
    bias, by Student's distribution with the degrees of freedom of the influences' variance: of
    log q towards low scores, of q itself towards 1, which an affine activation reaches.

    The estimand is the score of the population in d dimensions, where that can be known from n
    samples: on a line, where a plan has settled, and where the identity gives all that the
    marginals allow. Else, where the identity is optimal in the sample, it is the score that the
    identity has in the population. That is a lower bound of the population's score, and all that
    a sample shows of it: in many dimensions a plan that is better would come to light at numbers
    of samples that grow exponentially with the dimension.

    Parameters
    ----------
    sample : Prepared
        The rows of both sides.
    found : Affinity
        Their score with empirical covariances.
    """
    if found.value is None or found.transport is None:
        return Uncertainty(Verdict.UNDEFINED, found.reason)
    owners, samples = sample.samples
    rank = max(found.rank_x or 1, found.rank_y or 1)
    known = Uncertainty(Verdict.FEW_SAMPLES, None, samples / rank)
    few = f"{samples} samples for rank {rank}, {samples / rank:.1f} a direction; wanted {AMPLE}"
    if samples < LEAST * rank:
        return replace(known, reason=few)
    derived = Linearised.of(*COVARIANCES["empirical"](sample))
    if derived is None:
        reason = "the ranges of the two sides meet at right angles: the score has no derivative"
        return replace(known, verdict=Verdict.UNDEFINED, reason=reason)
    q = found.transport.cost / 2.0
    if q <= AFFINE:
        known = replace(known, plan=Plan.IDENTITY, influence=np.zeros(samples), ceiling=1.0)
        middle, error, freedom = q, 0.0, math.inf
    else:
        each = _by_sample(derived.influence(found.transport), owners)
        error = math.sqrt(float(each @ each) / (samples * (samples - 1)))
        freedom = _freedom(each)
        plan = _plan(sample, found, found.transport, std=error / (2.0 * math.sqrt(q)))
        bias = (
            _bias(derived, owners, samples, at=found.transport.own / 2.0)
            if plan is Plan.IDENTITY
            else 0.0
        )
        middle = max(q - bias, q / 2.0)
        influence = -each / (2.0 * math.sqrt(middle))
        known = replace(known, plan=plan, influence=influence, ceiling=_ceiling(derived))
    std = error / (2.0 * math.sqrt(middle)) if error else 0.0
    corrected = 1.0 - math.sqrt(middle) - (std**2 / (2.0 * math.sqrt(middle)) if std else 0.0)
    known = replace(known, bias=found.value - corrected, corrected=corrected)
    trouble = _trouble(known, samples, few=few, freedom=freedom, std=std)
    if trouble is not None:
        return replace(known, verdict=trouble[0], reason=trouble[1])
    width = _width(freedom) * error / middle if error else 0.0
    high = 1.0 - math.sqrt(middle * max(0.0, 1.0 - width))
    above = 0.0 if known.ceiling is None else known.ceiling - found.value
    unproved = known.plan is Plan.IDENTITY and above > high - corrected
    return replace(
        known,
        verdict=Verdict.ADEQUATE,
        estimand=Estimand.IDENTITY if unproved else Estimand.POPULATION,
        low=1.0 - math.sqrt(middle * math.exp(width)),
        high=high,
        std=std,
    )


def _trouble(
    known: Uncertainty, samples: int, *, few: str, freedom: float, std: float
) -> tuple[Verdict, str] | None:
    """Why there is no interval, the first reason that holds."""
    bias = known.bias or 0.0
    if known.samples_per_direction is not None and known.samples_per_direction < AMPLE:
        return Verdict.FEW_SAMPLES, few
    if samples < FEWEST_SAMPLES:
        return Verdict.FEW_SAMPLES, f"{samples} samples; wanted {FEWEST_SAMPLES}"
    if known.plan is Plan.MOVING:
        return Verdict.MOVING_PLAN, "the optimal plan still changes with n, and the score with it"
    if freedom < FEWEST_DECIDING:
        return Verdict.FEW_DECIDE, f"a few of the {samples} samples carry the score"
    if REMAINDER * bias**2 > TOLERATED * std:
        reason = (
            f"{few[: few.index(';')]}: the bias, about {bias:.2g}, is known less well than the"
            f" standard error of {std:.2g}"
        )
        return Verdict.FEW_SAMPLES, reason
    return None


def _width(freedom: float) -> float:
    """Standard errors that an interval reaches to both sides.

    Student's quantile, enlarged by 1/√freedom: where a few samples carry the variance it is not
    only uncertain but, as a rule, too small.
    """
    return (1.0 + 1.0 / math.sqrt(freedom)) * float(stats.t.ppf((1.0 + LEVEL) / 2.0, freedom))


def _by_sample(influence: FloatArray, owners: Indices) -> FloatArray:
    """Influences of samples: those of their rows, which come and go together, added up."""
    sums = np.bincount(owners, weights=influence)
    return np.asarray(sums * (len(sums) / len(influence)))


def _freedom(each: FloatArray) -> float:
    """Degrees of freedom of the variance of numbers, from their kurtosis."""
    squared = each**2
    excess = float(squared @ squared) - float(squared.sum()) ** 2 / len(each)
    return 2.0 * float(squared.sum()) ** 2 / excess if excess > 0.0 else math.inf


def _bias(derived: Linearised, owners: Indices, samples: int, *, at: float) -> float:
    """Bias of q where row i is paired with row i."""
    generator = np.random.default_rng(0)
    found = []
    for _ in range(min(MOST, max(1, REWEIGHTINGS // len(derived.theta)))):
        signs = generator.choice([-1.0, 1.0], samples)
        found.append(derived.bias(signs[owners], step=STEP, at=at))
    return float(np.mean(found))


def _plan(sample: Prepared, found: Affinity, plan: Transport, *, std: float) -> Plan:
    gap = math.sqrt(plan.own / 2.0) - math.sqrt(plan.cost / 2.0)
    if gap <= NEGLIGIBLE_GAP * std:
        return Plan.IDENTITY
    if plan.solver == "sort":
        return Plan.LINE
    rank = min(found.rank_x or 1, found.rank_y or 1)
    if rank > SETTLING:
        return Plan.MOVING
    halves = [_half(sample, parity) for parity in (0, 1)]
    values = [half for half in halves if half is not None]
    if len(values) < len(halves) or found.value is None:
        return Plan.MOVING
    rate = min(0.5, RATE / rank)
    left = abs(found.value - sum(values) / len(values)) / (2.0**rate - 1.0)
    return Plan.SETTLED if left <= TOLERATED * std else Plan.MOVING


def _half(sample: Prepared, parity: int) -> float | None:
    """The score of every other sample."""
    half = some_rows(sample.pair, sample.samples[0] % 2 == parity)
    return affinity(half, covariance="empirical").value


def _ceiling(derived: Linearised) -> float:
    """What the score would be if every feature could be transported on its own."""
    moved, rows = (
        np.sort(side, axis=1) for side in (derived.image.T @ derived.a.T, derived.rows.T.copy())
    )
    missed = float(squares(moved - rows).sum()) / len(derived.rows)
    return 1.0 - math.sqrt(missed / 2.0)

"""Linearity up to scale: what is left between the normalised sides after the best linear map."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score.least_squares import squares, unexplained
from onnx_affscore.score.moments import Prepared

__all__ = ["linearity"]

SMALL: Final = 1e-3
"""A change with a smaller share than this of the output's variance is fitted by itself: what a fit
leaves of the output is good to 1e-10 of its variance."""


def linearity(sample: Prepared) -> Mapping[str, Reading]:
    r"""Linearity score of the output, and of the change that the activation makes [1]_.

    .. math::

        1 - \min_A \lVert \tilde X A - \tilde Y \rVert_F^2, \qquad
        \tilde X = X_c / \lVert X_c \rVert_F, \quad \tilde Y = Y_c / \lVert Y_c \rVert_F

    with :math:`X_c` and :math:`Y_c` centred over the rows; ``linearity_residual`` has
    :math:`Y_c - X_c` in place of :math:`Y_c`. The scale of X is taken up by A, so this is
    :math:`\lVert U^\top Y_c \rVert_F^2 / \lVert Y_c \rVert_F^2`, U a basis of the numerical range
    of the input: the mean of the R² of the output features weighted by their variance, where
    ``r2`` has equal weights. In 0..1. With an input of rank n - 1 it is 1 by construction, and the
    reading says so. Degenerate where a side, or every feature of Y - X, is constant up to rounding.

    References
    ----------
    .. [1] A. Razzhigaev et al., "Your Transformer is Secretly Linear", ACL 2024
       (arXiv 2405.12250), section 3.
    """
    if sample.constant:
        return dict.fromkeys(("linearity", "linearity_residual"), sample.constant)
    output, (change, floor, unit) = sample.y.centred, _change(sample)
    left, total = float(unexplained(sample, output).sum()), float(np.linalg.norm(output)) ** 2
    readings = {"linearity": Reading(1.0 - left / total, diagnostics=_flag(sample))}
    spread = squares(change)
    if not (spread > sample.n * floor**2).any():
        reason = "output less input is constant up to the rounding of the data: 0/0"
        return readings | {"linearity_residual": Reading(None, Status.DEGENERATE, reason)}
    # A fit on all of the input leaves the same of Y - X as of Y; digits are lost to a small one.
    left, size = left * unit**2, float(spread.sum())
    whole = sample.regular[0] or sample.factor(0).basis is None
    if not whole or size < SMALL * total * unit**2:
        left = float(unexplained(sample, change).sum())
    return readings | {"linearity_residual": Reading(1.0 - left / size)}


def _change(sample: Prepared) -> tuple[FloatArray, float, float]:
    """Centred output less centred input, (n, d), and its noise floor, in the larger unit.

    The third is the output's unit in that one.
    """
    unit = max(sample.x.exponent, sample.y.exponent)
    x, y = (float(np.ldexp(1.0, side.exponent - unit)) for side in (sample.x, sample.y))
    change: FloatArray = y * sample.y.centred - x * sample.x.centred
    return change, float(np.hypot(x * sample.x.floor, y * sample.y.floor)), y


def _flag(sample: Prepared) -> Mapping[str, tuple[str, ...]]:
    rank = sample.ranks[0].rank
    if rank < sample.n - 1:
        return {}
    warning = (
        f"linearity: {sample.n} samples for {rank} directions of the input; both figures are 1 by"
        " construction"
    )
    return {"warnings": (warning,)}

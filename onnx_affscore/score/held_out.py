"""How much of the output's variance a linear fit explains on samples that it has not seen."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import FloatArray, Reading, Status
from onnx_affscore.score.least_squares import fit, squares, varies
from onnx_affscore.score.moments import Prepared

__all__ = ["held_out_r2"]

Indices = npt.NDArray[np.intp]

LEVERED: Final = 1e-2
"""Shares of a direction's variance below this are compared with the noise floor: a larger one
leaves a tenth of its deviation, and floors allow for more than that."""

VANISHED: Final = 1e-9
"""Shares below this are the rounding of a basis that came from a formed covariance."""


def held_out_r2(sample: Prepared) -> Mapping[str, Reading]:
    r"""R² of least-squares predictions of each sample by a fit on all the others, with intercept.

    .. math:: 1 - \frac{\sum_i (y_{ij} - \hat y^{(-i)}_{ij})^2}{\sum_i (y_{ij} - \bar y_j)^2}

    the uniform mean over the output features j that vary above their noise floor. All n fits
    follow from one, exactly: with W an orthonormal basis of the ones vector and the centred input,
    and g the rows of one sample (windows or positions, if it has several), the residuals are

    .. math:: y_g - \hat y^{(-g)}_g = (I - W_g W_g^\top)^{-1} (y - W W^\top y)_g [1]_.

    So no sample is on both sides, and neither the order of the samples nor a choice of folds
    counts. Samples that resemble others (frames of a film) make the figure optimistic. Where a
    direction of the input is left with rounding when a sample is taken out, the others tell
    nothing of that sample, and it is predicted by their mean.

    Negative where the fit predicts worse than the mean. Undefined where fits on the other samples
    pass through every row, ``n - |g| <= rank + 1``; degenerate where no output feature varies.

    References
    ----------
    .. [1] D. M. Allen, "The relationship between variable selection and data augmentation and a
       method for prediction", Technometrics 16, 1974.
    """
    if trouble := sample.trouble:
        return {"r2_heldout": trouble}
    if sample.n == 1 and sample.constant:
        return {"r2_heldout": sample.constant}
    varying = varies(sample.y)
    if not varying.any():
        reason = "no feature of the output varies above its noise floor"
        return {"r2_heldout": Reading(None, Status.DEGENERATE, reason)}
    blocks = list(_blocks(sample.x.sample.owners, sample.n))
    others = sample.n - max(block.shape[1] for block in blocks)
    rank = sample.ranks[0].rank
    if others <= rank + 1:
        reason = (
            f"{others} rows without those of one sample, for {rank} directions of the input: a fit"
            f" passes through all of them; wanted at least {rank + 2}"
        )
        return {"r2_heldout": Reading(None, Status.UNDEFINED, reason)}
    errors = squares(_errors(sample, blocks))
    shares = errors[varying] / squares(sample.y.centred)[varying]
    return {"r2_heldout": Reading(1.0 - float(shares.mean()))}


def _blocks(owners: Indices | None, n: int) -> Iterator[Indices]:
    """Yield the rows of samples, (samples, rows of each), all that have equally many at a time."""
    if owners is None:
        yield np.arange(n)[:, None]
        return
    _, inverse, counts = np.unique(owners, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    for size in np.unique(counts):
        yield order[starts[counts == size][:, None] + np.arange(size)]


def _errors(sample: Prepared, blocks: list[Indices]) -> FloatArray:
    """What is left of each centred output row when the rows of its sample are held out, (n, d)."""
    found, output = fit(sample), sample.y.centred
    errors = output - found.rows @ found.weights
    design = np.column_stack([np.full(sample.n, sample.n**-0.5), found.rows])
    for block in blocks:
        held = design[block]
        size = block.shape[1]
        left, axes = np.linalg.eigh(np.eye(size) - held @ held.transpose(0, 2, 1))
        lost = left <= VANISHED
        for at in np.argwhere(left < LEVERED):
            axis = axes[at[0], :, at[1]] @ held[at[0]]
            lost[*at] |= _is_rounding(axis, float(left[*at]), found.root, sample)
        left[lost] = 1.0
        turned = axes.transpose(0, 2, 1) @ errors[block]
        errors[block] = axes @ (turned / left[..., None])
        alone = block[lost.any(axis=1)]
        errors[alone] = output[alone] + output[alone].sum(axis=1, keepdims=True) / (sample.n - size)
    return errors


def _is_rounding(axis: FloatArray, left: float, root: FloatArray, sample: Prepared) -> bool:
    """Whether the other samples vary by no more than rounding along one direction of the input.

    ``axis`` gives it in the design, ``left`` is the share of its variance that they have. As a
    function of the input it is ``a x + b`` with ``a = root⁺ axis`` and variance 1 over all rows.
    """
    weights = np.linalg.lstsq(root, axis[1:] / np.linalg.norm(axis))[0]
    return bool(max(left, 0.0) <= (sample.ranks[0].floor * float(np.linalg.norm(weights))) ** 2)

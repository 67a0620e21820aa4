"""Size of the change that the activation makes."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["norm_difference"]

SQUARES: Final = 400
"""Largest values between 2^-400 and 2^400 have squares, and sums of them, well within range."""


def norm_difference(sample: Prepared) -> Mapping[str, Reading]:
    r"""Frobenius norm of the change of the pooled features, :math:`\lVert X - Y \rVert_F`.

    In the units of the features, so neither scale-free nor independent of n. Undefined where it
    exceeds the largest float64.
    """
    if sample.trouble:
        return {"norm_diff": sample.trouble}
    exponent = max(sample.x.exponent, sample.y.exponent)
    x, y = sample.x.features, sample.y.features
    if abs(exponent) > SQUARES:
        x, y = np.ldexp(x, -exponent), np.ldexp(y, -exponent)
    else:
        exponent = 0
    with np.errstate(over="ignore"):
        norm = float(np.ldexp(np.linalg.norm(x - y), exponent))
    if not np.isfinite(norm):
        return {"norm_diff": Reading(None, Status.UNDEFINED, "the norm exceeds the float64 range")}
    return {"norm_diff": Reading(norm)}

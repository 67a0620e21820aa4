"""How much of the output's variance a linear fit on the input explains."""

from collections.abc import Mapping

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.least_squares import squares, unexplained, varies
from onnx_affscore.score.moments import Prepared

__all__ = ["in_sample_r2"]


def in_sample_r2(sample: Prepared) -> Mapping[str, Reading]:
    r"""R² of the in-sample least-squares fit of Y on X with intercept.

    .. math:: 1 - \lVert (I - U U^\top) y_j \rVert^2 / \lVert y_j \rVert^2

    for each centred output feature, with the columns of U an orthonormal basis of the centred
    input; the uniform mean over the features that vary above the output's noise floor. Directions
    of the input below its own noise floor are rounding and explain nothing. Where no output
    feature varies, R² is 0/0 and its status degenerate. With ``n <= d + 1`` a fit of full rank is
    perfect by construction: the reading says so in its diagnostics.
    """
    if sample.trouble:
        return {"r2": sample.trouble}
    if sample.n == 1 and sample.constant:
        return {"r2": sample.constant}
    varying = varies(sample.y)
    if not varying.any():
        reason = "no feature of the output varies above its noise floor"
        return {"r2": Reading(None, Status.DEGENERATE, reason)}
    centred = sample.y.centred
    left = unexplained(sample, centred)
    shares = left[varying] / squares(centred)[varying]
    flagged = sample.n <= sample.d + 1
    warning = f"r2: {sample.n} samples for {sample.d} features; the fit is perfect by construction"
    diagnostics = {"warnings": (warning,)} if flagged else {}
    return {"r2": Reading(1.0 - float(shares.mean()), diagnostics=diagnostics)}

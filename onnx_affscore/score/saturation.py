"""Share of the unpooled output that lies at a flat end of the activation, as it was counted."""

from collections.abc import Mapping

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["saturated_share"]


def saturated_share(sample: Prepared) -> Mapping[str, Reading]:
    """Share of the output's elements where the activation is flat, on the full, unpooled tensor.

    A bound that is attained counts there (Relu: ``y <= 0``; Clip, HardSigmoid: both bounds, up to
    the rounding of half precision), one that is only approached within 1 % of the range (Tanh:
    ``|y| >= 0.98``; Sigmoid: ``y <= 0.01`` or ``y >= 0.99``) or, where the range is open, of the
    bound (Elu: ``y <= -0.99 alpha``). Pooled features cannot tell it, so it travels with
    them; where it was not counted, or the activation has no flat end that its output tells
    (LeakyRelu, Gelu, Silu), the status is unscored.
    """
    share = sample.y.sample.saturated
    if share is None:
        reason = "not counted, or the activation has no flat end that its output tells"
        return {"saturated_share": Reading(None, Status.UNSCORED, reason)}
    return {"saturated_share": Reading(float(share))}

"""Features that tell nothing apart: their output is the same for every sample."""

from collections.abc import Mapping

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.least_squares import varies
from onnx_affscore.score.moments import Prepared

__all__ = ["dead_share"]


def dead_share(sample: Prepared) -> Mapping[str, Reading]:
    """Share of output features whose standard deviation over the rows is not above the noise floor.

    A ReLU that lets nothing through on these data is dead, and so is a sigmoid held at its upper
    end: what is constant passes no information on. On pooled features, so a unit counts as dead
    where its mean over the positions is constant. 1 where the whole output is constant;
    degenerate for one sample.
    """
    if sample.trouble:
        return {"dead_share": sample.trouble}
    if sample.n == 1:
        reason = "one sample has no spread; wanted at least 2"
        return {"dead_share": Reading(None, Status.DEGENERATE, reason)}
    return {"dead_share": Reading(1.0 - float(varies(sample.y).mean()))}

"""Share of the unpooled tensor's elements that are (nearly) zero, as it was counted on the way."""

from collections.abc import Mapping

from onnx_affscore.records import Reading, Status
from onnx_affscore.score.moments import Prepared

__all__ = ["sparsity"]


def sparsity(sample: Prepared) -> Mapping[str, Reading]:
    """Share of elements with ``|x| <= 1e-3`` before and after, on the full, unpooled tensors.

    Pooled features cannot tell it, so it travels with them; where it was not counted the status
    is unscored.
    """
    sides = {"sparsity_before": sample.x, "sparsity_after": sample.y}
    return {key: _reading(side.sample.sparsity, side.name) for key, side in sides.items()}


def _reading(share: float | None, name: str) -> Reading:
    if share is None:
        return Reading(None, Status.UNSCORED, f"the sparsity of the {name} was not measured")
    return Reading(float(share))

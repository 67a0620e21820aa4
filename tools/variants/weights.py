"""Other weights in the same graph: pruned by magnitude, and drawn anew."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

__all__ = ["layers", "pruned", "redrawn"]

Weights = npt.NDArray[Any]


def layers(model: onnx.ModelProto) -> tuple[str, ...]:
    """The initialisers that are weights of convolutions and products, in the order of the graph."""
    names = {tensor.name for tensor in model.graph.initializer}
    used = (
        name
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm", "MatMul")
        for name in node.input[:2]
        if name in names
    )
    return tuple(dict.fromkeys(used))


def pruned(
    model: onnx.ModelProto, share: float, *, only: Sequence[str] | None = None
) -> onnx.ModelProto:
    """Set the smallest weights to zero: a ``share`` of those of every layer, or of ``only`` some.

    The graph, and the types and shapes of its tensors, stay.
    """

    def smallest_to_zero(weights: Weights) -> Weights:
        size = np.abs(weights)
        return np.where(size <= np.quantile(size, share), 0, weights)

    return _changed(model, only, smallest_to_zero)


def redrawn(
    model: onnx.ModelProto, *, only: Sequence[str] | None = None, seed: int = 0
) -> onnx.ModelProto:
    """Draw the weights of layers anew, normal with the spread that they have."""
    rng = np.random.default_rng(seed)
    return _changed(model, only, lambda w: rng.normal(w.mean(), w.std(), w.shape))


def _changed(
    model: onnx.ModelProto, only: Sequence[str] | None, change: Callable[[Weights], Weights]
) -> onnx.ModelProto:
    wanted = set(layers(model) if only is None else only)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in wanted:
            weights = numpy_helper.to_array(tensor)
            new = change(weights).astype(weights.dtype)
            tensor.CopyFrom(numpy_helper.from_array(new, tensor.name))
    return copy

"""A copy of a network with the weights of an untrained one."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from onnx_affscore.graph.model import load
from onnx_affscore.records import FloatArray

if TYPE_CHECKING:
    import onnx

__all__ = ["write_untrained"]

# Operators with weights, and which of their inputs hold them.
_WEIGHTED: Final = {"Conv": (1,), "Gemm": (1,), "MatMul": (0, 1)}
_BIASED: Final = {"Conv": (2,), "Gemm": (2,), "Add": (0, 1)}
# Per normalisation: what its inputs are in an untrained network.
_NORMS: Final = {
    "BatchNormalization": {1: 1.0, 2: 0.0, 3: 0.0, 4: 1.0},
    "LayerNormalization": {1: 1.0, 2: 0.0},
}


def write_untrained(source: Path, target: Path, *, seed: int) -> int:
    r"""Write a copy of ``source`` with random weights; return how many tensors were drawn.

    Weights of convolutions and products are normal with He's variance, 2 / fan in; biases are 0.
    Normalisations become what they are before training: scale 1, shift 0, and BatchNorm's running
    statistics mean 0 and variance 1, which is what a network that has seen no data computes in
    evaluation. Where an exporter has folded BatchNorm into a convolution, nothing is left to
    reset: the fold goes with the weights. The trained statistics would not fit random weights, and
    fresh ones would need a pass over data. Other constants (slopes, eps, position tables) stay.
    """
    import onnx
    from onnx import numpy_helper

    model = load(source).proto
    random = np.random.default_rng(seed)
    values = _new_values(model)
    drawn = 0
    for tensor in model.graph.initializer:
        make = values.get(tensor.name)
        old = numpy_helper.to_array(tensor)
        if make is None or old.dtype.kind != "f":
            continue
        if isinstance(make, float):
            new: FloatArray = np.full(old.shape, make)
        else:
            new = random.normal(0.0, math.sqrt(2.0 / make), old.shape)
            drawn += 1
        tensor.CopyFrom(numpy_helper.from_array(new.astype(old.dtype), tensor.name))
    onnx.save(model, target)
    return drawn


def _new_values(model: "onnx.ModelProto") -> dict[str, int | float]:
    """By initialiser: its fan in (int), drawn; or the value that fills it (float)."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    found: dict[str, int | float] = {}
    for node in model.graph.node:
        names = list(node.input)
        for place, value in _NORMS.get(node.op_type, {}).items():
            found[names[place]] = value
        for place in _WEIGHTED.get(node.op_type, ()):
            shape = shapes.get(names[place], ())
            if len(shape) > 1:
                found[names[place]] = _fan_in(node, shape, place)
        for place in _BIASED.get(node.op_type, ()):
            shape = shapes.get(names[place], ()) if place < len(names) else ()
            # A bias is one row of values; a scalar belongs to a formula.
            if math.prod(shape) > 1 and math.prod(shape) == max(shape):
                found[names[place]] = 0.0
    return found


def _fan_in(node: "onnx.NodeProto", shape: tuple[int, ...], place: int) -> int:
    if node.op_type == "Conv":
        return math.prod(shape[1:])
    if node.op_type == "Gemm":
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        return shape[1] if turned else shape[0]
    return shape[-2] if place == 1 else shape[-1]

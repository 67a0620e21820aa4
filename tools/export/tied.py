"""Stores embeddings once that a head shares: the exporter writes the head's copy turned over."""

import numpy as np
import onnx
from onnx import numpy_helper

__all__ = ["tie"]


def tie(model: onnx.ModelProto, name: str) -> None:
    """Take the copy of the transposed weight ``name`` out of ``model``, for a Transpose node."""
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted = numpy_helper.to_array(held[name]).T
    copies = [
        tensor
        for tensor in held.values()
        if list(tensor.dims) == list(wanted.shape)
        and np.array_equal(numpy_helper.to_array(tensor), wanted)
    ]
    if len(copies) != 1:
        raise ValueError(f"{name}: found {len(copies)} transposed copies, wanted 1")
    node = onnx.helper.make_node(
        "Transpose", [name], [copies[0].name], name=f"/{name}/Transpose", perm=[1, 0]
    )
    model.graph.initializer.remove(copies[0])
    model.graph.node.insert(0, node)

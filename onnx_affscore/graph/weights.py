"""Put a model's large weights into a file, from which every copy and every session maps them.

A measurement makes several copies of a model and opens several sessions; each would hold the
weights twice, once as a protocol buffer and once as the runtime's.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto

from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.tensors import external_location

__all__ = ["set_aside"]

LARGE: Final = 1 << 18
"""Bytes from which a tensor is set aside: smaller ones may be parameters, whose values are read."""

PAGE: Final = 1 << 16
"""Tensors start at multiples of this, the coarsest unit in which systems map files."""

_FILE = "weights"
_TYPES = {
    int(t)
    for t in (
        TensorProto.FLOAT,
        TensorProto.DOUBLE,
        TensorProto.FLOAT16,
        TensorProto.BFLOAT16,
        TensorProto.INT8,
        TensorProto.UINT8,
        TensorProto.INT32,
        TensorProto.INT64,
    )
}


def set_aside(model: LoadedModel, folder: Path) -> LoadedModel:
    """Return the model with its large initialisers in a file in ``folder``.

    The message of ``model`` loses them. A model that has external data already stays as it is, as
    does one that cannot be written there.
    """
    tensors = list(_large(model.proto.graph))
    elsewhere = any(external_location(t) is not None for t in model.proto.graph.initializer)
    if elsewhere or not tensors:
        return model
    places: list[tuple[int, int]] = []
    try:
        with (folder / _FILE).open("wb") as file:
            for tensor in tensors:
                file.seek(-(-file.tell() // PAGE) * PAGE)
                places.append((file.tell(), file.write(tensor.raw_data)))
    except OSError:
        return model
    for tensor, (offset, length) in zip(tensors, places, strict=True):
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", _FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
    light = onnx.ModelProto()
    light.CopyFrom(model.proto)  # a message gives memory back only as a whole
    return replace(model, proto=light, folder=folder)


def _large(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Initialisers of the main graph that hold many bytes, as they lie in memory."""
    for tensor in graph.initializer:
        if tensor.data_type in _TYPES and tensor.HasField("raw_data"):
            size = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
            bytes_needed = size * int(np.prod(tensor.dims, dtype=object))
            if bytes_needed >= LARGE and len(tensor.raw_data) == bytes_needed:
                yield tensor

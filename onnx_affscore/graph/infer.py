"""Element types and shapes of a graph's tensors, as far as static inference knows them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import onnx

__all__ = ["TypeInfo", "dtype_name", "infer", "types_of", "without_weights"]

# Weights above this many elements are handed to inference without their values.
_LARGEST_VALUE = 1024
# By domain; all rare, and what they make is no end of an activation.
_BLIND = {(domain, name) for domain in ("", "ai.onnx") for name in ("EyeLike", "RegexFullMatch")}
_BLIND |= {("ai.onnx.ml", name) for name in ("DictVectorizer", "LabelEncoder")}


@final
@dataclass(frozen=True, slots=True)
class TypeInfo:
    """Element type (NumPy's name, ``string``, or None) and dimensions of a tensor."""

    dtype: str | None
    shape: tuple[int | str | None, ...] | None


def dtype_name(element: int) -> str | None:
    """Return NumPy's name of an ONNX element type, ``bfloat16`` and ``string`` included."""
    if element == onnx.TensorProto.STRING:
        return "string"
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(element)) if element else None
    except (KeyError, ValueError):
        return None


def infer(
    proto: onnx.ModelProto, sizes: Mapping[str, tuple[int, ...]] | None = None
) -> onnx.GraphProto:
    """Return the main graph with what ONNX shape inference adds to it, subgraphs included.

    ``sizes`` gives inputs concrete shapes, so that shapes that the graph itself computes are
    inferred too.

    Never fails: what cannot be inferred (custom operators, invalid files) is left out. Weights
    are replaced by their declared types first, so that a large model is not copied.
    """
    light = without_weights(proto)
    _tame(light.graph)
    for function in light.functions:
        _tame(function)
    for port in light.graph.input:
        _resize(port, (sizes or {}).get(port.name))
    try:
        return onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    except Exception:  # noqa: BLE001 - inference raises whatever its C++ code throws
        return light.graph


def types_of(graph: onnx.GraphProto) -> Mapping[str, TypeInfo]:
    """Return the types that a graph states of its own tensors."""
    types = {t.name: TypeInfo(dtype_name(t.data_type), tuple(t.dims)) for t in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        info = _type_info(value)
        if info is not None:
            types[value.name] = info
    return types


def _type_info(value: onnx.ValueInfoProto) -> TypeInfo | None:
    if not value.type.HasField("tensor_type"):
        return None
    tensor = value.type.tensor_type
    shape = tuple(_dimension(d) for d in tensor.shape.dim) if tensor.HasField("shape") else None
    return TypeInfo(dtype_name(tensor.elem_type), shape)


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if dim.HasField("dim_value") and dim.dim_value >= 0:
        return int(dim.dim_value)
    return dim.dim_param or None


def _tame(holder: onnx.GraphProto | onnx.FunctionProto) -> None:
    """Take from a graph or function what lets onnx 1.23 end the process, in the graphs inside too.

    Dimensions below 0 become unknown ones (Slice aborts at some), and operators that read the
    type of an input without asking whether there is one (:data:`_BLIND`) become unknown ones.
    """
    ports = [*holder.value_info]
    if isinstance(holder, onnx.GraphProto):
        ports += [*holder.input, *holder.output]
    for port in ports:
        for dim in port.type.tensor_type.shape.dim:
            if dim.dim_value < 0:
                dim.ClearField("dim_value")
    for node in holder.node:
        if (node.domain, node.op_type) in _BLIND:
            node.op_type += "Unseen"
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _tame(inner)


def _resize(port: onnx.ValueInfoProto, size: tuple[int, ...] | None) -> None:
    dims = port.type.tensor_type.shape.dim
    if size is not None and len(size) == len(dims):
        for dim, value in zip(dims, size, strict=True):
            dim.dim_value = value


def without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy in which large or external weights are declared inputs."""
    light = onnx.ModelProto()
    light.ir_version = max(proto.ir_version, 4)  # from 4 on, initialisers need not be inputs
    light.opset_import.extend(proto.opset_import)
    light.functions.extend(proto.functions)
    graph = light.graph
    graph.name = proto.graph.name
    graph.node.extend(proto.graph.node)
    graph.input.extend(proto.graph.input)
    graph.output.extend(proto.graph.output)
    graph.value_info.extend(proto.graph.value_info)
    declared = {i.name for i in proto.graph.input}
    for tensor in proto.graph.initializer:
        if math.prod(tensor.dims) <= _LARGEST_VALUE and (
            tensor.data_location != onnx.TensorProto.EXTERNAL
        ):
            graph.initializer.append(tensor)
        elif tensor.name not in declared:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return light

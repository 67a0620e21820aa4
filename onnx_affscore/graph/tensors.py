"""Every tensor that a file holds: where its values lie, whether all are there, and reading them.

External data are confined to the model's own folder, links followed.
"""

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from onnx_affscore.errors import ModelError
from onnx_affscore.plain_text import printable, shorten
from onnx_affscore.records import Array

__all__ = ["array_of", "check_tensors", "external_files", "external_location", "tensors_of"]

_SUB_BYTE = re.compile(r"(?:U?INT|FLOAT)(2|4|6)(?:E\dM\d)?")
_NAME = 80
_CURE = "export the model again, or fetch it again if it is an incomplete download"


def tensors_of(proto: onnx.ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor of a model: weights, constants, those of subgraphs and functions."""
    yield from _of_graph(proto.graph)
    for function in proto.functions:
        yield from _of_nodes(function.node)


def external_location(tensor: TensorProto) -> str | None:
    """Return the file that holds the tensor's data, None where they lie in the model itself."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return None
    return next((e.value for e in tensor.external_data if e.key == "location"), "")


def external_files(proto: onnx.ModelProto, folder: Path) -> dict[str, int]:
    """Return the files in ``folder`` that hold external data of a model, and their sizes."""
    names = {external_location(tensor) for tensor in tensors_of(proto)} - {None}
    return {str(name): (folder / str(name)).stat().st_size for name in sorted(map(str, names))}


def array_of(tensor: TensorProto, folder: Path) -> Array:
    """Return a tensor's values; external data are mapped, not read, if an element fills its bytes.

    Raises ``ValueError``, ``TypeError``, ``KeyError`` or ``OSError`` where there are none.
    """
    if external_location(tensor) is None:
        return np.asarray(numpy_helper.to_array(tensor))
    told = {e.key: e.value for e in tensor.external_data}
    dtype, shape = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type), tuple(tensor.dims)
    if 0 in shape:
        return np.zeros(shape, dtype)
    file, offset = folder / told["location"], int(told.get("offset", 0))
    if _bits(tensor.data_type) < 8:  # several elements a byte: no array can map them
        packed = _read(file, offset, _in_bytes(tensor))
        inside = TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=packed)
        return np.asarray(numpy_helper.to_array(inside))
    return np.memmap(file, dtype=dtype, mode="r", offset=offset, shape=shape)


def check_tensors(proto: onnx.ModelProto, path: Path, folder: Path) -> None:
    """Refuse a model whose tensors say they hold other values than they do, or lie elsewhere.

    Raises :class:`ModelError` for an unknown element type, dimensions that do not fit what is
    there, and external data that are missing, cut short, or outside the model's folder.
    """
    for tensor in tensors_of(proto):
        where = f"{path}: tensor '{_short(tensor.name)}'"
        if not tensor.data_type or tensor.data_type not in TensorProto.DataType.values():
            raise ModelError(
                f"{where} has the element type {tensor.data_type}; wanted one that ONNX"
                f" {onnx.__version__} knows: {_CURE}"
            )
        kind = TensorProto.DataType.Name(tensor.data_type)
        declared = f"{where} is declared {kind} {_short(str(list(tensor.dims[:99])))}"
        if min(tensor.dims, default=0) < 0:
            raise ModelError(f"{declared}; wanted no dimension below 0: {_CURE}")
        outside = external_location(tensor) is not None
        held = _in_file(tensor, where, folder) if outside else _held(tensor)
        wanted, found, what = held
        if found < wanted or (found > wanted and not outside):
            raise ModelError(
                f"{declared}, which takes {_short(str(wanted))} {what}, and {found} are there:"
                f" {_CURE}"
            )


def _held(tensor: TensorProto) -> tuple[int, int, str]:
    """How many bytes, or entries of the field for its type, a tensor wants and has."""
    if tensor.HasField("raw_data"):
        return _in_bytes(tensor), len(tensor.raw_data), "bytes"
    count, bits = math.prod(tensor.dims), _bits(tensor.data_type)
    if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        count *= 2
    elif bits in (2, 4):
        count = -(-count * bits // 8)
    field = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    return count, len(getattr(tensor, field)), "values"


def _in_file(tensor: TensorProto, where: str, folder: Path) -> tuple[int, int, str]:
    """How many bytes a tensor wants of its file, and how many there are from its offset on."""
    size = _file_size(tensor, where, folder)
    offset, length = (_number(tensor, key, where) for key in ("offset", "length"))
    file = repr(_short(external_location(tensor) or ""))
    if offset > size:
        raise ModelError(
            f"{where} has its data from byte {offset} of {file} on, and {size} bytes are there:"
            f" {_CURE}"
        )
    if length > size - offset:
        raise ModelError(
            f"{where} has its data in {length} bytes of {file}, and {size - offset} are there:"
            f" {_CURE}"
        )
    return _in_bytes(tensor), size - offset, "bytes"


def _in_bytes(tensor: TensorProto) -> int:
    return -(-math.prod(tensor.dims) * _bits(tensor.data_type) // 8)


def _bits(element: int) -> int:
    match = _SUB_BYTE.fullmatch(TensorProto.DataType.Name(element))
    if match:
        return int(match[1])
    return 8 * int(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(element)).itemsize)


def _read(path: Path, offset: int, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size)


def _file_size(tensor: TensorProto, where: str, folder: Path) -> int:
    """The size of the file with a tensor's data, which must lie in the model's folder."""
    keys = [entry.key for entry in tensor.external_data]
    if len(keys) != len(set(keys)):
        raise ModelError(f"{where} says twice where its data lie; wanted it once: {_CURE}")
    location = external_location(tensor) or ""
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute()
    outside = absolute or bool(PureWindowsPath(location).drive)
    shown = repr(_short(location))
    try:
        file = (folder / location).resolve()
        outside = outside or not location or not file.is_relative_to(folder)
        size = file.stat().st_size if not outside and file.is_file() else None
    except (OSError, ValueError, RuntimeError) as exc:  # too long, a null, a circle of links
        why = exc.strerror if isinstance(exc, OSError) else _short(str(exc))
        raise ModelError(
            f"{where} has its data in {shown}, which is no path ({why}); wanted a file beside"
            f" the model: {_CURE}"
        ) from exc
    if outside:
        raise ModelError(
            f"{where} has its data in {shown}, outside the model's folder; wanted a file"
            " beside the model: move the weights there and save the model again"
        )
    if size is None:
        raise ModelError(
            f"{where} has its data in {shown}, which is missing or no regular file; wanted it"
            " beside the model: copy it from where the model came"
        )
    return size


def _number(tensor: TensorProto, key: str, where: str) -> int:
    text = next((e.value for e in tensor.external_data if e.key == key), "0")
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise ModelError(
            f"{where} has the {key} {_short(text)!r}; wanted a number of bytes: {_CURE}"
        )
    return int(text)


def _short(text: str) -> str:
    return shorten(printable(text[: 20 * _NAME]), _NAME)


def _of_graph(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for attribute in (a for node in nodes for a in node.attribute):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        one = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
        for sparse in (*one, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _of_graph(graph)

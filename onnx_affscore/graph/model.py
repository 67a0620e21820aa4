"""Load an ONNX file without its external data, refuse what is unsafe or no model, describe it."""

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import final

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from onnx_affscore.errors import ModelError
from onnx_affscore.records import Array, ModelInfo

__all__ = ["LoadedModel", "external_files", "external_location", "load", "mapped", "save"]

_CHUNK = 1 << 20


@final
@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A parsed model; ``folder`` is where its external data lie, ``info`` what is recorded."""

    proto: onnx.ModelProto
    folder: Path
    info: ModelInfo


def load(path: str | Path) -> LoadedModel:
    """Read the model file at ``path``; weights in external files stay where they are.

    Raises :class:`ModelError` where the file is missing, is not an ONNX model, or names external
    data outside its own folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelError(f"{path} is a folder; wanted the .onnx file inside it")
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise ModelError(f"cannot read the model {path}: {exc.strerror or exc}") from exc
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(content)
    except DecodeError as exc:
        raise ModelError(
            f"{path} is not an ONNX file (protobuf parsing failed after {len(content)} bytes read);"
            " wanted a serialised onnx.ModelProto: export the model again, or fetch it again if it"
            " is a Git LFS pointer or an incomplete download"
        ) from exc
    if not proto.HasField("graph"):
        raise ModelError(
            f"{path} holds no graph ({len(content)} bytes); wanted an ONNX model with a graph"
        )
    folder = path.resolve().parent
    _check_external_data(proto, path, folder)
    return LoadedModel(proto, folder, _describe(proto, path, _digest(content, proto, folder)))


def external_location(tensor: onnx.TensorProto) -> str | None:
    """Return the file that holds the tensor's data, None where they lie in the model itself."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return None
    return next((e.value for e in tensor.external_data if e.key == "location"), "")


def external_files(proto: onnx.ModelProto, folder: Path) -> dict[str, int]:
    """Return the files in ``folder`` that hold external data of a model, and their sizes."""
    names = {external_location(tensor) for tensor in _tensors(proto)} - {None}
    return {str(name): (folder / str(name)).stat().st_size for name in sorted(map(str, names))}


def mapped(tensor: onnx.TensorProto, folder: Path) -> Array:
    """Return the values of a tensor with external data, mapped from their file.

    Raises ``ValueError`` or ``OSError`` where the file does not hold them.
    """
    told = {e.key: e.value for e in tensor.external_data}
    return np.memmap(
        folder / told["location"],
        dtype=onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type),
        mode="r",
        offset=int(told.get("offset", 0)),
        shape=tuple(tensor.dims),
    )


def save(proto: onnx.ModelProto, path: str | Path, *, like: LoadedModel) -> None:
    """Write a rewritten copy of ``like``, atomically and never over the original file.

    External weights are neither loaded nor copied, so the copy of a model that has some must lie
    in the same folder. Raises :class:`ModelError` otherwise.
    """
    path = Path(path)
    original = Path(like.info.path)
    if path.exists() and original.exists() and path.samefile(original):
        raise ModelError(f"{path} is the model itself; wanted another file to write to")
    external = any(external_location(t) is not None for t in _tensors(proto))
    if external and path.resolve().parent != like.folder:
        raise ModelError(
            f"the weights of {original} lie in files beside it, which a copy in"
            f" {path.resolve().parent} would not find; write it to {like.folder}"
        )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(proto.SerializeToString())
        temporary.replace(path)
    except OSError as exc:
        raise ModelError(f"cannot write {path}: {exc.strerror or exc}") from exc
    finally:
        temporary.unlink(missing_ok=True)


def _digest(content: bytes, proto: onnx.ModelProto, folder: Path) -> str:
    """SHA-256 of the file; where weights lie in others, of it and of their names and digests."""
    total = hashlib.sha256(content)
    for name in external_files(proto, folder):
        with (folder / name).open("rb") as file:
            total.update(f"\n{name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return total.hexdigest()


def _check_external_data(proto: onnx.ModelProto, path: Path, folder: Path) -> None:
    """Refuse external data whose file lies outside the model's own folder, links followed."""
    for tensor in _tensors(proto):
        location = external_location(tensor)
        if location is None:
            continue
        outside = (
            not location
            or PurePosixPath(location).is_absolute()
            or PureWindowsPath(location).is_absolute()
            or PureWindowsPath(location).drive
            or not (folder / location).resolve().is_relative_to(folder)
        )
        if outside:
            raise ModelError(
                f"{path}: the data of tensor {tensor.name!r} are said to lie in {location!r},"
                " outside the model's folder; wanted a file beside the model: move the weights"
                " there and save the model again"
            )
        if not (folder / location).is_file():
            raise ModelError(
                f"{path}: the external data file {location!r} of tensor {tensor.name!r} is"
                f" missing; wanted it beside the model: copy it from where the model came"
            )


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that a file holds: weights, constants, those of subgraphs and functions."""
    yield from _tensors_of_graph(proto.graph)
    for function in proto.functions:
        yield from _tensors_of_nodes(function.node)


def _tensors_of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_of_nodes(graph.node)


def _tensors_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for attribute in (a for node in nodes for a in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _tensors_of_graph(graph)


def _describe(proto: onnx.ModelProto, path: Path, sha256: str) -> ModelInfo:
    return ModelInfo(
        path=str(path),
        sha256=sha256,
        producer=" ".join(p for p in (proto.producer_name, proto.producer_version) if p),
        opset={o.domain or "ai.onnx": o.version for o in proto.opset_import},
        ir_version=proto.ir_version,
        nodes=len(proto.graph.node),
        parameters=sum(math.prod(t.dims) for t in proto.graph.initializer),
    )

"""Load an ONNX file without its external data, refuse what is unsafe or no model, describe it."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import final

import onnx
from google.protobuf.message import DecodeError

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.circles import check_circles
from onnx_affscore.graph.malformed import check_text
from onnx_affscore.graph.tensors import (
    check_tensors,
    external_files,
    external_location,
    tensors_of,
)
from onnx_affscore.leaving import put_in_place
from onnx_affscore.records import ModelInfo

__all__ = ["LoadedModel", "load", "save"]

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

    Raises :class:`ModelError` where the file is missing, is not an ONNX model, holds tensors that
    are not what they say, or names external data outside its own folder.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelError(f"{path} is a folder; wanted the .onnx file inside it")
    if path.is_char_device() or path.is_block_device():
        raise ModelError(f"{path} is a device; wanted an .onnx file")
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
            " wanted a serialised onnx.ModelProto of at most 2 GiB, nested less than 100 deep:"
            " export the model again, or fetch it again if it is a Git LFS pointer or an"
            " incomplete download"
        ) from exc
    if not proto.HasField("graph"):
        raise ModelError(
            f"{path} holds no graph ({len(content)} bytes); wanted an ONNX model with a graph"
        )
    check_text(proto, str(path))
    check_circles(proto, str(path))
    folder = path.resolve().parent
    check_tensors(proto, path, folder)
    return LoadedModel(proto, folder, _describe(proto, path, _digest(content, proto, folder)))


def save(proto: onnx.ModelProto, path: str | Path, *, like: LoadedModel) -> None:
    """Write a rewritten copy of ``like``, atomically and never over the original file.

    External weights are neither loaded nor copied, so the copy of a model that has some must lie
    in the same folder. Raises :class:`ModelError` otherwise.
    """
    path = Path(path)
    original = Path(like.info.path)
    if path.exists() and original.exists() and path.samefile(original):
        raise ModelError(f"{path} is the model itself; wanted another file to write to")
    external = any(external_location(t) is not None for t in tensors_of(proto))
    if external and path.resolve().parent != like.folder:
        raise ModelError(
            f"the weights of {original} lie in files beside it, which a copy in"
            f" {path.resolve().parent} would not find; write it to {like.folder}"
        )
    try:
        put_in_place(path, proto.SerializeToString())
    except OSError as exc:
        raise ModelError(f"cannot write {path}: {exc.strerror or exc}") from exc


def _digest(content: bytes, proto: onnx.ModelProto, folder: Path) -> str:
    """SHA-256 of the file; where weights lie in others, of it and of their names and digests."""
    total = hashlib.sha256(content)
    for name in external_files(proto, folder):
        with (folder / name).open("rb") as file:
            total.update(f"\n{name} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return total.hexdigest()


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

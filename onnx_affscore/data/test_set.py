"""ONNX test data: folders of input_0.pb, input_1.pb, ... in the order of the graph's inputs."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from onnx_affscore.data.fit import required
from onnx_affscore.data.opening import Feeds, Request
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["is_test_set", "open_test_set"]

_INPUT = re.compile(r"input_(\d+)\.pb")
_SET = re.compile(r"test_data_set_(\d+)")


def is_test_set(text: str) -> bool:
    """Whether a path is a folder of inputs, or one of such folders named test_data_set_N."""
    path = Path(text)
    return path.is_dir() and any(True for _ in _folders(path))


def open_test_set(request: Request) -> Feeds:
    """Each folder is one feed; a tensor's own name, where it is an input's, beats its number."""
    return Feeds(_TestSets(tuple(_folders(Path(request.text))), request.hints))


def _numbered(path: Path, pattern: re.Pattern[str]) -> list[Path]:
    names = os.listdir(path)  # noqa: PTH208 - a Path for each of many takes its time
    found = [(int(m[1]), name) for name in names if (m := pattern.fullmatch(name))]
    return [path / name for _number, name in sorted(found)]


def _folders(path: Path) -> Iterator[Path]:
    if _numbered(path, _INPUT):
        yield path
        return
    for folder in _numbered(path, _SET):
        if folder.is_dir() and _numbered(folder, _INPUT):
            yield folder


@final
@dataclass(frozen=True, slots=True)
class _TestSets:
    folders: tuple[Path, ...]
    hints: tuple[InputHint, ...]

    def __iter__(self) -> Iterator[Mapping[str, Array]]:
        for folder in self.folders:
            yield self._feed(folder)

    def _feed(self, folder: Path) -> Mapping[str, Array]:
        wanted = required(self.hints)
        names = {h.spec.name for h in self.hints}
        feed: dict[str, Array] = {}
        for path in _numbered(folder, _INPUT):
            number = int(path.stem.removeprefix("input_"))
            position = wanted[number] if number < len(wanted) else None
            if position is not None and position.spec.dtype in ("sequence", "optional", "map"):
                raise DataError(
                    f"{path}: found a file for input '{position.spec.name}', a "
                    f"{position.spec.dtype}, and only tensors can be fed; convert the model"
                )
            name, array = _read(path)
            if name in names:
                feed[name] = array
            elif position is not None:
                feed[position.spec.name] = array
            else:
                raise DataError(
                    f"{path}: found input number {number}, but the model has {len(wanted)} "
                    f"inputs; check that the test data belongs to this model"
                )
        return feed


def _read(path: Path) -> tuple[str, Array]:
    """Name and values of the tensor in a file."""
    from google.protobuf.message import DecodeError
    from onnx import TensorProto, numpy_helper

    tensor = TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ValueError("its values are said to lie in another file")
        if tensor.HasField("segment"):  # where the file of a sequence keeps its elements
            raise ValueError("a sequence or an optional")
        array = np.asarray(numpy_helper.to_array(tensor))
    except (OSError, DecodeError, TypeError, ValueError, KeyError, OverflowError) as exc:
        raise DataError(
            f"{path}: found no ONNX tensor that can be read ({exc}); only tensors can be fed, "
            f"and a damaged file must be made again"
        ) from exc
    return tensor.name, array

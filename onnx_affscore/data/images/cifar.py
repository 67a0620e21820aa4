"""The binary files of CIFAR-10 and CIFAR-100: labels and 32x32 colour pictures."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from onnx_affscore.data.file_bytes import FileBytes
from onnx_affscore.data.images.choosing import choose
from onnx_affscore.data.images.decoding import as_picture, needs_pillow
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, Labels

__all__ = ["is_cifar", "open_cifar"]

_SIDE: Final = 32
_PIXELS: Final = 3 * _SIDE * _SIDE


@final
@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two collections: names of files, labels in front of a picture, their names."""

    name: str
    files: "re.Pattern[str]"
    labels: tuple[str, ...]
    names: str


_TEN: Final = re.compile(r"(data_batch_\d|test_batch)(\.bin)?")
_HUNDRED: Final = re.compile(r"(train|test)\.bin")
_KINDS: Final = (
    _Kind("CIFAR-10", _TEN, ("label",), "batches.meta.txt"),
    _Kind("CIFAR-100", _HUNDRED, ("coarse", "fine"), "{}_label_names.txt"),
)


def is_cifar(text: str) -> bool:
    """Whether a path is a file named as CIFAR's, those of the Python version among them."""
    return _kind(Path(text)) is not None and Path(text).is_file()


def open_cifar(request: Request) -> Table:
    """One row a picture; of CIFAR-100 ``--label coarse`` takes the 20 classes, else the 100."""
    path = Path(request.text)
    kind = _kind(path)
    if kind is None or path.suffix != ".bin":
        raise DataError(
            f"{path}: found CIFAR as Python pickles, which can run code when they are loaded; get"
            " the binary version, whose files end in .bin"
        )
    records = _records(path, kind)
    needs_pillow()
    chosen = choose(request, native=(_SIDE, _SIDE))
    channels, ahead = chosen.prepare.wanted.channels, len(kind.labels)

    content = FileBytes.of(path)

    def read(row: int) -> Array:
        content.check()  # it is mapped
        planes = records[row, ahead:].reshape(3, _SIDE, _SIDE)
        pixels = np.ascontiguousarray(planes.transpose(1, 2, 0))
        return chosen.prepare(as_picture(pixels, channels))

    return chosen.table(
        read,
        count=len(records),
        what=f"colour images of 32x32, {kind.name}",
        where=str(path),
        labels=_labels(path, kind, records, request.feeding.label or kind.labels[-1]),
    )


def _kind(path: Path) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.files.fullmatch(path.name)), None)


def _records(path: Path, kind: _Kind) -> Array:
    length = len(kind.labels) + _PIXELS
    try:
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as exc:
        raise DataError(f"{path}: cannot be read ({exc}); fetch it again") from exc
    if len(data) % length:
        raise DataError(
            f"{path}: found {len(data)} bytes, no multiple of the {length} of a record of"
            f" {kind.name}; it is cut short or damaged, fetch it again"
        )
    records: Array = data.reshape(-1, length)
    return records


def _labels(path: Path, kind: _Kind, records: Array, wanted: str) -> Labels | None:
    """The labels of that name, called as the list of names beside says, if it is there."""
    if wanted not in kind.labels:
        return None
    codes = records[:, kind.labels.index(wanted)].astype(np.int64)
    file = path.with_name(kind.names.format(wanted))
    try:
        names = tuple(file.read_text("utf-8").split())
    except (OSError, ValueError):
        names = ()
    return Labels(names, codes) if codes.max() < len(names) else Labels.of(codes)

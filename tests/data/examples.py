"""One example of each kind of data source; a kind without one fails the tests of all kinds."""

import io
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from onnx import numpy_helper
from PIL import Image
from scipy.io import wavfile

from onnx_affscore.records import Array

__all__ = ["example"]


def example(kind: str, folder: Path, images: Array) -> str:
    """A specification of a kind, for the input ``image`` or for token ids."""
    return _EXAMPLES[kind](folder, images)


def _random(_folder: Path, _images: Array) -> str:
    return "random"


def _npy(folder: Path, images: Array) -> str:
    np.save(folder / "x.npy", images)
    return str(folder / "x.npy")


def _npz(folder: Path, images: Array) -> str:
    np.savez(folder / "x.npz", image=images)
    return str(folder / "x.npz")


def _table(folder: Path, images: Array) -> str:
    np.savetxt(folder / "x.csv", images.reshape(len(images), -1), delimiter=",")
    return str(folder / "x.csv")


def _parquet(folder: Path, images: Array) -> str:
    column = pa.array(images.reshape(len(images), -1).tolist(), pa.list_(pa.float32(), 16))
    pq.write_table(pa.table({"image": column}), folder / "x.parquet", row_group_size=3)
    return str(folder / "x.parquet")


def _saved_dataset(folder: Path, images: Array) -> str:
    values = pa.array(images.reshape(len(images), -1).tolist(), pa.list_(pa.float32(), 16))
    found = pa.table({"image": values})
    with pa.ipc.new_stream(folder / "x.arrow", found.schema) as writer:
        writer.write_table(found, max_chunksize=4)
    (folder / "dataset_info.json").write_text("{}")
    return str(folder)


def _sound(folder: Path, images: Array) -> str:
    for number, sound in enumerate(images.reshape(len(images), -1)):
        wavfile.write(folder / f"{number}.wav", 16000, sound.repeat(8))
    return str(folder)


def _stdin(_folder: Path, images: Array) -> str:
    content = io.BytesIO()
    np.save(content, images)
    content.seek(0)
    pytest.MonkeyPatch().setattr("sys.stdin", io.TextIOWrapper(content))
    return "-"


def _function(folder: Path, images: Array) -> str:
    np.save(folder / "f.npy", images)
    (folder / "f.py").write_text(
        "from pathlib import Path\nimport numpy as np\n"
        "def parts():\n"
        "    x = np.load(Path(__file__).with_suffix('.npy'))\n"
        "    yield x[:4]\n"
        "    yield {'image': x[4:]}\n"
    )
    return f"{folder / 'f.py'}:parts"


def _test_set(folder: Path, images: Array) -> str:
    data = numpy_helper.from_array(images, "image").SerializeToString()
    (folder / "input_0.pb").write_bytes(data)
    return str(folder)


def _text(folder: Path, _images: Array) -> str:
    (folder / "x.txt").write_text("a b c d\n" * 10)
    return str(folder / "x.txt")


def _json_lines(folder: Path, _images: Array) -> str:
    (folder / "x.jsonl").write_text('{"text": "a b c d"}\n' * 10)
    return str(folder / "x.jsonl")


def _images(folder: Path, images: Array) -> str:
    for k, image in enumerate(images):
        Image.fromarray(image[0].astype(np.uint8)).save(folder / f"{k}.png")
    return str(folder)


def _idx(folder: Path, images: Array) -> str:
    head = struct.pack(">4I", 0x803, len(images), 4, 4)
    (folder / "x.idx3").write_bytes(head + images.astype(np.uint8).tobytes())
    return str(folder / "x.idx3")


def _cifar(folder: Path, images: Array) -> str:
    record = bytes(1) + bytes(range(256)) * 12
    (folder / "test_batch.bin").write_bytes(record * len(images))
    return str(folder / "test_batch.bin")


_EXAMPLES: Final[Mapping[str, Callable[[Path, Array], str]]] = {
    "random": _random,
    "npy": _npy,
    "npz": _npz,
    "table": _table,
    "parquet": _parquet,
    "saved-dataset": _saved_dataset,
    "sound": _sound,
    "stdin": _stdin,
    "function": _function,
    "test-set": _test_set,
    "text": _text,
    "json-lines": _json_lines,
    "images": _images,
    "idx": _idx,
    "cifar": _cifar,
}

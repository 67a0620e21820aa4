"""Data files that ask for more than there is: refused by their headers, before memory is taken."""

import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from onnx_affscore.data import arrays, open_source
from onnx_affscore.errors import DataError
from tests.data.samples import hint

X = hint("x", ("n", 4))


def header(shape: str, kind: str = "'<f4'") -> bytes:
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text.encode() + b"\n"


def archive(path: Path, content: bytes, name: str = "x.npy") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return path


@pytest.mark.parametrize("shape", ["(1000000000000, 4)", "(2**62, 4)", "(-1, 4)", "(9, 4)"])
def test_a_header_that_declares_more_than_follows_is_refused(shape: str, tmp_path: Path) -> None:
    content = header(shape.replace("2**62", str(2**62))) + bytes(32)
    (tmp_path / "x.npy").write_bytes(content)
    for path in (tmp_path / "x.npy", archive(tmp_path / "x.npz", content)):
        with pytest.raises(DataError, match=r"header that declares|cannot be read"):
            open_source(str(path), [X])


@pytest.mark.parametrize("text", ["(1,", "[" * 5000, "__import__('os')", "(1,), 'x': " + "(" * 900])
def test_a_header_that_is_no_header_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(header(text))
    with pytest.raises(DataError, match=r"cannot be read as \.npy"):
        open_source(str(tmp_path / "x.npy"), [X])


def test_an_archive_that_expands_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_SUSPECT", 1 << 20)  # in earnest 256 MiB
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1 << 17, 4), np.float32))
    path = archive(tmp_path / "x.npz", buffer.getvalue())
    with pytest.raises(DataError, match=r"unpack to 2097280, as a decompression bomb does"):
        open_source(str(path), [X])
    np.savez(path, x=np.zeros((1 << 17, 4), np.float32))  # the cure that the message tells
    assert open_source(str(path), [X]).count == 1 << 17


def test_a_pipe_is_no_data(tmp_path: Path) -> None:
    for name in ("x.npy", "x.npz"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match="a folder, a pipe or a device"):
            open_source(str(tmp_path / name), [X])


def test_test_data_never_leave_their_own_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(64))
    tensor = numpy_helper.from_array(np.ones((4, 4), np.float32), "x")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "input_0.pb").write_bytes(tensor.SerializeToString())
    with pytest.raises(DataError, match="said to lie in another file"):
        next(iter(open_source(str(tmp_path / "set"), [X]).batches(1)))

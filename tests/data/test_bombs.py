"""Data files that ask for more than there is: refused by their headers, before memory is taken."""

import gzip
import io
import os
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper

from onnx_affscore.data import open_source, plain_text, unpacking
from onnx_affscore.data.images import idx
from onnx_affscore.data.stretches import index_stretches
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


@pytest.fixture
def suspect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_SUSPECT", 1 << 20)  # in earnest 256 MiB
    for module in (idx, plain_text):
        monkeypatch.setattr(module, "PIECE", 1 << 16)


@pytest.mark.usefixtures("suspect")
def test_an_archive_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1 << 17, 4), np.float32))
    path = archive(tmp_path / "x.npz", buffer.getvalue())
    with pytest.raises(DataError, match=r"unpack to 2097280 or more, as a decompression bomb does"):
        open_source(str(path), [X])
    np.savez(path, x=np.zeros((1 << 17, 4), np.float32))  # the cure that the message tells
    assert open_source(str(path), [X]).count == 1 << 17


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Trace what is allocated; at the end the function tells the most bytes held at a time."""
    most = 0
    tracemalloc.start()
    try:
        yield lambda: most
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def packed(path: Path, head: bytes, repeated: bytes, *, times: int) -> int:
    """Pack ``repeated`` again and again, piece by piece; how many bytes the file has."""
    with gzip.open(path, "wb") as file:
        file.write(head)
        for _ in range(times):
            file.write(repeated)
    return path.stat().st_size


BOMBS = [
    ("x.csv.gz", b"a,b,c,d\n", b"0,0,0,0\n" * 8192),
    ("one.csv.gz", b"", bytes([ord("0")]) * 65536),  # a single row
    ("x.tsv.gz", b"a\tb\tc\td\n", b"0\t0\t0\t0\n" * 8192),
    ("wide.csv.gz", "\ufeff".encode("utf-16-le"), "0,0,0,0\n".encode("utf-16-le") * 4096),
    ("x.idx2.gz", b"\0\0\x08\2" + struct.pack(">2I", 65536, 1024), bytes(65536)),
]


@pytest.mark.usefixtures("suspect")
@pytest.mark.parametrize(("name", "head", "repeated"), BOMBS, ids=[name for name, _, _ in BOMBS])
def test_a_file_that_unpacks_without_end_is_refused_on_the_way(
    name: str, head: bytes, repeated: bytes, tmp_path: Path
) -> None:
    size = packed(tmp_path / name, head, repeated, times=1024)
    with (
        traced() as most,
        pytest.raises(DataError, match="as a decompression bomb does") as caught,
    ):
        open_source(str(tmp_path / name), [X])
    assert "unpack it with gunzip" in str(caught.value)
    found = re.search(rf"found {size} bytes that unpack to (\d+) or more", str(caught.value))
    assert found
    # Refused as soon as the rule allows; the whole is 64 MiB.
    assert int(found[1]) < max(1 << 20, 200 * size) + (1 << 20)
    # NumPy asks for the whole array of an idx file, of which the system gives what is filled.
    assert most() < ((4 << 20) if "idx" not in name else (80 << 20))


@pytest.mark.usefixtures("suspect")
def test_text_for_a_tokenizer_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    for name in ("x.txt.gz", "x.jsonl.gz"):
        packed(tmp_path / name, b"", b'{"text": "a"}\n' * 4096, times=1024)
        with pytest.raises(DataError, match="as a decompression bomb does"):
            index_stretches(tmp_path / name)


@pytest.mark.usefixtures("suspect")
def test_data_that_pack_well_are_no_bomb(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 9, (1 << 15, 4))
    text = "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in numbers.tolist()).encode() * 5
    assert packed(tmp_path / "x.csv.gz", b"", text, times=1) < len(text) / 3
    assert open_source(str(tmp_path / "x.csv.gz"), [X]).count == 5 << 15
    assert packed(tmp_path / "small.csv.gz", b"", b"1,2,3,4\n" * 100_000, times=1) < 4000
    assert open_source(str(tmp_path / "small.csv.gz"), [X]).count == 100_000  # below the minimum


@pytest.mark.parametrize("shape", [(1 << 31, 1 << 20, 1 << 20), (60_000_000, 28, 28)])
def test_an_idx_head_that_declares_more_than_can_be_packed_is_refused_unopened(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / "x-images-idx3-ubyte.gz"
    head = b"\0\0\x08\3" + struct.pack(">3I", *shape)
    size = packed(path, head, bytes(1 << 20), times=8)
    with pytest.raises(
        DataError, match=f"found {size} bytes, wanted the {prod(shape)} .* at least"
    ):
        idx.read_idx(path)


def test_of_an_idx_file_no_more_is_unpacked_than_its_head_tells(tmp_path: Path) -> None:
    path = tmp_path / "x.idx1.gz"
    packed(path, b"\0\0\x08\1" + struct.pack(">I", 1024), bytes(1 << 20), times=64)
    message = "found more than 1024 bytes behind its head, wanted 1024"
    with traced() as most, pytest.raises(DataError, match=message):
        idx.read_idx(path)
    assert most() < 2 << 20  # of 64 MiB


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

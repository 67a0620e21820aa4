"""MNIST's files: grey pictures and their labels, packed or not; damaged ones are refused."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.images.idx import is_idx, read_idx
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import Array
from tests.data.images.pictures import rows
from tests.data.samples import hint, read

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 6, 6)).astype(np.uint8)
LABELS = np.array([3, 1, 3, 0, 1], np.uint8)


def idx(file: Path, array: Array) -> Path:
    """Write an array as the format's own page says: zeros, type, rank, sizes, numbers."""
    code = CODES[array.dtype.str[1:]]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.astype(array.dtype.newbyteorder(">")).tobytes()
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 3, 4), (1, 2, 3, 2)])
def test_arrays_of_every_type_and_rank_come_back(
    code: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    array = np.random.default_rng(1).integers(0, 100, shape).astype(code)
    found = read_idx(idx(tmp_path / "x.idx", array))
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("shape", [("n", 1, 6, 6), ("n", 6, 6, 1), ("n", 6, 6), ("n", 36)])
def test_pictures_feed_inputs_of_every_layout(
    suffix: str, shape: tuple[Any, ...], tmp_path: Path
) -> None:
    file = idx(tmp_path / f"x-images-idx3-ubyte{suffix}", PICTURES)
    found = rows(file, shape, preset="unit")
    expected = (PICTURES / np.float32(255)).reshape(found.shape)
    np.testing.assert_array_equal(found, expected)


def test_grey_pictures_feed_a_network_of_photographs(tmp_path: Path) -> None:
    file = idx(tmp_path / "x-images-idx3-ubyte", PICTURES)
    found = rows(file, ("n", 3, 224, 224), preset="raw")
    assert found.shape == (5, 3, 224, 224)
    np.testing.assert_array_equal(found[:, 0], found[:, 2])
    assert rows(file, ("n", 1, None, None)).shape == (5, 1, 6, 6)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", ["-", "."])
def test_labels_lie_beside_or_are_named(suffix: str, dot: str, tmp_path: Path) -> None:
    file = idx(tmp_path / f"t10k-images{dot}idx3-ubyte", PICTURES)
    x = hint("x", ("n", 1, 6, 6))
    assert open_source(file, [x]).labels is None
    beside = idx(tmp_path / f"t10k-labels{dot}idx1-ubyte{suffix}", LABELS)
    other = idx(tmp_path / "mine.idx1", LABELS[::-1].copy())
    for said, codes in ((Feeding(), LABELS), (Feeding(label=str(other)), LABELS[::-1])):
        labels = open_source(file, [x], feeding=said).labels
        assert labels is not None
        assert labels.names == ("0", "1", "3")
        assert [int(labels.names[c]) for c in labels.codes] == codes.tolist()
    idx(tmp_path / f"t10k-labels{dot}idx1-ubyte{suffix}", LABELS[:4])
    with pytest.raises(DataError, match=r"labels of .* 4 label\(s\), wanted one for each of 5 row"):
        open_source(file, [x])
    idx(beside, LABELS)
    with pytest.raises(DataError, match="wanted one label a row"):
        open_source(file, [x], feeding=Feeding(label=str(file)))
    assert open_source(beside, [hint("y", ("n",), "uint8")]).count == 5


def test_an_array_of_another_rank_or_type_is_an_array(tmp_path: Path) -> None:
    table = np.random.default_rng(0).normal(size=(4, 3)).astype("f4")
    source = open_source(idx(tmp_path / "x.idx2", table), [hint("x", ("n", 3))])
    np.testing.assert_array_equal(read(source), table)
    floats = PICTURES.astype("f4")
    found = rows(idx(tmp_path / "x.idx3", floats), ("n", 6, 6))
    np.testing.assert_array_equal(found, floats)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], "wanted 180 for the shape"),
        (lambda raw: raw + b"\0", "wanted 180 for the shape"),
        (lambda raw: raw[:9], "cut short"),
        (lambda raw: b"\x93NUMPY" + raw, "found no idx file"),
        (lambda raw: b"\0\0\x07" + raw[3:], "found no idx file"),
        (lambda _raw: b"\0\0\x08\0", "cut short"),
        (lambda _raw: b"\0", "found no idx file|cannot be read"),
        (lambda _raw: b"", "found no idx file|cannot be read"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_damaged_file_is_refused(damage: Any, message: str, suffix: str, tmp_path: Path) -> None:
    file = idx(tmp_path / "x.idx3", PICTURES)
    raw = damage(file.read_bytes())
    file = tmp_path / f"x.idx3{suffix}"
    file.write_bytes(gzip.compress(raw) if suffix else raw)
    with pytest.raises(DataError, match=message):
        rows(file, ("n", 6, 6))


def test_a_broken_archive_and_no_file_are_refused(tmp_path: Path) -> None:
    file = idx(tmp_path / "x.idx3.gz", PICTURES)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        rows(file, ("n", 6, 6))
    with pytest.raises(DataError, match="found no such file"):
        rows(tmp_path / "y.idx3", ("n", 6, 6))


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("train-images-idx3-ubyte.gz", True), ("train-images.idx3-ubyte", True), ("a.idx", True),
        ("a/b.idx3.GZ", True), ("idx.npy", False), ("a-idx-b.txt", False), ("x.npz", False),
    ],
)  # fmt: skip
def test_files_are_known_by_their_names(name: str, is_one: bool) -> None:
    assert is_idx(name) == is_one

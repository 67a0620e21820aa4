"""NumPy's files: mapped, read by member, and refused where they are not plain arrays."""

from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.arrays import load_npy
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

from .samples import hint, read, read_all

IMAGE = hint("image", ("n", 1, 4, 4))


def test_an_npy_file_is_mapped_and_read_in_order(tmp_path: Path, images: Array) -> None:
    np.save(tmp_path / "x.npy", images)
    assert isinstance(load_npy(tmp_path / "x.npy"), np.memmap)
    source = open_source(str(tmp_path / "x.npy"), [IMAGE])
    assert (source.count, source.synthetic, source.notes) == (10, False, ())
    np.testing.assert_array_equal(read(source), images)


def test_members_of_an_npz_feed_the_inputs_of_their_names(tmp_path: Path, images: Array) -> None:
    np.savez_compressed(tmp_path / "x.npz", image=images, n=np.arange(10.0), label=np.arange(10))
    source = open_source(str(tmp_path / "x.npz"), [IMAGE, hint("n", ("n",))])
    assert any(note.endswith("x.npz: not used: label") for note in source.notes)
    fed = read_all(source)
    np.testing.assert_array_equal(fed["image"], images)
    np.testing.assert_array_equal(fed["n"], np.arange(10))


def test_the_only_member_that_fits_serves_the_only_input(tmp_path: Path, images: Array) -> None:
    np.savez(tmp_path / "x.npz", arr_0=images, labels=np.arange(10))
    source = open_source(str(tmp_path / "x.npz"), [IMAGE])
    assert "x.npz: array 'arr_0' feeds 'image'" in source.notes[0]
    np.testing.assert_array_equal(read(source), images)


def test_two_members_that_fit_are_one_too_many(tmp_path: Path, images: Array) -> None:
    np.savez(tmp_path / "x.npz", a=images, b=images)
    with pytest.raises(DataError, match="none is named 'image' and several of them fit; save"):
        open_source(str(tmp_path / "x.npz"), [IMAGE])


def test_members_that_nobody_reads_are_not_loaded(tmp_path: Path, images: Array) -> None:
    objects = np.array([{}], dtype=object)
    np.savez(tmp_path / "x.npz", allow_pickle=True, image=images, meta=objects)
    np.testing.assert_array_equal(read(open_source(str(tmp_path / "x.npz"), [IMAGE])), images)


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_pickles_are_refused_unopened(tmp_path: Path, name: str) -> None:
    objects = np.array([{}], dtype=object)
    if name == "x.npy":
        np.save(tmp_path / name, objects, allow_pickle=True)
    else:
        np.savez(tmp_path / name, allow_pickle=True, image=objects)
    with pytest.raises(DataError, match="pickled Python objects, which can run code"):
        open_source(str(tmp_path / name), [IMAGE])


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_damaged_file_is_named(tmp_path: Path, images: Array, name: str, keep: int) -> None:
    path = tmp_path / name
    np.save(path, images) if name == "x.npy" else np.savez(path, image=images)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=rf"{name}: (cannot be read as \.np[yz]|found a header)"):
        open_source(str(path), [IMAGE])


def test_one_array_for_two_inputs_asks_for_a_name(tmp_path: Path, images: Array) -> None:
    np.save(tmp_path / "x.npy", images)
    with pytest.raises(DataError, match="wants 'image', 'mask'; say which one it is: --data image"):
        open_source(str(tmp_path / "x.npy"), [IMAGE, hint("mask", ("n", 4))])

"""Files that are cut short, or gone, between two batches: an error that names them, no crash."""

import os
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.file_bytes import FileBytes, FileRows, runs
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import Array

from .samples import hint, read

ROWS, WIDTH = 64, 4096  # a MiB: what is cut off spans many pages, which a mapping would miss
WIDE = hint("x", ("n", WIDTH))
X = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", X)
    return tmp_path / "x.npy"


def cut_after_a_batch(path: Path, size: int) -> str:
    """Read a batch, cut the file to ``size`` bytes, and return what the next ones say."""
    batches = open_source(str(path), [WIDE]).batches(8)
    np.testing.assert_array_equal(next(batches).feeds["x"][0], X[0])
    os.truncate(path, size)
    with pytest.raises(DataError) as caught:
        sum(batch.feeds["x"].sum() for batch in batches)
    return str(caught.value)


@pytest.mark.parametrize("left", [0, 4096, 2**19])  # before the rows that are next, and behind
def test_an_array_that_is_cut_short_is_named_with_its_sizes(npy: Path, left: int) -> None:
    whole = npy.stat().st_size
    said = cut_after_a_batch(npy, left)
    assert said.startswith(f"{npy}: found {left} bytes, wanted {whole} as when it was opened")
    assert "run it again" in said


def test_rows_before_the_cut_are_still_read(npy: Path) -> None:
    batches = open_source(str(npy), [WIDE]).batches(8)
    next(batches)
    os.truncate(npy, npy.stat().st_size - 1)
    for start in range(8, ROWS - 8, 8):
        np.testing.assert_array_equal(next(batches).feeds["x"], X[start : start + 8])
    with pytest.raises(DataError, match="found 1048703 bytes, wanted 1048704"):
        next(batches)


def test_columns_that_lie_one_behind_the_other_are_looked_after_too(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.asfortranarray(X))
    np.testing.assert_array_equal(read(open_source(str(path), [WIDE])), X)
    assert "found 4096 bytes, wanted" in cut_after_a_batch(path, 4096)


@pytest.mark.parametrize("dtype", ["float32", ">f4", "float64"])
@pytest.mark.parametrize("samples", [None, 30])
def test_rows_are_those_of_numpy(tmp_path: Path, dtype: str, samples: int | None) -> None:
    np.save(tmp_path / "x.npy", X.astype(dtype))
    found = read(open_source(str(tmp_path / "x.npy"), [WIDE], samples=samples))
    rows = [int(np.flatnonzero((row == X).all(1))[0]) for row in found]
    assert rows == sorted(set(rows))
    assert len(rows) == (samples or ROWS)


@pytest.mark.parametrize("rows", [[0], [5, 6, 7], [63, 0, 1, 9], []])
def test_rows_come_in_the_order_asked_for(npy: Path, rows: list[int]) -> None:
    asked = np.array(rows, dtype=np.int64)
    shape = (ROWS, WIDTH)
    held = FileRows(FileBytes.of(npy), start=128, shape=shape, dtype=np.dtype("<f4"))
    np.testing.assert_array_equal(held.read(asked), X[asked])
    assert [r for a, b in runs(asked) for r in range(a, b + 1)] == rows


def test_a_table_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    heads = [f"c{i}" for i in range(WIDTH)]
    lines = [",".join(heads), *(",".join(map(repr, row)) for row in X.tolist())]
    path.write_text("\n".join(lines) + "\n")
    said = cut_after_a_batch(path, path.stat().st_size // 2)
    assert said.startswith(f"{path}: found ")
    assert "cut short while it was read" in said


def test_an_archive_that_is_gone_before_its_arrays_are_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=X)
    source = open_source(str(path), [WIDE])
    path.unlink()
    with pytest.raises(DataError, match=r"x\.npz: found no such file"):
        next(source.batches(8))


def test_an_archive_that_is_cut_short_before_it_is_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, x=X)
    source = open_source(str(path), [WIDE])
    os.truncate(path, 5000)
    with pytest.raises(DataError, match=r"x\.npz: cannot be read as \.npz"):
        next(source.batches(8))


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
def test_arrow_files_that_are_cut_short_are_named(tmp_path: Path, name: str) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / name
    cells = pa.FixedSizeListArray.from_arrays(X.reshape(-1), WIDTH)
    table = pa.table({"x": cells})
    if name == "x.parquet":
        pq.write_table(table, path, row_group_size=8)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=8)
    assert str(path) in cut_after_a_batch(path, 4096)


def pictures(folder: Path) -> list[Path]:
    image = pytest.importorskip("PIL.Image")
    folder.mkdir()
    files = [folder / f"{i}.png" for i in range(6)]
    for number, file in enumerate(files):
        image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(file)
    return files


@pytest.mark.parametrize("how", ["gone", "cut short"])
def test_a_picture_that_is_gone_or_cut_short_is_one_row(tmp_path: Path, how: str) -> None:
    files = pictures(tmp_path / "in")
    image = hint("x", ("n", 3, 8, 8))

    def opened(on_error: str) -> Array:
        said = Feeding(on_error=on_error, preset="unit")
        source = open_source(str(tmp_path / "in"), [image], feeding=said)
        batches = source.batches(2)
        found = [next(batches).feeds["x"]]
        if how == "gone":
            files[3].unlink(missing_ok=True)
        else:
            os.truncate(files[3], 20)
        found += [batch.feeds["x"] for batch in batches]
        return np.concatenate(found)

    shades = opened("skip")[:, 0, 0, 0] * 255 / 40
    np.testing.assert_allclose(shades, [0, 1, 2, 4, 5], atol=1e-5)


def test_a_picture_that_is_gone_ends_a_run_that_leaves_none_out(tmp_path: Path) -> None:
    files = pictures(tmp_path / "in")
    said = Feeding(preset="unit")
    image = hint("x", ("n", 3, 8, 8))
    batches = open_source(str(tmp_path / "in"), [image], feeding=said).batches(2)
    next(batches)
    files[3].unlink()
    with pytest.raises(DataError, match=r"3\.png: .*leave such rows out with --on-error skip"):
        next(batches)


def test_a_file_of_pictures_that_is_cut_short_is_named(tmp_path: Path) -> None:
    pytest.importorskip("PIL.Image")
    path = tmp_path / "data_batch_1.bin"
    np.zeros((64, 3073), np.uint8).tofile(path)
    said = Feeding(preset="unit")
    batches = open_source(str(path), [hint("x", ("n", 3, 32, 32))], feeding=said).batches(4)
    next(batches)
    os.truncate(path, 4096)
    with pytest.raises(DataError, match="found 4096 bytes, wanted 196672"):
        next(batches)

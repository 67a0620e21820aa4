"""Rows come back as they went in, from memory or from a file that nobody ever sees."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.errors import StorageError
from onnx_affscore.records import Array
from onnx_affscore.rows import Keeper, Rows

FLOAT32 = np.dtype(np.float32).itemsize


@st.composite
def appended(draw: st.DrawFn) -> list[tuple[int, Array]]:
    """Pieces of rows for three tensors, two of them in single precision, in any order."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    columns, dtypes = (1, 3, 5), ("f4", "f8", "f4")
    order = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), max_size=20))
    return [(i, rng.normal(size=(n, columns[i])).astype(dtypes[i])) for i, n in order]


def filled(keeper: Keeper, pieces: list[tuple[int, Array]]) -> list[Rows]:
    tensors = [keeper.begin() for _ in range(3)]
    for i, piece in pieces:
        tensors[i].append(piece)
    return tensors


@given(appended(), st.integers(1, 300), st.integers(0, 40))
def test_rows_come_back_in_order_and_to_the_bit_wherever_they_lie(
    pieces: list[tuple[int, Array]], bound: int, first: int
) -> None:
    small, free = Keeper(bound), Keeper()
    for i, (kept, rows) in enumerate(zip(filled(small, pieces), filled(free, pieces), strict=True)):
        expected = [piece for j, piece in pieces if j == i]
        assert bool(kept) == bool(rows) == bool(expected)
        if not expected:
            continue
        whole = np.concatenate(expected, dtype=np.float64)
        for table in (kept.read(), rows.read()):
            assert table.dtype == np.float64
            np.testing.assert_array_equal(table, whole)
        np.testing.assert_array_equal(kept.read(first), whole[:first])
    total = sum(piece.nbytes for _, piece in pieces)
    assert free.written == 0
    assert bool(small.written) == (total > bound)
    assert total - bound <= small.written <= total  # what is not in the file is in memory


def test_rows_of_any_layout_are_written_as_they_read() -> None:
    keeper = Keeper(1)
    rows = keeper.begin()
    table = np.arange(24.0).reshape(4, 6)
    rows.append(table.T)
    rows.append(table[:, ::2].reshape(-1, 4))
    np.testing.assert_array_equal(rows.read(), [*table.T, *table[:, ::2].reshape(-1, 4)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process, in effect as TMPDIR is."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)  # look at TMPDIR again
    return tmp_path


def test_the_file_lies_where_tmpdir_says_and_has_no_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(10)
    keeper.begin().append(np.ones((4, 4)))
    assert keeper.written == 128
    assert list(folder.iterdir()) == []
    monkeypatch.setenv("TMPDIR", str(folder / "nowhere"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "nowhere"))
    with pytest.raises(StorageError, match=r"temporary folder .*nowhere: No such file"):
        Keeper(10).begin().append(np.ones((4, 4)))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**options: Any) -> Any:
        return Path("/dev/full").open("wb", **options)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    keeper = Keeper(10)
    rows = keeper.begin()
    with pytest.raises(StorageError, match=r"No space left on device.*TMPDIR.*--memory-limit"):
        rows.append(np.ones((4, 4)))


def test_what_is_mapped_cannot_be_written_to() -> None:
    keeper = Keeper(1)
    start = keeper.append(np.ones((2, 2)))
    table = keeper.mapped(start, (2, 2), np.dtype(np.float64))
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 2

"""A journal gives back what was written, whole records only, wherever it was cut off."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from onnx_affscore.errors import OptionError, StorageError
from onnx_affscore.records import Array
from onnx_affscore.resume.journal import Journal, Record

SOME = [
    Record({"name": "first"}),
    Record({"name": "活"}, [np.arange(6.0).reshape(2, 3), np.zeros((0, 4), np.float32)]),
    Record({"name": "last"}, [np.array([[-1, 7]], np.int8)]),
]


@contextmanager
def opened(path: Path) -> Iterator[tuple[Journal, list[Record]]]:
    with closing(Journal(path)) as journal:
        yield journal, list(journal.records())


def read(path: Path) -> list[Record]:
    with opened(path) as (_, found):
        return found


def written(path: Path, records: list[Record]) -> bytes:
    with opened(path) as (journal, found):
        assert found == []
        for record in records:
            journal.append(record)
    return path.read_bytes()


def assert_same(found: list[Record], wanted: list[Record]) -> None:
    assert [r.head for r in found] == [r.head for r in wanted]
    for one, other in zip(found, wanted, strict=True):
        for a, b in zip(one.arrays, other.arrays, strict=True):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@given(st.data())
def test_any_array_comes_back_to_the_bit(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["<f4", "<f8", "<f2", "|i1", "|b1"]))
    array: Array = data.draw(arrays.arrays(np.dtype(dtype), arrays.array_shapes(min_side=0)))
    records = [Record({"n": 1}, [array, array.T])]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.journal"
        written(path, records)
        assert_same(read(path), records)


def test_cut_off_anywhere_the_whole_records_stay_and_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    whole = written(path, SOME)
    ends = []
    for number in range(len(SOME) + 1):
        path.unlink()
        ends.append(len(written(path, SOME[:number])))
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        with opened(path) as (journal, found):
            assert_same(found, SOME[: sum(end <= cut for end in ends[1:])])
            for record in SOME[len(found) :]:
                journal.append(record)
        assert path.read_bytes() == whole


@pytest.mark.parametrize("more", [b"\0" * 100, b"\xff" * 100, b"\4" + b"\0" * 99])
def test_what_is_no_record_is_cut_off(more: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    whole = written(path, SOME)
    path.write_bytes(whole + more)
    assert_same(read(path), SOME)
    assert path.read_bytes() == whole


def test_a_changed_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    whole = bytearray(written(path, SOME))
    whole[-1] ^= 1
    path.write_bytes(whole)
    assert_same(read(path), SOME[:-1])


def test_another_file_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    path.write_text("my thesis")
    with pytest.raises(OptionError, match="is no journal of this version"):
        read(path)
    assert path.read_text() == "my thesis"


class Full:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self._room = file, room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: memoryview) -> int:
        if not self._room:
            raise OSError(28, "No space left on device")
        step = min(self._room, len(content))
        self._room -= step
        return int(self._file.write(content[:step]))


@pytest.mark.parametrize("room", [0, 1, 20, 50])
def test_on_a_full_disk_nothing_of_a_record_stays(room: int, tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    before = written(path, SOME[:2])
    with opened(path) as (journal, _):
        file: Any = journal._file
        journal._file = cast(Any, Full(file, room))
        message = r"No space left .*; free some room there and give the"
        with pytest.raises(StorageError, match=message):
            journal.append(Record({}, [np.zeros(100)]))
        assert path.read_bytes() == before
        journal._file = file
        journal.append(SOME[2])
    assert_same(read(path), SOME)

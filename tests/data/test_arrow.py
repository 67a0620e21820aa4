"""Parquet and Arrow files: the same table whatever the file, read by pieces; nulls are bad rows."""

import builtins
import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.arrow import parquet_pieces
from onnx_affscore.errors import DataError, MissingExtraError, UnreadableRowsError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from tests.data.samples import hint, read, read_all

WIDE = hint("x", ("n", "d"), "float64")
TABLE = pa.table(
    {
        "a": pa.array(range(10), pa.int32()),
        "b": pa.array(np.arange(10) / 4, pa.float32()),
        "kind": pa.array(list("rgbrgbrgbr")).dictionary_encode(),
        "when": pa.array([datetime.datetime(2026, 1, 1)] * 10),
        "on": pa.array([True, False] * 5),
    }
)
WANTED = [[i, i / 4, i % 2 == 0] for i in range(10)]


def ipc(table: pa.Table, path: Path, *, stream: bool) -> None:
    kind = pa.ipc.new_stream if stream else pa.ipc.new_file
    with kind(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


WRITERS: dict[str, Any] = {
    "one.parquet": lambda t, p: pq.write_table(t, p, row_group_size=4),
    "one.PQ": pq.write_table,
    "file.arrow": lambda t, p: ipc(t, p, stream=False),
    "stream.arrow": lambda t, p: ipc(t, p, stream=True),
    "zip.feather": lambda t, p: pa.feather.write_feather(t, p, compression="lz4"),
}


def opened(table: pa.Table, path: Path, *hints: Any, **said: Any) -> DataSource:
    pq.write_table(table, path / "t.parquet", row_group_size=4)
    return open_source(path / "t.parquet", hints or [WIDE], feeding=Feeding(**said))


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_holds_the_same_table(tmp_path: Path, name: str) -> None:
    WRITERS[name](TABLE, tmp_path / name)
    source = open_source(str(tmp_path / name), [WIDE], feeding=Feeding(label="kind"))
    for size in (1, 3, 64):
        assert read(source, size).tolist() == WANTED
    assert source.labels is not None
    assert source.labels.names == ("b", "g", "r")
    assert source.labels.codes.tolist() == [2, 1, 0, 2, 1, 0, 2, 1, 0, 2]
    assert any(note.endswith("not used: when") for note in source.notes)


def test_a_folder_is_one_table_in_the_order_of_its_files(tmp_path: Path) -> None:
    for number, rows in ((2, slice(7, 10)), (1, slice(0, 7))):
        folder = tmp_path / f"part={number}"
        folder.mkdir()
        pq.write_table(TABLE.slice(rows.start, rows.stop - rows.start), folder / "0.parquet")
    assert read(open_source(str(tmp_path), [WIDE]), 4).tolist() == WANTED
    pq.write_table(TABLE.select(["a"]), tmp_path / "z.parquet")
    with pytest.raises(DataError, match=r"z\.parquet: its columns are not those of"):
        open_source(str(tmp_path), [WIDE])


def test_hidden_and_deep_files_are_not_of_the_table_of_a_folder(tmp_path: Path) -> None:
    for number, name in enumerate(["a/x.parquet", "a-b/0.PQ", "b.parquet/0.parquet", "c.parquet"]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"v": [float(number)]}), tmp_path / name)
    for name in (".c.parquet", ".git/0.parquet", "a/b/0.parquet", "a/.x.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no table")
    assert read(open_source(str(tmp_path), [WIDE])).ravel().tolist() == [0, 1, 2, 3]


def test_drawn_rows_are_read_from_the_pieces_that_hold_them(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "t.parquet", row_group_size=3)
    source = open_source(tmp_path / "t.parquet", [WIDE], samples=4, seed=2)
    (batch,) = source.batches(9)
    assert batch.rows is not None
    assert batch.feeds["x"].tolist() == [WANTED[r] for r in batch.rows]


def test_a_piece_is_read_when_its_rows_are_and_only_the_columns_that_are_fed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[str]]] = []
    whole = pq.ParquetFile.read_row_group

    def spied(self: Any, number: int, columns: list[str]) -> Any:
        seen.append((number, columns))
        return whole(self, number, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", spied)
    source = opened(TABLE, tmp_path, columns="a,b")
    assert seen == []
    list(source.batches(2, start=1))
    assert seen == [(0, ["a", "b"]), (1, ["a", "b"]), (2, ["a", "b"])]


def test_nested_lists_are_tensors(tmp_path: Path) -> None:
    values = np.arange(48, dtype=np.float32).reshape(6, 2, 4)
    for kind in (pa.list_(pa.list_(pa.float32())), pa.list_(pa.list_(pa.float32(), 4), 2)):
        table = pa.table({"id": range(6), "signal": pa.array(values.tolist(), kind)})
        found = read(opened(table, tmp_path, hint("signal", ("n", 2, 4))), 4)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)
        alone = read(opened(table, tmp_path, hint("x", ("n", 1, 8))), 4)
        np.testing.assert_array_equal(alone, values.reshape(6, 1, 8))


def test_types_are_those_of_the_file_until_the_model_wants_others(tmp_path: Path) -> None:
    table = pa.table(
        {
            "price": pa.array([decimal.Decimal("1.25"), decimal.Decimal("2.50")]),
            "id": pa.array([2**60 + 1, 3], pa.int64()),
            "word": ["a", "ä"],
            "half": pa.array(np.array([1, 2], np.float16)),
        }
    )
    hints = [
        hint("price", ("n", 1)), hint("id", ("n", 1), "int64"), hint("word", ("n", 1), "string"),
        hint("half", ("n", 1), "float16"),
    ]  # fmt: skip
    found = read_all(opened(table, tmp_path, *hints))
    assert found["price"].ravel().tolist() == [1.25, 2.5]
    assert found["id"].ravel().tolist() == [2**60 + 1, 3]
    assert found["word"].ravel().tolist() == ["a", "ä"]
    assert found["half"].dtype == np.float16


def test_nulls_and_lists_of_another_length_are_bad_rows(tmp_path: Path) -> None:
    table = pa.table(
        {
            "a": [1.0, None, float("nan"), 4.0, 5.0, 6.0, 7.0, 8.0],
            "word": ["a", "b", "c", "d", None, "f", "g", "h"],
            "v": [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2], [1], [1, None], None],
        }
    )
    hints = [hint("a", ("n", 1)), hint("word", ("n", 1), "string"), hint("v", ("n", 2))]
    source = opened(table, tmp_path, *hints, on_error="skip")
    assert read_all(source)["a"].ravel().tolist() == [1, 4]
    where = tmp_path / "t.parquet"
    assert source.skipped == {
        1: f"{where}, row 1: column 'a' has no value, or not a number",
        2: f"{where}, row 2: column 'a' has no value, or not a number",
        4: f"{where}, row 4: column 'word' has no value, or not text",
        **{
            row: f"{where}, row {row}: column 'v' has no value, or not an array of the shape (2,)"
            for row in (5, 6, 7)
        },
    }
    with pytest.raises(UnreadableRowsError, match="row 1: column 'a' has no value"):
        read_all(opened(table, tmp_path, *hints))


def test_classes_may_be_missing_and_numbers_are_in_their_order(tmp_path: Path) -> None:
    table = pa.table({"a": [1.0, 2.0, 3.0], "c": pa.array([10, 9, 10])})
    labels = opened(table, tmp_path, label="c").labels
    assert labels is not None
    assert labels.names == ("9", "10")
    table = pa.table({"a": [1.0, 2.0, 3.0], "c": ["y", None, "x"]})
    labels = opened(table, tmp_path, label="c").labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == ["y", "", "x"]


@pytest.mark.parametrize("gap", [None, "in the dictionary", "in the rows"])
def test_indices_of_a_dictionary_may_be_too_narrow_for_one_more_value(
    tmp_path: Path, gap: str | None
) -> None:
    words: list[str | None] = [f"w{i:03}" for i in range(128)]
    wanted = [str(w) for w in words] * 2
    places: list[int | None] = [*range(128)] * 2
    if gap is not None:
        wanted[5] = wanted[133] = ""
    if gap == "in the dictionary":
        words[5] = None
    elif gap == "in the rows":
        places[5] = places[133] = None
    kind = pa.DictionaryArray.from_arrays(pa.array(places, pa.int8()), pa.array(words))
    ipc(pa.table({"a": np.arange(256.0), "c": kind}), tmp_path / "t.arrow", stream=False)
    labels = open_source(tmp_path / "t.arrow", [WIDE], feeding=Feeding(label="c")).labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == wanted


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([[1], [2]]), "list<"),
        (pa.array([{"p": 1}, {"p": 2}]), "struct<p: int64>"),
        (pa.DictionaryArray.from_arrays(pa.array([0, 1]), pa.array([[1], [2]])), "dictionary<"),
    ],
    ids=["lists", "structures", "encoded lists"],
)
def test_a_class_is_one_value(tmp_path: Path, values: Any, kind: str) -> None:
    ipc(pa.table({"a": [1.0, 2.0], "c": values}), tmp_path / "t.arrow", stream=False)
    with pytest.raises(DataError, match=rf"t\.arrow: --label names column 'c', which is {kind}"):
        open_source(tmp_path / "t.arrow", [WIDE], feeding=Feeding(label="c"))


@pytest.mark.parametrize(
    ("hints", "said", "message"),
    [
        ([WIDE], {"columns": "when"}, r"column 'when' is timestamp.*make numbers or text of it"),
        ([WIDE], {"columns": "a,wen"}, r"names 'wen'.*did you mean 'when'"),
        ([hint("x", ("n", 7))], {}, r"found 3 columns \(a, b, on\), but input 'x' wants 7"),
        ([hint("x", ("n", 3), "int64")], {}, "found float64, but input 'x' wants int64"),
        ([hint("kind", ("n", 1))], {}, "found text, but input 'kind' wants float32"),
    ],
)
def test_a_refusal_says_what_was_found(
    tmp_path: Path, hints: list[Any], said: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        opened(TABLE, tmp_path, *hints, **said)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_what_is_no_such_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="found no such file"):
        open_source(str(tmp_path / name), [WIDE])
    (tmp_path / name).write_bytes(b"not a table at all")
    with pytest.raises(DataError, match=rf"{name}: cannot be read as {Path(name).suffix} "):
        open_source(str(tmp_path / name), [WIDE])


def test_a_damaged_piece_is_told(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((4, 500))
    table = pa.table({"a": pa.array(noise.tolist())})
    pq.write_table(table, tmp_path / "t.parquet", compression="gzip")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[200:5200] = bytes(5000)
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read"):
        read(open_source(tmp_path / "t.parquet", [WIDE]))


def test_a_table_without_rows_is_told(tmp_path: Path) -> None:
    pq.write_table(TABLE.slice(0, 0), tmp_path / "t.parquet")
    assert [p.count for p in parquet_pieces(tmp_path / "t.parquet")] in ([0], [])
    with pytest.raises(DataError, match="found no row of data"):
        open_source(tmp_path / "t.parquet", [WIDE])


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.partition(".")[0] == "pyarrow":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[parquet\]"):
        open_source(str(tmp_path / "t.parquet"), [WIDE])

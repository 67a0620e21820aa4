"""Data sets saved by Hugging Face's library: splits, files in their order, classes by name, text.

The fixtures have the layout that datasets 5.2 writes: streams of record batches, a state and an
info in JSON, extension types for arrays.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from tests.data.samples import hint, read
from tests.data.text_files import said

X = hint("x", ("n", 4))
ROWS = np.random.default_rng(0).random((10, 4)).astype(np.float32)
FEATURES: dict[str, Any] = {
    "x": {"feature": {"dtype": "float32", "_type": "Value"}, "length": 4, "_type": "List"},
    "kind": {"names": ["cat", "dog"], "_type": "ClassLabel"},
    "m": {"shape": [2, 3], "dtype": "float32", "_type": "Array2D"},
    "text": {"dtype": "string", "_type": "Value"},
}


def table(rows: slice = slice(None)) -> pa.Table:
    """Ten rows of all features, an array of two dimensions among them as the library stores it."""
    matrices = [[[i, 1, 2], [3, 4, 5]] for i in range(10)]
    nested = pa.field(
        "m",
        pa.list_(pa.list_(pa.float32())),
        metadata={
            "ARROW:extension:name": "datasets.features.features.Array2DExtensionType",
            "ARROW:extension:metadata": '[[2, 3], "float32"]',
        },
    )
    columns = [
        pa.array(ROWS.tolist()[rows], pa.list_(pa.float32(), 4)),
        pa.array(([0, 1] * 5)[rows], pa.int64()),
        pa.array(matrices[rows], nested.type),
        pa.array((["a b c d", "b a c d"] * 5)[rows]),
    ]
    fields = [
        pa.field("x", columns[0].type),
        pa.field("kind", pa.int64()),
        nested,
        pa.field("text", pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def save(folder: Path, parts: Mapping[str, slice], **state: Any) -> Path:
    """One split, its files named and filled as ``parts`` say."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in parts.items():
        found = table(rows)
        with pa.ipc.new_stream(folder / name, found.schema) as writer:
            writer.write_table(found, max_chunksize=3)
    listed = [{"filename": name} for name in parts]
    (folder / "state.json").write_text(json.dumps({"_data_files": listed, **state}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return folder


def several(folder: Path, splits: Sequence[str]) -> Path:
    for number, split in enumerate(splits):
        save(folder / split, {"data.arrow": slice(number, 10)})
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
    return folder


def opened(text: Path | str, *hints: Any, **more: Any) -> DataSource:
    return open_source(str(text), hints or [X], feeding=Feeding(**more))


def test_files_are_one_table_in_the_order_of_the_state(tmp_path: Path) -> None:
    save(tmp_path, {"z.arrow": slice(0, 6), "a.arrow": slice(6, 10)})
    for size in (1, 4, 99):
        np.testing.assert_array_equal(read(opened(tmp_path), size), ROWS)
    matrices = read(opened(tmp_path, hint("m", ("n", 2, 3))))
    assert matrices[9].tolist() == [[9, 1, 2], [3, 4, 5]]


def test_files_without_a_state_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    save(tmp_path, {"1.arrow": slice(0, 6), "2.arrow": slice(6, 10)})
    (tmp_path / "state.json").unlink()
    np.testing.assert_array_equal(read(opened(tmp_path)), ROWS)


def test_classes_have_their_names_and_are_no_feature(tmp_path: Path) -> None:
    save(tmp_path, {"x.arrow": slice(0, 10)})
    labels = opened(tmp_path).labels
    assert labels is not None
    assert labels.names == ("cat", "dog")
    assert labels.codes.tolist() == [0, 1] * 5
    stratified = opened(tmp_path, stratify=True)
    assert stratified.labels is not None


def test_a_split_is_named_where_there_are_several(tmp_path: Path) -> None:
    folder = several(tmp_path / "set", ["train", "test"])
    assert opened(f"{folder}:test").count == 9
    np.testing.assert_array_equal(read(opened(folder / "train")), ROWS)
    for text, message in (
        (str(folder), r"found several splits; it has train, test; name one: --data .*set:train"),
        (f"{folder}:dev", r"found no split 'dev'; it has train, test"),
    ):
        with pytest.raises(DataError, match=message):
            opened(text)


def test_the_only_split_needs_no_name(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(opened(several(tmp_path, ["train"]))), ROWS)


def test_a_column_of_text_goes_through_a_tokenizer(tmp_path: Path) -> None:
    save(tmp_path, {"x.arrow": slice(0, 10)})
    ids = hint("ids", ("n", 4), "int64")
    feeding = said(tmp_path)
    lines = tmp_path / "lines.txt"
    lines.write_text("a b c d\nb a c d\n" * 5)
    wanted = read(open_source(str(lines), [ids], feeding=feeding))
    np.testing.assert_array_equal(read(open_source(str(tmp_path), [ids], feeding=feeding)), wanted)
    whole = Feeding(tokenizer=feeding.tokenizer, text_field="words")
    with pytest.raises(DataError, match="names 'words', but the columns of text are text; name"):
        open_source(str(tmp_path), [ids], feeding=whole)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("state.json", {"_data_files": 5}, "found int for '_data_files', wanted list"),
        ("state.json", {"_data_files": {"filename": "x.arrow"}}, "found dict for '_data_files'"),
        ("state.json", {"_data_files": ["x.arrow"]}, "it lists files without names"),
        ("state.json", {"_data_files": [{}]}, "it lists files without names"),
        ("state.json", {"_data_files": [{"filename": ".."}]}, "cannot be read|is missing"),
        ("state.json", {"_data_files": [{"filename": "/"}]}, "it lists files without names"),
        ("dataset_info.json", {"features": 5}, "found int for 'features', wanted dict"),
        ("dataset_info.json", {"features": ["x"]}, "found list for 'features', wanted dict"),
    ],
)
def test_files_that_say_something_else_are_told(
    file: str, content: object, message: str, tmp_path: Path
) -> None:
    folder = save(tmp_path / "a", {"x.arrow": slice(0, 10)})
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        read(opened(folder))


def test_classes_without_a_list_of_names_are_numbers(tmp_path: Path) -> None:
    folder = save(tmp_path / "a", {"x.arrow": slice(0, 10)})
    info = {"features": FEATURES | {"kind": {"names": 5, "_type": "ClassLabel"}}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    labels = opened(folder).labels
    assert labels is not None
    assert labels.names == ("0", "1")


def test_a_split_lies_in_the_folder_of_its_data_set(tmp_path: Path) -> None:
    save(tmp_path / "outside", {"x.arrow": slice(0, 10)})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": ["../outside"]}')
    with pytest.raises(DataError, match=r"set.outside.dataset_info.json: cannot be read"):
        opened(tmp_path / "set")
    (tmp_path / "set" / "dataset_dict.json").write_text('{"splits": 7}')
    with pytest.raises(DataError, match="found int for 'splits', wanted list"):
        opened(tmp_path / "set")


def test_damage_is_told(tmp_path: Path) -> None:
    chosen = save(tmp_path / "a", {"x.arrow": slice(0, 10)}, _indices_data_files=[{}])
    with pytest.raises(DataError, match="flatten_indices"):
        opened(chosen)
    broken = save(tmp_path / "b", {"x.arrow": slice(0, 10)})
    for content in ("{", "[" * 200_000):
        (broken / "state.json").write_text(content)
        with pytest.raises(DataError, match=r"state\.json: cannot be read .*save the data set"):
            opened(broken)
    cut = save(tmp_path / "c", {"x.arrow": slice(0, 10)})
    (cut / "x.arrow").write_bytes((cut / "x.arrow").read_bytes()[:700])
    with pytest.raises(DataError, match=r"x\.arrow: cannot be read"):
        read(opened(cut))
    outside = save(tmp_path / "d", {"x.arrow": slice(0, 10)})
    (outside / "state.json").write_text(json.dumps({"_data_files": [{"filename": "../c/y.arrow"}]}))
    with pytest.raises(DataError, match=r"d/y\.arrow: found no such file"):
        opened(outside)

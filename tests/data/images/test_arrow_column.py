"""Columns of pictures in tables: the rows of a folder of the same files; classes by name.

The fixtures have the layout that datasets 5.2 writes: a struct of bytes and path, and what the
columns are in the metadata of the schema or in JSON.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array
from tests.data.images.pictures import noise, rows, save
from tests.data.samples import hint, read
from tests.data.text_files import said

RGB = ("n", 3, 8, 8)
KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASSES = {"names": ["cat", "dog"], "_type": "ClassLabel"}
FEATURES: dict[str, Any] = {"image": {"_type": "Image"}, "label": CLASSES}
COUNT = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of several kinds and sizes."""
    kinds = ["png", "jpg", "gif", "bmp", "webp", "tif", "png"]
    for k, kind in enumerate(kinds):
        save(tmp_path / "files" / f"{k}.{kind}", noise(9 + k, 12, seed=k))
    return tmp_path / "files"


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.iterdir())]


def table(images: Any, *, features: dict[str, Any] | None = None, **more: Any) -> pa.Table:
    """A table of images and labels, with what the library says of it."""
    made = pa.table({"image": images, "label": [k % 2 for k in range(len(images))], **more})
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    return made if features is None else made.replace_schema_metadata(told)


def structs(values: Sequence[bytes | None], paths: Sequence[str | None] | None = None) -> Any:
    named = paths or [f"{k}.png" for k in range(len(values))]
    pairs = [{"bytes": b, "path": p} for b, p in zip(values, named, strict=True)]
    return pa.array(pairs, KIND)


def written(place: Path, found: pa.Table, form: str = "parquet") -> Path:
    """The table as a Parquet file, or as a folder that the library saved."""
    if form == "parquet":
        pq.write_table(found, place / "t.parquet", row_group_size=3)
        return place / "t.parquet"
    saved = place / "saved"
    saved.mkdir()
    with pa.ipc.new_stream(saved / "d.arrow", found.schema) as writer:
        writer.write_table(found, max_chunksize=3)
    (saved / "state.json").write_text(json.dumps({"_data_files": [{"filename": "d.arrow"}]}))
    (saved / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    return saved


def opened(path: Path, shape: Any = RGB, dtype: str = "float32", **more: Any) -> DataSource:
    return open_source(path, [hint("x", shape, dtype)], feeding=Feeding(preset="unit", **more))


@pytest.mark.parametrize("form", ["parquet", "saved"])
def test_rows_are_those_of_a_folder_of_the_files_and_classes_have_names(
    form: str, folder: Path, tmp_path: Path
) -> None:
    source = opened(written(tmp_path, table(structs(contents(folder)), features=FEATURES), form))
    wanted = rows(folder, RGB, preset="unit")
    for size in (1, 4, 99):
        np.testing.assert_array_equal(read(source, size), wanted)
    assert source.labels is not None
    assert source.labels.names == ("cat", "dog")
    assert source.labels.codes.tolist() == [k % 2 for k in range(COUNT)]
    assert source.notes[0].endswith("centre crop 8x8, /255, float32 NCHW (preset unit)")
    assert source.notes[1].endswith("column image for 'x'")
    assert source.notes[2].endswith("2 classes by column label")


@pytest.mark.parametrize("images", [structs, pa.array], ids=["structs", "bytes"])
def test_pictures_of_which_nothing_is_said_are_known_by_how_they_begin(
    images: Any, folder: Path, tmp_path: Path
) -> None:
    source = opened(written(tmp_path, table(images(contents(folder)))), label="label")
    np.testing.assert_array_equal(read(source), rows(folder, RGB, preset="unit"))
    assert source.labels is not None
    assert source.labels.names == ("0", "1")


def test_drawn_rows_come_from_all_row_groups(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path, table(structs(contents(folder)), features=FEATURES))
    feeding = Feeding(preset="unit", stratify=True)
    source = open_source(path, [hint("x", RGB)], samples=4, seed=1, feeding=feeding)
    (batch,) = source.batches(9)
    assert batch.rows is not None
    wanted = rows(folder, RGB, preset="unit")[batch.rows]
    np.testing.assert_array_equal(batch.feeds["x"], wanted)


def test_files_that_are_only_named_lie_below_the_table(folder: Path, tmp_path: Path) -> None:
    names = [f"files/{file.name}" for file in sorted(folder.iterdir())]
    names[0] = str(folder / "0.png")
    named = table(structs([None] * COUNT, names), features=FEATURES)
    np.testing.assert_array_equal(
        read(opened(written(tmp_path, named))), rows(folder, RGB, preset="unit")
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "out").symlink_to(folder)
    for name in ("../files/0.png", str(folder / "0.png"), "out/0.png"):
        odd = table(structs([None] * COUNT, [name] * COUNT), features=FEATURES)
        source = opened(written(tmp_path / "elsewhere", odd))
        with pytest.raises(UnreadableRowsError, match=r"row 0, column 'image': .* outside .*save"):
            read(source)


def test_a_bad_picture_is_one_row(folder: Path, tmp_path: Path) -> None:
    found: list[bytes | None] = [*contents(folder)]
    found[2:5] = [b"no picture", None, (found[4] or b"")[:60]]
    mixed = table(structs(found, [None] * COUNT), features=FEATURES)
    source = opened(written(tmp_path, mixed), on_error="skip")
    assert len(read(source)) == COUNT - 3
    reasons = {row: reason.split("column 'image': ")[1] for row, reason in source.skipped.items()}
    assert reasons[2] == "found no picture that Pillow knows"
    assert reasons[3] == "has no value"
    assert reasons[4].startswith("found")


def two(folder: Path) -> pa.Table:
    masks = [io.BytesIO() for _ in range(COUNT)]
    for file in masks:
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, "PNG")
    said = {**FEATURES, "mask": {"_type": "Image"}}
    return table(
        structs(contents(folder)), features=said, mask=structs([m.getvalue() for m in masks])
    )


def test_of_several_columns_one_is_named(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path, two(folder))
    with pytest.raises(DataError, match=r"2 columns hold pictures \(image, mask\); name one with"):
        opened(path)
    assert not read(opened(path, columns="mask")).any()
    source = open_source(path, [hint("mask", RGB)], feeding=Feeding(preset="unit"))
    assert not read(source).any()


def fed(path: Path, shape: Any, dtype: str = "float32", **more: Any) -> Array:
    return read(open_source(path, [hint("x", shape, dtype)], feeding=Feeding(**more)))


def test_numbers_and_text_beside_pictures_are_fed_where_the_model_takes_no_pictures(
    folder: Path, tmp_path: Path
) -> None:
    beside = {name: np.arange(COUNT) * k for k, name in enumerate("abcd", 1)}
    text = ["a b c d"] * COUNT
    path = written(
        tmp_path, table(structs(contents(folder)), features=FEATURES, **beside, text=text)
    )
    assert fed(path, ("n", 4))[2].tolist() == [2, 4, 6, 8]
    assert fed(path, ("n", 4), columns="image", preset="unit").max() <= 1
    ids = open_source(path, [hint("ids", ("n", 4), "int64")], feeding=said(tmp_path))
    assert read(ids).shape[1:] == (4,)
    assert read(ids).dtype == np.int64


def test_a_model_without_pictures_says_what_the_columns_are(folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path, table(structs(contents(folder)), features=FEATURES))
    with pytest.raises(DataError, match="found pictures, but input 'x' is"):
        fed(path, ("n", 5))
    with pytest.raises(DataError, match="column 'image' is pictures, for input 'x'"):
        fed(path, ("n", 5), columns="image,image", label="label")


@pytest.mark.parametrize("told", [{"image": {"_type": "Audio"}, "label": CLASSES}, None])
def test_sound_in_a_table_is_no_picture(told: Any, tmp_path: Path) -> None:
    found = table(structs([b"RIFF\0\0\0\0WAVEfmt "] * 2), features=told)
    with pytest.raises(DataError, match=r"image \(struct<bytes: binary, path: string>\)"):
        fed(written(tmp_path, found), RGB, label="label")


@pytest.mark.parametrize("told", [b"{", b"[]", b'{"info": {"features": 3}}', b"\xff"])
def test_metadata_that_make_no_sense_say_nothing(told: bytes, folder: Path, tmp_path: Path) -> None:
    found = table(structs(contents(folder))).replace_schema_metadata({"huggingface": told})
    assert opened(written(tmp_path, found)).labels is None

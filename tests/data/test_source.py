"""What the user gives becomes a source; every kind of the table keeps the same promises."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore.data import SOURCES, open_source
from onnx_affscore.data.columns import Column, ColumnSource
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.source import Data
from onnx_affscore.data.spec import kind_of
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array

from .examples import example
from .samples import hint, read, read_all
from .text_files import said

IMAGE = hint("image", ("n", 1, 4, 4))
RATE = hint("sr", (), "int64", axis=None)


TEXT_KINDS = ("text", "json-lines")
SHAPES = {"text": (4,), "json-lines": (4,), "sound": (1, 128)}


def opened(kind: str, folder: Path, images: Array, *, samples: int | None = None) -> DataSource:
    """The example of a kind for the one input that suits it, with four elements in a row."""
    text = example(kind, folder, images)
    if kind in TEXT_KINDS:
        ids = hint("ids", ("n", 4), "int64")
        return open_source([text], [ids], samples=samples, feeding=said(folder))
    image = hint("image", ("n", *SHAPES.get(kind, (1, 4, 4))))
    return open_source([text], [image], samples=samples)


every_kind = pytest.mark.parametrize("kind", [k.name for k in SOURCES])


@every_kind
def test_a_source_is_what_the_protocol_says(kind: str, tmp_path: Path, images: Array) -> None:
    source = opened(kind, tmp_path, images)
    assert isinstance(source, DataSource)
    assert source.synthetic == (kind == "random")
    assert source.count in (None, len(read(source, 64)))


@every_kind
def test_the_batch_size_changes_no_row(kind: str, tmp_path: Path, images: Array) -> None:
    source = opened(kind, tmp_path, images, samples=7)
    whole = read(source, 64)
    assert whole.shape == (7, *SHAPES.get(kind, (1, 4, 4)))
    for size in (1, 3, 7):
        np.testing.assert_array_equal(read(source, size), whole)


@every_kind
def test_batches_that_are_left_out_change_no_other(
    kind: str, tmp_path: Path, images: Array
) -> None:
    source = opened(kind, tmp_path, images, samples=5)
    every = list(source.batches(2))
    for start in range(len(every) + 2):
        left = list(source.batches(2, start=start))
        assert [b.size for b in left] == [b.size for b in every[start:]]
        for one, other in zip(left, every[start:], strict=True):
            assert one.feeds.keys() == other.feeds.keys()
            for name in one.feeds:
                np.testing.assert_array_equal(one.feeds[name], other.feeds[name])


def test_rows_that_are_left_out_are_not_read() -> None:
    read_rows: list[int] = []

    def rows(wanted: Rows) -> Array:
        read_rows.extend(int(i) for i in wanted)
        return np.zeros((len(wanted), 2), np.float32)

    source = ColumnSource({"x": Column((1, 2), 7, rows)}, name="x")
    assert [b.size for b in source.batches(3, start=2)] == [1]
    assert read_rows == [6]


@every_kind
def test_a_batch_of_no_sample_is_refused(kind: str, tmp_path: Path, images: Array) -> None:
    source = opened(kind, tmp_path, images)
    with pytest.raises(OptionError, match="found a batch size of 0"):
        next(source.batches(0))


@pytest.mark.parametrize("data", [None, [], ()])
def test_without_data_values_are_made_up(data: Data) -> None:
    source = open_source(data, [IMAGE])
    assert (source.name, source.synthetic, source.count) == ("synthetic", True, 2048)


def test_arrays_are_taken_by_name_alone_and_as_lists(images: Array) -> None:
    for data in (images, {"image": images}, {"image": images.tolist()}):
        source = open_source(data, [IMAGE])
        np.testing.assert_array_equal(read(source), images)


def test_a_path_object_is_a_file(tmp_path: Path, images: Array) -> None:
    np.save(tmp_path / "x.npy", images)
    assert open_source(tmp_path / "x.npy", [IMAGE]).count == 10


def test_fewer_samples_are_drawn_by_seed_and_kept_in_order(images: Array) -> None:
    picks = [read(open_source(images, [IMAGE], samples=4, seed=s))[:, 0, 0, 0] for s in (0, 0, 1)]
    assert all((np.diff(p) > 0).all() for p in picks)
    assert picks[0].tolist() == picks[1].tolist() != picks[2].tolist()
    source = open_source(images, [IMAGE], samples=4)
    assert source.count == 4
    assert source.notes == ("arrays: 4 of 10 samples, drawn with seed 0, in their order",)


def test_as_many_samples_as_there_are_is_no_note(images: Array) -> None:
    assert open_source(images, [IMAGE], samples=2048).notes == ()


def test_a_fixed_batch_is_never_cut(images: Array) -> None:
    fixed = hint("image", (4, 1, 4, 4))
    assert open_source(images, [fixed], samples=9).count == 8
    assert open_source(images, [fixed], samples=1).count == 4


def test_inputs_are_named_one_by_one(tmp_path: Path, images: Array) -> None:
    folder = tmp_path / "a=b"
    folder.mkdir()
    np.save(folder / "x.npy", images)
    source = open_source([f"image={folder / 'x.npy'}", "sr=random"], [IMAGE, RATE])
    (batch,) = source.batches(16)
    assert (batch.size, int(batch.feeds["sr"])) == (10, 16000)
    assert not source.synthetic
    assert source.notes == ("sr: int64 (), the sampling rate 16000",)


def test_an_unnamed_file_serves_what_the_named_ones_leave(tmp_path: Path, images: Array) -> None:
    np.save(tmp_path / "x.npy", images)
    source = open_source([str(tmp_path / "x.npy"), "sr=random"], [IMAGE, RATE])
    (batch,) = source.batches(16)
    assert batch.feeds["image"].shape == images.shape


def test_a_file_called_random_is_a_file(
    tmp_path: Path, images: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("random_rows.npz", image=images)
    (batch,) = open_source(["random", "random_rows.npz"], [IMAGE, RATE]).batches(16)
    np.testing.assert_array_equal(batch.feeds["image"], images)


def test_made_up_inputs_have_the_sizes_of_the_given_ones(tmp_path: Path) -> None:
    ids, mask = hint("ids", ("n", "seq"), "int64"), hint("mask", ("n", "seq + 1"), "int64")
    np.save(tmp_path / "ids.npy", np.zeros((3, 21), np.int64))
    source = open_source([f"ids={tmp_path / 'ids.npy'}", "random"], [ids, mask])
    assert read_all(source)["mask"].shape == (3, 22)


def test_a_default_is_made_up_only_where_it_is_asked_for() -> None:
    hints = [IMAGE, hint("w", (2,), axis=None, optional=True)]
    for specs, names in ((["random"], {"image"}), (["random", "w=random"], {"image", "w"})):
        assert next(open_source(specs, hints).batches(1)).feeds.keys() == names


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("x.doc", r"--data x\.doc: found no such file; give one of random.*FILE\.npy,.*FOLDER"),
        ("pictures", "--data pictures: found no such file or folder; check the path"),
        ("", "found nothing where a file should be named; name one"),
        (["image="], "found nothing where a file should be named; name one"),
        ("no.npy", r"no\.npy: found no such file; check the path"),
        ("a/b=c.npz", r"a/b=c\.npz: found no such file; check the path"),
        ("random:cauchy", "found the distribution 'cauchy'.*random:normal or random:uniform"),
        (["imaeg=random"], "found input 'imaeg'.*did you mean 'image'"),
        (["image=random", "image=random"], "'image' is given twice"),
        (["image=random"], "the model also wants 'sr'"),
        ({"image": np.zeros((3, 1, 4, 4))}, "the model also wants 'sr'"),
        ({"imag": np.zeros(3)}, "did you mean 'image'"),
        ({"image": np.zeros((0, 1, 4, 4)), "sr": 1}, "found no sample in arrays"),
        (3.5, "found data of type float"),
    ],
)
def test_a_refusal_says_what_is_possible(data: Data, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_source(data, [IMAGE, RATE])


def test_a_folder_of_nothing_that_is_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme.rst").touch()
    with pytest.raises(DataError, match=r"found a folder without input_0\.pb and without an image"):
        open_source(tmp_path, [IMAGE])


@pytest.mark.parametrize("name", ["1.png", "a/1.PNG", "a/b/1.png"])
def test_the_kind_of_a_folder_is_found_without_a_path_object_for_each_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    for way in ("iterdir", "glob", "rglob"):
        monkeypatch.delattr(Path, way)
    found = kind_of(str(tmp_path))
    assert found is not None
    assert found.name == "images"


def test_inputs_need_equally_many_rows(images: Array) -> None:
    with pytest.raises(DataError, match="'image' has 10, 'y' has 9; give each input as many"):
        open_source({"image": images, "y": np.zeros((9, 2))}, [IMAGE, hint("y", ("n", 2))])


def test_a_folder_of_test_data_stands_alone(tmp_path: Path, images: Array) -> None:
    text = example("test-set", tmp_path, images)
    with pytest.raises(DataError, match="feeds all inputs at once; give it alone"):
        open_source([text, "sr=random"], [IMAGE, RATE])


def test_no_samples_at_all_is_an_option_error() -> None:
    with pytest.raises(OptionError, match="found 0 samples"):
        open_source(None, [IMAGE], samples=0)


def test_a_model_without_a_sample_axis_takes_one_sample_a_feed() -> None:
    (batch,) = open_source({"sr": np.array(8000)}, [RATE]).batches(5)
    assert (batch.size, int(batch.feeds["sr"])) == (1, 8000)


def test_labels_are_an_array_of_the_archive(tmp_path: Path, images: Array) -> None:
    np.savez(tmp_path / "x.npz", image=images, digit=np.arange(10) % 2)
    source = open_source(str(tmp_path / "x.npz"), [IMAGE], feeding=Feeding(label="digit"))
    assert source.labels is not None
    assert source.labels.names == ("0", "1")
    assert source.labels.codes.tolist() == [0, 1] * 5
    assert source.notes == ()


def test_labels_are_one_of_the_arrays(images: Array) -> None:
    data = {"image": images, "digit": np.array(list("ab" * 5))}
    source = open_source(data, [IMAGE], samples=4, feeding=Feeding(label="digit", stratify=True))
    assert source.labels is not None
    (batch,) = source.batches(4)
    assert batch.rows is not None
    assert np.bincount(source.labels.codes[batch.rows]).tolist() == [2, 2]
    assert source.notes == ("arrays: 4 of 10 samples, drawn with seed 0 by class, in their order",)


@pytest.mark.parametrize("given", [9, 11])
@pytest.mark.parametrize("samples", [None, 4])
def test_as_many_labels_as_rows_are_wanted(
    given: int, samples: int | None, tmp_path: Path, images: Array
) -> None:
    wanted = rf"found {given} label\(s\), wanted one for each of 10 row"
    data = {"image": images, "digit": np.arange(given)}
    feeding = Feeding(label="digit")
    with pytest.raises(DataError, match=f"arrays: {wanted}"):
        open_source(data, [IMAGE], samples=samples, feeding=feeding)
    np.savez(tmp_path / "x.npz", image=images, digit=data["digit"])
    with pytest.raises(DataError, match=f"x.npz: {wanted}"):
        open_source(str(tmp_path / "x.npz"), [IMAGE], samples=samples, feeding=feeding)
    beside = {"sr": np.array(8000), "digit": np.arange(given)}
    with pytest.raises(DataError, match=rf"found {given} label\(s\), wanted one for each of 1 row"):
        open_source(beside, [RATE], feeding=feeding)


def test_codes_with_a_place_for_each_class_are_no_labels(tmp_path: Path, images: Array) -> None:
    codes = np.eye(10)[:, :3]
    np.savez(tmp_path / "x.npz", image=images, digit=codes)
    feeding = Feeding(label="digit")
    wanted = r"found labels of shape \(10, 3\), wanted one label a row; of one-hot codes.*argmax"
    with pytest.raises(DataError, match=rf"array 'digit': {wanted}"):
        open_source({"image": images, "digit": codes}, [IMAGE], feeding=feeding)
    with pytest.raises(DataError, match=rf"x\.npz\[digit\]: {wanted}"):
        open_source(str(tmp_path / "x.npz"), [IMAGE], feeding=feeding)
    column = {"image": images, "digit": np.arange(10)[:, None]}
    labels = open_source(column, [IMAGE], feeding=feeding).labels
    assert labels is not None
    assert labels.codes.tolist() == list(range(10))


@pytest.mark.parametrize("values", [[None, "a"] * 5, [[1], [1, 2]] * 5], ids=str)
def test_labels_that_cannot_be_told_apart_are_refused(values: Any, images: Array) -> None:
    with pytest.raises(DataError, match=r"array 'digit': found list of which no classes can be"):
        open_source({"image": images, "digit": values}, [IMAGE], feeding=Feeding(label="digit"))


@pytest.mark.parametrize("feeding", [Feeding(label="kind"), Feeding(stratify=True)], ids=str)
def test_labels_that_are_not_there_are_not_passed_over(feeding: Feeding, images: Array) -> None:
    with pytest.raises(DataError, match="--label"):
        open_source(images, [IMAGE], feeding=feeding)

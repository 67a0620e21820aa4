"""A folder of pictures: sorted, labelled by sub-folders, prepared as the model wants, and told."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.data.images.folder import SUFFIXES, image_files, is_image_folder
from onnx_affscore.errors import DataError, MissingExtraError, OptionError, UnreadableRowsError
from onnx_affscore.feeding import Feeding
from tests.data.images.pictures import noise, rows, save
from tests.data.samples import hint, read

RGB = ("n", 3, 8, 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures of two classes, each of one brightness."""
    for k, name in enumerate(["dog/b", "cat/z", "dog/a", "cat/deep/c", "cat/a", "dog/10"]):
        save(tmp_path / f"{name}.png", np.full((10, 12, 3), 40 * k))
    return tmp_path


def test_rows_are_sorted_by_path_and_labelled_by_the_first_folder(folder: Path) -> None:
    source = open_source(str(folder), [hint("x", RGB)], feeding=Feeding(preset="raw"))
    names = [f.relative_to(folder).as_posix() for f in image_files(folder)]
    assert names == [
        f"{name}.png" for name in ("cat/a", "cat/deep/c", "cat/z", "dog/10", "dog/a", "dog/b")
    ]
    assert (read(source)[:, 0, 0, 0] / 40).tolist() == [4, 3, 1, 5, 2, 0]
    assert source.labels is not None
    assert source.labels.names == ("cat", "dog")
    assert source.labels.codes.tolist() == [0, 0, 0, 1, 1, 1]


def test_what_was_done_is_told(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")
    save(folder / "dog" / "c.jpg", noise(9, 9))
    source = open_source(str(folder), [hint("x", RGB)], feeding=Feeding(preset="imagenet"))
    assert source.notes == (
        f"{folder}: 7 images, PNG (6) and JPEG (1): RGB, shorter side to 8 (bilinear), centre crop"
        " 8x8, /255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225, float32 NCHW (preset imagenet)",
        f"{folder}: 2 classes by sub-folder",
        f"{folder}: 1 other files left alone",
    )
    assert source.warnings == ()


@pytest.mark.parametrize(
    ("shape", "dtype", "name", "why"),
    [
        (("n", 3, 224, 224), "float32", "imagenet", "takes photographs of 3 channels"),
        (("n", 3, None, None), "float16", "imagenet", "takes photographs of 3 channels"),
        (RGB, "float32", "unit", r"model takes small images \(8 pixels\)"),
        (("n", 1, 224, 224), "float32", "unit", "takes grey images"),
        (("n", 8, 8, 3), "uint8", "raw", None),
    ],
)
def test_a_preset_that_was_guessed_is_a_warning(
    shape: tuple[Any, ...], dtype: str, name: str, why: str | None, folder: Path
) -> None:
    source = open_source(str(folder), [hint("x", shape, dtype)])
    assert sum(note.endswith(f"(preset {name})") for note in source.notes) == 1
    assert bool(source.warnings) == (why is not None)
    if why is not None:
        with pytest.raises(AssertionError, match=f"took '{name}', as the.*{why}"):
            raise AssertionError(source.warnings[0])


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8", "int32"])
@pytest.mark.parametrize("shape", [("n", 3, 8, 8), ("n", 8, 8, 3), (1, 8, 8, 3)])
def test_every_type_and_layout_gets_the_same_picture(
    dtype: str, shape: tuple[Any, ...], tmp_path: Path
) -> None:
    pixels = noise(8, 8)
    save(tmp_path / "a.png", pixels)
    found = rows(tmp_path, shape, dtype, preset="raw")
    assert found.dtype == dtype
    upright = found[0] if shape[-1] == 3 else found[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(upright, pixels)


def test_a_float16_copy_of_a_network_has_the_same_data(folder: Path) -> None:
    given = []
    for dtype in ("float32", "float16"):
        (batch,) = open_source(str(folder), [hint("x", RGB, dtype)]).batches(9)
        given.append({**batch.feeds, **batch.given}["x"])
    np.testing.assert_array_equal(given[0], given[1])


def test_the_user_says_the_size_that_the_model_leaves_open(folder: Path) -> None:
    assert rows(folder, ("n", 3, "h", "w"), image_size="6").shape == (6, 3, 6, 6)
    assert rows(folder, ("n", 3, "h", "w"), image_size="6x9").shape == (6, 3, 6, 9)
    with pytest.raises(DataError, match=r"in height: the model takes 8, --image-size is 6"):
        rows(folder, RGB, image_size="6")
    with pytest.raises(OptionError, match="found the image size '0'"):
        Feeding(image_size="0")


def test_a_bad_picture_is_one_row(folder: Path) -> None:
    (folder / "cat" / "b.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableRowsError, match=r"b\.png: found no picture.*--on-error skip"):
        rows(folder, RGB)
    source = open_source(str(folder), [hint("x", RGB)], feeding=Feeding(on_error="skip"))
    assert len(read(source)) == 6
    assert list(source.skipped) == [1]


def test_one_picture_is_no_folder(folder: Path) -> None:
    with pytest.raises(DataError, match=r"found one picture; give the folder .*: --data .*cat$"):
        rows(folder / "cat" / "a.png", RGB)


def test_classes_are_told_only_where_every_picture_has_one(folder: Path) -> None:
    save(folder / "stray.png", noise(8, 8))
    assert open_source(str(folder), [hint("x", RGB)]).labels is None
    with pytest.raises(DataError, match="--label"):
        rows(folder, RGB, label="dog")


def test_a_pattern_tells_classes_in_the_place_of_folders(folder: Path) -> None:
    said = Feeding(label_pattern=r"([a-z])\.png$|10")
    with pytest.raises(DataError, match=r"--label-pattern .* not found in 'dog/10\.png'"):
        open_source(str(folder), [hint("x", RGB)], feeding=said)
    said = Feeding(label_pattern=r"([a-z]|10)\.png$")
    labels = open_source(str(folder), [hint("x", RGB)], feeding=said).labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == ["a", "c", "z", "10", "a", "b"]


def test_links_are_followed_and_circles_and_hidden_files_are_not(
    tmp_path: Path, folder: Path
) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    save(outside / "far.png", noise(8, 8))
    save(folder / ".trash" / "x.png", noise(8, 8))
    save(folder / "dog" / "._a.png", noise(8, 8))
    (folder / "elk").symlink_to(outside, target_is_directory=True)
    (folder / "dog" / "round").symlink_to(folder, target_is_directory=True)
    names = [f.relative_to(folder).as_posix() for f in image_files(folder)]
    assert len(names) == 7
    assert "elk/far.png" in names


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_folder_with_one_picture_is_a_folder_of_pictures(suffix: str, tmp_path: Path) -> None:
    assert not is_image_folder(str(tmp_path))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"b{suffix.upper()}").touch()
    assert is_image_folder(str(tmp_path))


def test_without_pillow_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *more: Any, **options: Any) -> Any:
        if name.startswith("PIL"):
            raise ImportError(name)
        return load(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"onnx-affscore\[images\]"):
        open_source(str(folder), [hint("x", RGB)])


@pytest.mark.parametrize(
    "said", [{"preset": "unit"}, {"image_size": "8"}, {"channels": "bgr"}], ids=str
)
def test_what_is_said_of_images_wants_some(said: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="is for images, and arrays is none; leave it out"):
        open_source(np.zeros((2, 3, 8, 8), np.float32), [hint("x", RGB)], feeding=Feeding(**said))

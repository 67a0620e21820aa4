"""The digits as picture files in class folders: read by --data, the networks tell as many right."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

from onnx_affscore import signature
from onnx_affscore.data import open_source
from onnx_affscore.feeding import Feeding
from onnx_affscore.graph.hints import input_hints
from onnx_affscore.protocols import DataSource
from tests.zoo.test_zoo import MODELS, ZOO, rows_of_test

# The digits have 17 levels, 0 to 16: as multiples of 15 they come back over 240 to the last bit.
STEP = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test digits as 8x8 grey PNG files, a folder a class, and how they are to be read."""
    root = tmp_path_factory.mktemp("digits")
    levels = np.round(rows_of_test("image")[:, 0] * 16).astype(np.uint8)
    for number, (digit, label) in enumerate(zip(levels, rows_of_test("label"), strict=True)):
        file = root / "pictures" / str(label) / f"{number:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digit * STEP).save(file)
    settings = {"do_resize": False, "do_normalize": False, "rescale_factor": 1 / (16 * STEP)}
    (root / "preprocessor_config.json").write_text(json.dumps(settings))
    return root


def opened(name: str, folder: Path, preset: str) -> DataSource:
    hints = input_hints(onnx.load(MODELS / ZOO[name]["file"]))
    return open_source(str(folder / "pictures"), hints, feeding=Feeding(preset=preset))


def accuracy(name: str, source: DataSource) -> float:
    session = ort.InferenceSession(MODELS / ZOO[name]["file"], providers=["CPUExecutionProvider"])
    assert source.labels is not None
    assert source.labels.names == tuple("0123456789")
    right = 0
    for batch in source.batches(256):
        (output,) = session.run([ZOO[name]["output"]], dict(batch.feeds))
        right += int((np.asarray(output).argmax(axis=1) == source.labels.codes[batch.rows]).sum())
    assert source.count is not None
    return right / source.count


@pytest.mark.parametrize("name", ZOO)
def test_accuracy_on_picture_files_is_that_of_the_manifest(name: str, folder: Path) -> None:
    source = opened(name, folder, str(folder / "preprocessor_config.json"))
    half = 1 / (2 * len(rows_of_test("label")))
    assert accuracy(name, source) == pytest.approx(ZOO[name]["accuracy"], abs=half)


@pytest.mark.parametrize("name", ["keras_cnn", "sklearn_mlp", "torch_vit"])  # the three layouts
def test_white_for_full_ink_rounds_to_bytes_and_costs_no_digit(
    name: str, folder: Path, tmp_path: Path
) -> None:
    levels = np.arange(17) / 16
    for file in (folder / "pictures").glob("*/*.png"):
        white = np.rint(levels * 255).astype(np.uint8)[np.asarray(Image.open(file)) // STEP]
        (tmp_path / "pictures" / file.parent.name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(white).save(tmp_path / "pictures" / file.parent.name / file.name)
    exact = opened(name, folder, str(folder / "preprocessor_config.json"))
    rounded = opened(name, tmp_path, "unit")
    off = max(
        np.abs(a - b).max()
        for one, other in zip(exact.batches(256), rounded.batches(256), strict=True)
        for a, b in zip(one.feeds.values(), other.feeds.values(), strict=True)
    )
    assert 0 < off <= 0.5 / 255 + 2**-24  # half a byte, and a rounding of float32
    assert accuracy(name, rounded) == accuracy(name, exact)


def test_on_other_numbers_a_network_is_no_longer_itself(folder: Path) -> None:
    assert accuracy("torch_resnet", opened("torch_resnet", folder, "raw")) < 0.5


def test_data_and_scores_are_those_of_the_array_and_folders_are_classes(folder: Path) -> None:
    preset = str(folder / "preprocessor_config.json")
    model = MODELS / ZOO["sklearn_mlp"]["file"]
    found = signature(model, str(folder / "pictures"), preset=preset, by="label", details=False)
    order = np.argsort(rows_of_test("label"), kind="stable")  # folders go by their names
    same = signature(model, rows_of_test(ZOO["sklearn_mlp"]["input"])[order], details=False)
    assert found.data["sha256"] == same.data["sha256"]
    np.testing.assert_array_equal(found.values, same.values)
    assert found.groups is not None
    assert found.groups.names == tuple("0123456789")

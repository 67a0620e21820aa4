"""Every file of models/ is the one its manifest describes, and does what it says there."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

MODELS = Path(__file__).parents[2] / "models"
MANIFEST: dict[str, Any] = tomllib.loads((MODELS / "manifest.toml").read_text("utf-8"))
ZOO: dict[str, dict[str, Any]] = MANIFEST["models"]
TEST = 1  # the mark of test images in `split`
LEAST_ACCURACY = 0.95
# Kernels for other batch sizes add float32 in another order: a few hundred roundings of
# logits below 100, 100 * 2**-24 * 2**4 in round figures.
TOLERANCE = 1e-4

every_model = pytest.mark.parametrize("name", ZOO)


def test_every_model_file_is_in_the_manifest() -> None:
    assert {file.name for file in MODELS.glob("*.onnx")} == {m["file"] for m in ZOO.values()}


@pytest.mark.parametrize("table", [MANIFEST["data"], *ZOO.values()], ids=lambda t: t["file"])
def test_a_file_has_the_hash_of_the_manifest(table: dict[str, Any]) -> None:
    assert hashlib.sha256((MODELS / table["file"]).read_bytes()).hexdigest() == table["sha256"]


@every_model
def test_the_script_is_there(name: str) -> None:
    assert (MODELS.parent / ZOO[name]["script"]).is_file()


@every_model
def test_the_readme_gives_the_accuracy_and_opset_of_the_manifest(name: str) -> None:
    readme = (MODELS / "README.md").read_text("utf-8")
    (row,) = [line for line in readme.splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {ZOO[name]['opset']} | {ZOO[name]['accuracy']:.1%} |")


@every_model
def test_accuracy_on_the_test_images_is_that_of_the_manifest(name: str) -> None:
    label = rows_of_test("label")
    accuracy = float(np.mean(_run(name).argmax(axis=1) == label))
    assert accuracy == pytest.approx(ZOO[name]["accuracy"], abs=1 / (2 * len(label)))
    assert accuracy >= LEAST_ACCURACY


@every_model
@pytest.mark.parametrize("rows", [1, 3, 64])
def test_a_small_batch_agrees_with_a_large_one(name: str, rows: int) -> None:
    whole = _run(name)
    np.testing.assert_allclose(_run(name, rows), whole[:rows], rtol=0, atol=TOLERANCE)
    # The tolerance has teeth: the next image's outputs are outside it.
    assert np.abs(whole[0] - whole[1]).max() > 10 * TOLERANCE


def rows_of_test(array: str) -> NDArray[Any]:
    with np.load(MODELS / MANIFEST["data"]["file"], allow_pickle=False) as data:
        rows: NDArray[Any] = data[array][data["split"] == TEST]
        return rows


def _run(name: str, rows: int | None = None) -> NDArray[np.float32]:
    model = ZOO[name]
    session = ort.InferenceSession(MODELS / model["file"], providers=["CPUExecutionProvider"])
    x = rows_of_test(model["input"])[:rows]
    (output,) = session.run([model["output"]], {model["input"]: x})
    return np.asarray(output, dtype=np.float32)

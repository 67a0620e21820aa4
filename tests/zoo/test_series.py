"""The series of one network, seeds and checkpoints: each file is the one its manifest describes."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from onnx_affscore.api import sites

MODELS = Path(__file__).parents[2] / "models"
SERIES = ("seeds", "checkpoints")
MANIFESTS: dict[str, dict[str, Any]] = {
    name: tomllib.loads((MODELS / name / "manifest.toml").read_text("utf-8"))["models"]
    for name in SERIES
}
MOST_BYTES = 300_000  # of both together: they travel with every clone

every_model = pytest.mark.parametrize(
    ("folder", "entry"),
    [(MODELS / name, entry) for name, models in MANIFESTS.items() for entry in models.values()],
    ids=lambda value: value["file"] if isinstance(value, dict) else value.name,
)


@pytest.mark.parametrize("name", SERIES)
def test_every_file_of_a_series_is_in_its_manifest(name: str) -> None:
    listed = {entry["file"] for entry in MANIFESTS[name].values()}
    assert {file.name for file in (MODELS / name).glob("*.onnx")} == listed


def test_the_series_are_small() -> None:
    files = [file for name in SERIES for file in (MODELS / name).iterdir()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@every_model
def test_a_file_of_a_series_is_what_its_manifest_says(folder: Path, entry: dict[str, Any]) -> None:
    file = folder / entry["file"]
    assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
    assert (MODELS.parent / entry["script"]).is_file()
    found = [(site.activation, site.role.value) for site in sites(file)[0]]
    assert found == [(site["activation"], site["role"]) for site in entry["expected_sites"]]


@every_model
def test_a_network_of_a_series_is_as_accurate_as_its_manifest_says(
    folder: Path, entry: dict[str, Any]
) -> None:
    with np.load(MODELS / "digits.npz", allow_pickle=False) as data:
        rows = data["split"] == 1
        x, label = data[entry["input"]][rows], data["label"][rows]
    session = ort.InferenceSession(folder / entry["file"], providers=["CPUExecutionProvider"])
    (output,) = session.run([entry["output"]], {entry["input"]: x})
    accuracy = float(np.mean(np.asarray(output).argmax(axis=1) == label))
    assert accuracy == pytest.approx(entry["accuracy"], abs=1 / (2 * len(label)))


def test_training_goes_somewhere_and_seeds_give_other_networks() -> None:
    accuracies = [entry["accuracy"] for entry in MANIFESTS["checkpoints"].values()]
    assert accuracies == sorted(accuracies)
    assert accuracies[0] < 0.5
    assert accuracies[-1] > 0.95
    assert len({entry["sha256"] for entry in MANIFESTS["seeds"].values()}) == 5

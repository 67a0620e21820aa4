"""The same network gives the same sites after an optimiser, a renaming, a re-export."""

import tomllib
from pathlib import Path

import onnx
import onnxruntime as ort
import pytest

from onnx_affscore.api import sites
from onnx_affscore.records import ActivationSite

MODELS = Path(__file__).parents[2] / "models"
ZOO = tomllib.loads((MODELS / "manifest.toml").read_text())["models"]
LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
}


def _kinds(path: Path) -> list[tuple[str, str]]:
    return [(s.activation, str(s.role)) for s in sites(path)[0]]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ZOO)
def test_onnx_runtimes_optimiser_changes_no_site(name: str, level: str, tmp_path: Path) -> None:
    path = MODELS / ZOO[name]["file"]
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert _kinds(tmp_path / "optimised.onnx") == _kinds(path)


@pytest.mark.parametrize("name", [n for n in ZOO if n.startswith(("torch", "keras"))])
def test_names_survive_a_renaming_of_tensors(name: str, tmp_path: Path) -> None:
    path = MODELS / ZOO[name]["file"]
    model = onnx.load(path)
    keep = {p.name for p in (*model.graph.input, *model.graph.output)}

    numbers: dict[str, int] = {}

    def renamed(tensor: str) -> str:
        if not tensor or tensor in keep:
            return tensor
        return f"renamed_{numbers.setdefault(tensor, len(numbers))}"

    for node in model.graph.node:
        node.input[:] = [renamed(t) for t in node.input]
        node.output[:] = [renamed(t) for t in node.output]
    for tensor in model.graph.initializer:
        tensor.name = renamed(tensor.name)
    for value in model.graph.value_info:
        value.name = renamed(value.name)
    onnx.save(model, tmp_path / "renamed.onnx")

    def names(found: tuple[ActivationSite, ...]) -> list[str]:
        return [s.name for s in found]

    assert names(sites(tmp_path / "renamed.onnx")[0]) == names(sites(path)[0])

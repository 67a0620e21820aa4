"""What changes nothing in a network fires no drift: renamed tensors, an optimiser, an export."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import onnx_affscore
from onnx_affscore import Signature
from onnx_affscore.audit.baseline import held_against
from tests.audit.makers import audited, codes

MODELS = Path(__file__).parent.parent.parent / "models"
DIGITS = str(MODELS / "digits.npz")
NAMES = ("sklearn_mlp", "torch_alexnet", "jax_cnn")
ROUNDING = 1e-5  # what float32 may do; 2e-6 was seen over the zoo, every weight rounded


def scored(model: Path) -> Signature:
    return onnx_affscore.signature(model, [DIGITS], samples=300, verify=False)


@pytest.fixture(scope="module", params=NAMES)
def original(request: pytest.FixtureRequest) -> tuple[Path, Signature]:
    path = MODELS / f"{request.param}.onnx"
    return path, scored(path)


def renamed(path: Path, target: Path) -> Path:
    """The same model, with every node and inner tensor under a name that tells nothing."""
    model = onnx.load(path)
    graph = model.graph
    kept = {x.name for x in (*graph.input, *graph.output)}
    inner = {name for node in graph.node for name in (*node.input, *node.output)} - kept - {""}
    names = {name: f"v{i}" for i, name in enumerate(sorted(inner))}
    for i, node in enumerate(graph.node):
        node.name = f"n{i}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        del node.metadata_props[:]
    for tensor in graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for info in graph.value_info:
        info.name = names.get(info.name, info.name)
    onnx.save(model, target)
    return target


def optimised(path: Path, target: Path) -> Path:
    """What ONNX Runtime makes of it: constants folded, batch normalisations merged."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return target


def rounded(path: Path, target: Path) -> Path:
    """The same weights, each rounded to a neighbouring float32 as another exporter might."""
    model = onnx.load(path)
    random = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = onnx.numpy_helper.to_array(tensor)
            towards = np.where(random.random(values.shape) < 0.5, -np.inf, np.inf)
            moved = np.nextafter(values, towards.astype(np.float32))
            tensor.CopyFrom(onnx.numpy_helper.from_array(moved, tensor.name))
    onnx.save(model, target)
    return target


def noisy(path: Path, target: Path, *, by: float) -> Path:
    """The network with noise on its largest weights: another one."""
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda t: np.prod(t.dims))
    values = onnx.numpy_helper.to_array(tensor)
    noise = np.random.default_rng(0).normal(size=values.shape).astype(values.dtype)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values + by * values.std() * noise, tensor.name))
    onnx.save(model, target)
    return target


@pytest.mark.parametrize("change", [renamed, optimised, rounded], ids=lambda f: f.__name__)
def test_a_harmless_change_fires_nothing_and_moves_scores_by_rounding(
    change: object, original: tuple[Path, Signature], tmp_path: Path
) -> None:
    path, base = original
    assert callable(change)
    found = scored(change(path, tmp_path / "changed.onnx"))
    report = audited(None, found, base=base)
    fresh = audited(None, base, base=base)
    assert codes(report) == codes(fresh)
    moved = [p.drift.difference for p in held_against(found, base).pairs if p.drift is not None]
    assert len(moved) == sum(site.affinity is not None for site in base.sites)
    assert np.abs(moved).max() < ROUNDING


def test_noise_on_one_weight_matrix_is_a_drift(
    original: tuple[Path, Signature], tmp_path: Path
) -> None:
    path, base = original
    report = audited(None, scored(noisy(path, tmp_path / "noisy.onnx", by=1.0)), base=base)
    assert "AFF101" in codes(report)

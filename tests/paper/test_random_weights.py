"""An untrained copy of a network: the same graph with weights of He's variance."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from onnx_affscore.paper.random_weights import write_untrained

MODELS = Path(__file__).parents[2] / "models"


def tensors(file: Path) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in onnx.load(file).graph.initializer}


@pytest.mark.parametrize("name", ["torch_vgg", "sklearn_mlp", "torch_densenet", "torch_vit"])
def test_the_graph_stays_and_the_weights_do_not(name: str, tmp_path: Path) -> None:
    source, target = MODELS / f"{name}.onnx", tmp_path / "random.onnx"
    drawn = write_untrained(source, target, seed=0)
    before, after = onnx.load(source), onnx.load(target)
    assert list(before.graph.node) == list(after.graph.node)
    onnx.checker.check_model(after, full_check=True)
    old, new = tensors(source), tensors(target)
    assert {n: (t.shape, t.dtype) for n, t in old.items()} == {
        n: (t.shape, t.dtype) for n, t in new.items()
    }
    assert 0 < drawn < len(old)
    assert source.read_bytes() != target.read_bytes()


def test_weights_have_the_variance_of_he(tmp_path: Path) -> None:
    target = tmp_path / "random.onnx"
    write_untrained(MODELS / "torch_vgg.onnx", target, seed=1)
    new = tensors(target)
    graph = onnx.load(target).graph
    convolutions = [new[node.input[1]] for node in graph.node if node.op_type == "Conv"]
    scaled = np.concatenate([w.ravel() * np.sqrt(np.prod(w.shape[1:]) / 2.0) for w in convolutions])
    # Tens of thousands of unit normals: the deviation is known to 1 %.
    assert float(scaled.std()) == pytest.approx(1.0, abs=0.03)
    biases = [new[node.input[2]] for node in graph.node if node.op_type == "Conv"]
    assert all(not bias.any() for bias in biases)


def test_batch_norm_is_what_it_is_before_training(tmp_path: Path) -> None:
    target = tmp_path / "random.onnx"
    write_untrained(MODELS / "torch_densenet.onnx", target, seed=0)
    new = tensors(target)
    norms = [n for n in onnx.load(target).graph.node if n.op_type == "BatchNormalization"]
    assert norms
    for node in norms:
        scale, bias, mean, variance = (new[name] for name in node.input[1:5])
        assert np.all(scale == 1)
        assert np.all(variance == 1)
        assert not bias.any()
        assert not mean.any()


def test_a_seed_decides_the_weights(tmp_path: Path) -> None:
    one, two, other = (tmp_path / f"{n}.onnx" for n in "abc")
    for target, seed in ((one, 0), (two, 0), (other, 1)):
        write_untrained(MODELS / "sklearn_mlp.onnx", target, seed=seed)
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != other.read_bytes()

"""The variants of tools/variants: harmless ones compute the same, the others are what they say."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from onnx_affscore.records import Array
from tools.variants.__main__ import VARIANTS
from tools.variants.precision import int8
from tools.variants.weights import layers, pruned, redrawn

MODELS = Path(__file__).parent.parent / "models"
MODEL = onnx.load(MODELS / "torch_mobilenetv3.onnx")
IMAGES: Array = np.load(MODELS / "digits.npz")["image"]
LABELS: Array = np.load(MODELS / "digits.npz")["label"]
UNQUIET = pytest.mark.filterwarnings("ignore")  # of onnxruntime's tools, in their own code


def outputs(model: onnx.ModelProto, rows: Array) -> Array:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    dtype = np.float16 if given.type == "tensor(float16)" else np.float32
    found: Array = session.run(None, {given.name: rows.astype(dtype)})[0]
    return found.astype(np.float64)


def accuracy(model: onnx.ModelProto) -> float:
    return float(np.mean(outputs(model, IMAGES).argmax(axis=1) == LABELS))


def initialisers(model: onnx.ModelProto) -> dict[str, Array]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


@UNQUIET
@pytest.mark.parametrize("name", VARIANTS)
def test_only_harmless_variants_compute_the_same(name: str) -> None:
    before = MODEL.SerializeToString()
    made = VARIANTS[name].make(MODEL, IMAGES)
    assert MODEL.SerializeToString() == before
    plain, found = outputs(MODEL, IMAGES[:64]), outputs(made, IMAGES[:64])
    # float32 sums in another order; the variants with other numbers are 30 times as far at least
    close = np.allclose(found, plain, rtol=0, atol=2e-5 * np.abs(plain).max())
    assert close == VARIANTS[name].same


def test_a_renamed_network_has_no_name_in_common_but_those_of_inputs_and_outputs() -> None:
    def names(model: onnx.ModelProto) -> set[str]:
        nodes = model.graph.node
        return {n.name for n in nodes} | {o for n in nodes for o in (*n.input, *n.output)} - {""}

    made = VARIANTS["renamed"].make(MODEL, IMAGES)
    assert names(made) & names(MODEL) == {"image", "logits"}
    assert [n.op_type for n in made.graph.node] == [n.op_type for n in MODEL.graph.node]


@UNQUIET
def test_int8_well_done_keeps_the_accuracy_and_badly_done_loses_it() -> None:
    small = onnx.load(MODELS / "torch_alexnet.onnx")
    good = int8(small, IMAGES)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {n.op_type for n in good.graph.node}
    plain = accuracy(small)
    assert accuracy(good) > plain - 0.01
    bad = int8(small, IMAGES[:32], per_channel=False, clipped=90.0)
    assert accuracy(bad) < plain - 0.05


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_pruning_zeroes_the_smallest_weights_of_the_layer_and_no_other(share: float) -> None:
    chosen = layers(MODEL)[3]
    old, new = initialisers(MODEL), initialisers(pruned(MODEL, share, only=[chosen]))
    zero = new[chosen] == 0
    assert zero.mean() == pytest.approx(share, abs=1 / zero.size)
    assert np.abs(old[chosen][zero]).max() <= np.abs(old[chosen][~zero]).min()
    assert np.array_equal(old[chosen][~zero], new[chosen][~zero])
    assert all(np.array_equal(old[name], new[name]) for name in old if name != chosen)


def test_weights_drawn_anew_keep_their_spread_and_depend_on_the_seed() -> None:
    chosen = max(layers(MODEL), key=lambda name: initialisers(MODEL)[name].size)
    old = initialisers(MODEL)[chosen]
    one, same, other = (
        initialisers(redrawn(MODEL, only=[chosen], seed=seed))[chosen] for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    # standard error of a standard deviation of some thousand weights: 1 % and less
    assert one.std() == pytest.approx(old.std(), rel=0.05)
    assert abs(np.corrcoef(one.ravel(), old.ravel())[0, 1]) < 0.1

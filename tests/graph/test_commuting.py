"""Means taken elsewhere equal means taken where the tensor stands, on ONNX Runtime."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onnx_affscore.gather import ALLOWED_ROUNDINGS, Gathered, gather
from onnx_affscore.graph import commuting
from onnx_affscore.graph.commuting_rules import RULES
from onnx_affscore.graph.lean import Lean, plan_lean
from onnx_affscore.graph.tapping import FEATURES, SQUARE
from onnx_affscore.measurement import Measurement
from onnx_affscore.options import Options
from onnx_affscore.passes import Passes
from onnx_affscore.records import Array
from onnx_affscore.witness import Witness
from tests.builder import Builder

SAMPLES = 7
EPS = 2.0**-23
# Sums of up to some thousand products in another order; a wrong border is off by a per cent.
ROUNDINGS = 64


def weights(*shape: int, seed: int = 0) -> Array:
    return np.asarray(np.random.default_rng(seed).normal(size=shape))


def images(channels: int, *sizes: int) -> Array:
    return weights(SAMPLES, channels, *sizes, seed=5).astype(np.float32) + np.float32(0.5)


def planned(path: Path) -> tuple[Measurement, Any, Any, Any, Lean]:
    m = Measurement(path, Options(device="cpu"))
    located = m.located()
    source, probed = m.probe(m.source(DATA[path.stem]), located)
    resolved = m.resolved(located, source, probed)
    return (
        m,
        located,
        source,
        resolved,
        plan_lean(m.prepared, resolved.sites, resolved.layouts, pool="mean"),
    )


DATA: dict[str, Array] = {}


@pytest.fixture
def nodes_are_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """On planes as small as here no other way is worth a node."""
    monkeypatch.setattr(commuting, "_COST_OF_A_NODE", 0)


def check(g: Builder, x: Array, folder: Path, *, elsewhere: int) -> Lean:
    """Run lean and straightforward taps and compare the features of every tensor."""
    path = g.save(folder / "model.onnx")
    DATA[path.stem] = x
    m, located, source, resolved, lean = planned(path)
    straight, thin = (
        Passes(m, source)
        .run("x", m.instrumented(located, resolved, way), resolved.layouts, size=3)
        .store
        for way in (None, lean)
    )
    assert len(lean.ways) == elsewhere
    for name in resolved.layouts:
        wanted = straight.rows((name, FEATURES))
        size = float(np.sqrt(straight.rows((name, SQUARE)).mean()))
        limit = ROUNDINGS * EPS * size
        np.testing.assert_allclose(thin.rows((name, FEATURES)), wanted, rtol=0, atol=limit)
        assert np.abs(wanted * (1 + 1e-3) - wanted).max() > limit
    return lean


CONVOLUTIONS: dict[str, tuple[dict[str, Any], tuple[int, ...], tuple[int, ...]]] = {
    "pointwise": ({}, (12, 8, 1, 1), (9, 10)),
    "same": ({"pads": [1, 1, 1, 1]}, (12, 8, 3, 3), (9, 10)),
    "valid": ({}, (12, 8, 3, 2), (9, 10)),
    "lopsided padding": ({"pads": [0, 2, 1, 0]}, (12, 8, 3, 3), (9, 10)),
    "more padding than kernel": ({"pads": [3, 3, 3, 3]}, (12, 8, 3, 3), (9, 10)),
    "5 x 5": ({"pads": [2, 2, 2, 2]}, (12, 8, 5, 5), (9, 10)),
    "7 x 1": ({"pads": [3, 0, 3, 0]}, (12, 8, 7, 1), (9, 10)),
    "dilated": ({"pads": [2, 2, 2, 2], "dilations": [2, 2]}, (12, 8, 3, 3), (9, 10)),
    "grouped": ({"pads": [1, 1, 1, 1], "group": 4}, (12, 2, 3, 3), (9, 10)),
    "depthwise": ({"pads": [1, 1, 1, 1], "group": 8}, (8, 1, 3, 3), (9, 10)),
    "depthwise, two each": ({"pads": [1, 1, 1, 1], "group": 8}, (16, 1, 3, 3), (9, 10)),
    "same upper": ({"auto_pad": "SAME_UPPER"}, (12, 8, 4, 2), (9, 10)),
    "same lower": ({"auto_pad": "SAME_LOWER"}, (12, 8, 4, 2), (9, 10)),
    "automatic valid": ({"auto_pad": "VALID"}, (12, 8, 3, 3), (9, 10)),
    "depthwise, stride 2": (
        {"pads": [1, 1, 1, 1], "group": 8, "strides": [2, 2]},
        (8, 1, 3, 3),
        (9, 10),
    ),
    "depthwise, stride 2, same lower": (
        {"auto_pad": "SAME_LOWER", "group": 8, "strides": [2, 2]},
        (8, 1, 3, 3),
        (9, 10),
    ),
    "one axis": ({"pads": [1, 1]}, (12, 8, 3), (20,)),
    "three axes": ({"pads": [1, 0, 1, 1, 0, 1]}, (12, 8, 3, 2, 3), (5, 6, 4)),
    "kernel as large as the plane": ({"pads": [1, 1, 1, 1]}, (12, 8, 3, 3), (3, 3)),
}


@pytest.mark.usefixtures("nodes_are_free")
@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_means_behind_convolutions_come_from_windows_of_their_input(
    case: str, bias: bool, tmp_path: Path
) -> None:
    attributes, shape, sizes = CONVOLUTIONS[case]
    g = Builder()
    channels = shape[1] * attributes.get("group", 1)
    first = g.op(
        "Relu",
        g.op(
            "Conv", g.input(["n", 8, *sizes]), g.tensor(weights(channels, 8, *(1 for _ in sizes)))
        ),
    )
    operands = [g.tensor(weights(*shape, seed=1))]
    if bias:
        operands.append(g.tensor(weights(shape[0], seed=2)))
    second = g.op("Relu", g.op("Conv", first, *operands, **attributes))
    g.output(g.op("GlobalAveragePool", second), ["n", shape[0], *(1 for _ in sizes)])
    check(g, images(8, *sizes), tmp_path, elsewhere=2)


@pytest.mark.usefixtures("nodes_are_free")
@pytest.mark.parametrize(
    "attributes",
    [
        {"strides": [2, 2], "pads": [1, 1, 1, 1]},
        {"strides": [3, 2], "pads": [0, 2, 1, 0], "dilations": [1, 2]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER", "group": 4},
    ],
)
def test_means_behind_the_first_convolution_are_products_with_the_input(
    attributes: dict[str, Any], tmp_path: Path
) -> None:
    g = Builder()
    weight = g.tensor(weights(64, 8 // attributes.get("group", 1), 3, 3))
    first = g.op("Conv", g.input(["n", 8, 19, 20]), weight, g.tensor(weights(64)), **attributes)
    g.output(g.op("Flatten", g.op("Relu", first)), ["n", None])
    lean = check(g, images(8, 19, 20), tmp_path, elsewhere=1)
    ((source,),) = (way.sources for way in lean.ways.values())
    assert source.visits is not None


Change = Callable[[Builder, str, str], str]
BETWEEN: dict[str, Change] = {
    "Add": lambda g, x, skip: g.op("Add", x, skip),
    "Add a bias": lambda g, x, _: g.op("Add", g.tensor(weights(1, 12, 1, 1)), x),
    "BatchNormalization": lambda g, x, _: g.op(
        "BatchNormalization",
        x,
        *(g.tensor(np.abs(weights(12, seed=s)) + 0.5) for s in range(4)),
        epsilon=0.01,
    ),
    "Concat": lambda g, x, skip: g.op("Concat", x, skip, axis=1),
    "Conv": lambda g, x, _: g.op("Conv", x, g.tensor(weights(12, 12, 1, 1, seed=3))),
    "Div": lambda g, x, _: g.op("Div", x, g.tensor(np.abs(weights(1, 12, 1, 1)) + 0.5)),
    "Dropout": lambda g, x, _: g.op("Dropout", x),
    "GlobalAveragePool": lambda g, _, skip: g.op("GlobalAveragePool", skip),
    "Identity": lambda g, x, _: g.op("Identity", x),
    "Mul": lambda g, x, _: g.op("Mul", g.tensor(weights(12, 1, 1)), x),
    "Mul by a gate": lambda g, x, skip: g.op(
        "Mul", x, g.op("Sigmoid", g.op("GlobalAveragePool", skip))
    ),
    "Sub": lambda g, x, skip: g.op("Sub", skip, x),
    "Sub from a constant": lambda g, x, _: g.op("Sub", g.tensor(weights(12, 1, 1)), x),
    "Sum": lambda g, x, skip: g.op("Sum", x, skip, g.op("Identity", skip)),
}


@pytest.mark.usefixtures("nodes_are_free")
@pytest.mark.parametrize("operator", BETWEEN)
def test_means_pass_operators_that_commute(operator: str, tmp_path: Path) -> None:
    g = Builder()
    first = g.op("Relu", g.op("Conv", g.input(["n", 8, 9, 10]), g.tensor(weights(12, 8, 1, 1))))
    way = g.op("Conv", first, g.tensor(weights(12, 12, 3, 3, seed=1)), pads=[1, 1, 1, 1])
    last = g.op("Relu", BETWEEN[operator](g, way, first))
    g.output(g.op("GlobalAveragePool", last), ["n", None, 1, 1])
    check(g, images(8, 9, 10), tmp_path, elsewhere=3 if "gate" in operator else 2)


@pytest.mark.usefixtures("nodes_are_free")
def test_means_over_tokens_pass_matrix_products(tmp_path: Path) -> None:
    g = Builder()
    norm = g.op(
        "LayerNormalization", g.input(["n", 9, 8]), g.tensor(weights(8)), g.tensor(weights(8))
    )
    before = g.op("Add", g.tensor(weights(24, seed=2)), g.dense(norm, 8, 24))
    g.output(g.dense(g.op("Tanh", before), 24, 2), ["n", 9, 2])
    lean = check(g, weights(SAMPLES, 9, 8).astype(np.float32), tmp_path, elsewhere=1)
    assert {s.tensor for way in lean.ways.values() for s in way.sources} == {norm}


def test_every_rule_is_tried() -> None:
    assert set(RULES) - {"MatMul"} == {name.split()[0] for name in BETWEEN}


def strided(g: Builder, x: str) -> str:
    inner = g.op("MaxPool", x, kernel_shape=[1, 1])
    return g.op("Conv", inner, g.tensor(weights(12, 8, 3, 3)), strides=[2, 2])


def trained(g: Builder, x: str) -> str:
    return g.op("Dropout", x, g.tensor(0.5), g.tensor(True, "bool"))


def by_position(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.tensor(weights(1, 1, 9, 10)))


def across(g: Builder, x: str) -> str:
    return g.op("Concat", x, x, axis=2)


@pytest.mark.parametrize("operator", [strided, trained, by_position, across])
def test_what_does_not_commute_is_pooled_where_it_stands(
    operator: Callable[[Builder, str], str], tmp_path: Path
) -> None:
    g = Builder()
    g.output(g.op("Relu", operator(g, g.input(["n", 8, 9, 10]))), ["n", None, None, None])
    path = g.save(tmp_path / "model.onnx")
    DATA[path.stem] = images(8, 9, 10)
    assert not planned(path)[-1].ways


def test_a_tensor_that_is_there_anyway_is_pooled_rather_than_a_larger_one(tmp_path: Path) -> None:
    g = Builder()
    wide = g.op("LayerNormalization", g.input(["n", 9, 80]), g.tensor(weights(80)))
    narrow = g.dense(wide, 80, 4)
    g.output(g.op("Add", g.op("Relu", narrow), narrow), ["n", 9, 4])
    path = g.save(tmp_path / "model.onnx")
    DATA[path.stem] = weights(SAMPLES, 9, 80).astype(np.float32)
    assert not planned(path)[-1].ways


@pytest.mark.usefixtures("nodes_are_free")
def test_a_mean_that_is_wrong_is_noticed_and_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = Builder()
    first = g.op("Relu", g.op("Conv", g.input(["n", 8, 9, 10]), g.tensor(weights(12, 8, 1, 1))))
    second = g.op("Conv", first, g.tensor(weights(12, 12, 3, 3, seed=1)), pads=[1, 1, 1, 1])
    g.output(g.op("GlobalAveragePool", g.op("Relu", second)), ["n", 12, 1, 1])
    path = g.save(tmp_path / "model.onnx")
    DATA[path.stem] = np.concatenate([images(8, 9, 10)] * 12)

    def gathered() -> tuple[Gathered, Any]:
        m, located, source, resolved, _ = planned(path)
        witness = Witness(m, source, None)
        return gather(m, source, located, resolved, size=16, witness=witness), resolved.sites[1]

    right, site = gathered()
    assert not right.warnings
    off = 1 + 100 * ALLOWED_ROUNDINGS * EPS
    rule = RULES["Conv"]

    def wrong(*arguments: Any) -> Any:
        way = rule(*arguments)
        return None if way is None else way.then(lambda rows: rows * off)

    monkeypatch.setitem(RULES, "Conv", wrong)
    mended, _ = gathered()
    assert "second pass" in mended.warnings[0]
    np.testing.assert_allclose(
        mended.paired(site).x.features, right.paired(site).x.features, rtol=1e-4, atol=1e-4
    )

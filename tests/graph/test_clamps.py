"""A ReLU that vanished into a zero point is found where it clips, and nowhere else."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from onnx_affscore.graph.clamps import ImplicitClamp, implicit_clamps
from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.opening import open_up
from onnx_affscore.graph.view import GraphView
from onnx_affscore.records import Array
from tests.builder import Builder
from tests.graph.opening_cases import MICROSOFT, model_of, run

ROWS = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)


def _clamps(builder: Builder) -> list[ImplicitClamp]:
    proto = builder.proto()
    view = GraphView(proto.graph, types=types_of(infer(proto)), folder=Path())
    return implicit_clamps(view)


def _pair(
    b: Builder, x: str, zero: Any = 0, dtype: str = "uint8", scale: Any = 0.02
) -> tuple[str, str]:
    """QuantizeLinear and DequantizeLinear; ``dtype`` empty leaves the zero point out."""
    operands = [b.tensor(np.float32(scale))] + ([b.tensor(np.array(zero), dtype)] if dtype else [])
    q = b.op("QuantizeLinear", x, *operands, node_name="quantiser")
    return q, b.op("DequantizeLinear", q, *operands)


def _linear(b: Builder) -> str:
    return b.dense(b.input(["n", 4]), 4, 4)


@pytest.mark.parametrize(
    ("dtype", "zero", "levels"),
    [("uint8", 0, 255), ("int8", -128, 255), ("uint16", 0, 65535), ("int16", -32768, 65535),
     ("", 0, 255)],
)  # fmt: skip
def test_a_zero_point_at_the_least_value_clips(dtype: str, zero: int, levels: int) -> None:
    b = Builder(opset=21, ir=10)
    x = _linear(b)
    _, y = _pair(b, x, zero, dtype)
    b.output(y, ["n", 4])
    (clamp,) = _clamps(b)
    assert (clamp.input, clamp.output, clamp.node, clamp.low) == (x, y, "quantiser", 0.0)
    assert clamp.high == pytest.approx(levels * 0.02)
    values = run(b.proto(), {"x": 40 * ROWS}, [x])
    error = np.abs(np.clip(values[x], clamp.low, clamp.high) - values[y])
    assert error.max() <= 0.011  # half a step
    assert values[x].min() < 0
    assert values[y].min() == 0


@pytest.mark.parametrize(("dtype", "zero"), [("uint8", 128), ("uint8", 1), ("int8", 0)])
def test_another_zero_point_does_not(dtype: str, zero: int) -> None:
    b = Builder()
    _, y = _pair(b, _linear(b), zero, dtype)
    b.output(y)
    assert _clamps(b) == []


@pytest.mark.parametrize("operator", ["Relu", "Sigmoid", "HardSwish", "Clip", "Softmax", "Reshape"])
def test_nor_where_an_operator_of_its_own_comes_first(operator: str) -> None:
    b = Builder()
    bounds = (0.0, 6.0) if operator == "Clip" else ()
    _, y = _pair(b, b.op(operator, _linear(b), *bounds))
    b.output(y)
    assert _clamps(b) == []


def test_nor_for_weights_and_inputs_and_unread_integers() -> None:
    b = Builder()
    x = b.input([4, 4])
    _pair(b, x)
    _, w = _pair(b, b.op("Add", b.tensor(np.ones((4, 4))), b.tensor(np.ones((4, 4)))))
    product = b.op("MatMul", x, w)
    b.op("QuantizeLinear", product, b.tensor(np.float32(0.02)), b.tensor(0, "uint8"))
    b.output(product)
    assert _clamps(b) == []


def test_a_sum_clips_unless_both_sides_are_never_negative() -> None:
    for zero, found in ((0, []), (100, ["residual"])):
        b = Builder()
        x = _linear(b)
        _, left = _pair(b, b.op("Relu", x))
        _, right = _pair(b, b.op("Neg", x), zero)
        residual = b.op("Add", left, right)
        scale, least = b.tensor(np.float32(0.1)), b.tensor(0, "uint8")
        q = b.op("QuantizeLinear", residual, scale, least, node_name="residual")
        b.output(b.op("DequantizeLinear", q, scale, least))
        assert [c.node for c in _clamps(b)] == found


def test_scales_that_differ_are_no_clip() -> None:
    b = Builder()
    zero = b.tensor(0, "uint8")
    q = b.op("QuantizeLinear", _linear(b), b.tensor(np.float32(0.1)), zero)
    b.output(b.op("DequantizeLinear", q, b.tensor(np.float32(0.2)), zero))
    assert _clamps(b) == []


def _integers(operator: str, zero: Array, *, sides: tuple[int, int] = (7, 9)) -> onnx.ModelProto:
    """x times or plus w, in integers; ``sides`` are the operands' zero points."""
    values = {
        "s": np.float32(0.1), "zx": np.array(sides[0], zero.dtype),
        "zw": np.array(sides[1], zero.dtype), "zy": zero,
    }  # fmt: skip
    inputs = ["x", "s", "zx", "w", "s", "zw", *([""] if operator == "QGemm" else []), "s", "zy"]
    domain = MICROSOFT if operator in ("QGemm", "QLinearAdd") else ""
    node = helper.make_node(operator, inputs, ["y"], name="layer", domain=domain)
    square = np.zeros((4, 4) if operator != "QLinearConv" else (4, 4, 1, 1), zero.dtype)
    proto = model_of([node], {"x": square, "w": square}, ["y"])
    proto.graph.initializer.extend(
        onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in values.items()
    )
    return proto


@pytest.mark.parametrize("operator", ["QLinearConv", "QLinearMatMul", "QLinearAdd", "QGemm"])
@pytest.mark.parametrize(
    ("zero", "closed"),
    [(np.uint8(0), True), (np.int8(-128), True), (np.uint8(3), False), (np.int8(0), False)],
)
def test_integer_operators_that_clip_are_opaque(operator: str, zero: Any, closed: bool) -> None:
    proto = _integers(operator, np.asarray(zero))
    before = proto.SerializeToString()
    found = [(o.node, o.reason) for o in open_up(proto)]
    reason = "implicit clamp in the integer operator: the pre-activation never exists as a tensor"
    assert found == ([("layer", reason)] if closed else [])
    assert proto.SerializeToString() == before


def test_an_integer_sum_of_two_that_are_never_negative_does_not_clip() -> None:
    assert open_up(_integers("QLinearAdd", np.array(0, np.uint8), sides=(0, 0))) == ()
    assert len(open_up(_integers("QLinearAdd", np.array(0, np.uint8), sides=(0, 1)))) == 1


def test_an_integer_product_that_leaves_as_floats_does_not_clip() -> None:
    proto = _integers("QGemm", np.array(0, np.uint8))
    del proto.graph.node[0].input[7:]
    assert open_up(proto) == ()

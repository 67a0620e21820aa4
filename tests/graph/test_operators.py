"""Every row of the operator table computes what its operator's specification says."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from scipy import special

from onnx_affscore.graph.operators import ELEMENTWISE, evaluate_operator, is_elementwise
from onnx_affscore.graph.view import attributes, kind
from onnx_affscore.records import Array

_OPSET = 24  # the first that has every operator of the table
# Both sides compute in float64, in other orders of a few operations.
_ROUNDING = 64 * float(np.finfo(np.float64).eps)
# ONNX Runtime computes its own operators in float32, and the specification states some constants
# and defaults of attributes in it.
_ROUNDING_SINGLE = 16 * float(np.finfo(np.float32).eps)
_SINGLE = ("LeakyRelu", "HardSigmoid", "HardSwish", "Gelu")

X = np.concatenate([np.linspace(-8, 8, 65), [-60.0, -1e-6, 1e-6, 60.0]])
Y = np.linspace(-2, 3, X.size)
SLOPE = np.array(0.25)
YES = X > 0.5


@dataclass(frozen=True)
class Case:
    """Inputs and attributes of one operator; ``expected`` where no runtime knows it."""

    inputs: tuple[Array | None, ...] = (X,)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expected: Callable[..., Array] | None = None


def _case(*inputs: Any, expected: Callable[..., Array] | None = None, **attributes: Any) -> Case:
    arrays = tuple(None if i is None else np.asarray(i) for i in inputs)
    return Case(arrays or (X,), attributes, expected)


_UNARY = (
    "Identity", "Neg", "Abs", "Sign", "Sqrt", "Reciprocal", "Exp", "Log", "Floor", "Ceil", "Round",
    "Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh", "Relu",
    "Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "HardSwish",
)  # fmt: skip
_BINARY = (
    "Add", "Sub", "Mul", "Div", "Pow", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
    "Min", "Sum", "Mean",
)  # fmt: skip
_ODD = np.array([np.nan, np.inf, -np.inf, 1.0])


def _erf(x: Array) -> Array:
    return np.array([math.erf(v) for v in x])


def _gelu(x: Array) -> Array:
    return np.asarray(x / 2 * (1 + _erf(x / math.sqrt(2))))


CASES: dict[str, list[Case]] = {
    **{op: [_case()] for op in _UNARY},
    **{op: [_case(X, Y), _case(Y, SLOPE)] for op in _BINARY},
    "Equal": [_case(X, np.round(X)), _case(Y, SLOPE)],
    "IsNaN": [_case(_ODD)],
    "IsInf": [_case(_ODD)],
    "Erf": [_case(expected=_erf)],  # the reference evaluator's is an approximation
    "Dropout": [_case()],
    "Cast": [_case(to=to) for to in (1, 6, 9, 11)],
    "CastLike": [_case(X, np.zeros(1))],
    "QuantizeLinear": [_case(X, 0.1, expected=lambda x, scale: x)],
    "DequantizeLinear": [_case(X, 0.1, expected=lambda x, scale: x)],
    "Mod": [_case(X, Y, fmod=1), _case(X.astype(np.int64), np.array(3))],
    "Not": [_case(YES)],
    "And": [_case(YES, Y > 0)],
    "Or": [_case(YES, Y > 0)],
    "Xor": [_case(YES, Y > 0)],
    "Where": [_case(YES, X, Y)],
    "LeakyRelu": [_case(), _case(alpha=0.2)],
    "PRelu": [_case(X, SLOPE)],
    "ThresholdedRelu": [_case(), _case(alpha=0.3)],
    "Elu": [_case(), _case(alpha=1.7)],
    "Selu": [_case(), _case(alpha=1.1, gamma=0.7)],
    "Celu": [_case(), _case(alpha=2.5)],
    "HardSigmoid": [_case(), _case(alpha=1 / 6, beta=0.4)],
    "Gelu": [_case(expected=_gelu), _case(approximate="tanh")],
    "Swish": [_case(), _case(alpha=1.702)],
    "Clip": [_case(X, -1.0, 2.0), _case(X, None, 2.0), _case(X, 0.0), _case()],
    "Shrink": [_case(), _case(lambd=1.5, bias=1.5), _case(lambd=0.1, bias=-2.0)],
    # operators of ONNX before 1.0 that converters from CoreML wrote: no runtime has them any more
    "Affine": [_case(alpha=2.0, beta=0.5, expected=lambda x: 2 * x + 0.5)],
    "Scale": [_case(scale=3.0, expected=lambda x: 3 * x)],
    "ScaledTanh": [_case(alpha=1.5, beta=0.5, expected=lambda x: 1.5 * np.tanh(x / 2))],
    "ParametricSoftplus": [
        _case(alpha=1.5, beta=0.5, expected=lambda x: -1.5 * special.log_expit(-x / 2))
    ],
    "com.microsoft::Gelu": [_case()],
    "com.microsoft::FastGelu": [_case(), _case(X[:, None], [0.5])],
    "com.microsoft::QuickGelu": [_case(), _case(alpha=1.0)],
    "com.microsoft::BiasGelu": [_case(X[:, None], [0.5])],
}


def _model(op: str, case: Case) -> onnx.ModelProto:
    domain, _, op_type = op.rpartition("::")
    names = ["" if x is None else f"x{i}" for i, x in enumerate(case.inputs)]
    node = helper.make_node(op_type, names, ["y"], domain=domain, **case.attributes)
    ports = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for n, x in zip(names, case.inputs, strict=True)
        if x is not None
    ]
    output = onnx.ValueInfoProto(name="y")
    graph = helper.make_graph([node], "one", ports, [output])
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _oracle(op: str, case: Case) -> tuple[Array, float]:
    """What somebody else computes, and how far apart roundings may lie."""
    if case.expected is not None:
        return case.expected(*case.inputs), _ROUNDING
    feeds = {f"x{i}": x for i, x in enumerate(case.inputs) if x is not None}
    if "::" in op:
        single = Case(tuple(x.astype(np.float32) for x in feeds.values()), case.attributes)
        session = ort.InferenceSession(
            _model(op, single).SerializeToString(), providers=["CPUExecutionProvider"]
        )
        (y,) = session.run(None, {n: x.astype(np.float32) for n, x in feeds.items()})
        return np.asarray(y), _ROUNDING_SINGLE
    with np.errstate(all="ignore"):
        (y,) = ReferenceEvaluator(_model(op, case)).run(None, feeds)
    return np.asarray(y), _ROUNDING_SINGLE if op in _SINGLE else _ROUNDING


def _ours(op: str, case: Case) -> Array:
    (node,) = _model(op, case).graph.node
    return evaluate_operator(kind(node), case.inputs, attributes(node))


def _all_cases() -> list[Any]:
    return [
        pytest.param(op, case, id=f"{op}-{n}") for op in CASES for n, case in enumerate(CASES[op])
    ]


def test_every_row_of_the_table_has_a_case() -> None:
    assert set(CASES) == set(ELEMENTWISE)


@pytest.mark.parametrize(("op", "case"), _all_cases())
def test_a_row_equals_the_oracle(op: str, case: Case) -> None:
    expected, rounding = _oracle(op, case)
    y = _ours(op, case)
    scale = np.abs(expected[np.isfinite(expected)], dtype=np.float64).max(initial=1.0)
    atol = rounding * min(scale, 100.0)  # beside 60 and its like; exp's tails by rtol
    np.testing.assert_allclose(y, expected.astype(np.float64), rtol=rounding, atol=atol)


@pytest.mark.parametrize("op", [op for op in CASES if CASES[op][0].inputs[0] is X])
def test_the_oracle_has_teeth(op: str) -> None:
    case = CASES[op][0]
    expected, rounding = _oracle(op, case)
    other = _ours(op, Case((X * 1.1 + 0.2, *case.inputs[1:]), case.attributes))
    assert not np.allclose(other, expected.astype(np.float64), rtol=rounding, atol=rounding)


@pytest.mark.parametrize(("op", "case"), _all_cases())
def test_inputs_are_left_as_they_were(op: str, case: Case) -> None:
    frozen = tuple(None if x is None else x.copy() for x in case.inputs)
    for array in frozen:
        if array is not None:
            array.flags.writeable = False
    _ours(op, Case(frozen, case.attributes))


def test_quantisation_is_looked_through_because_it_only_rounds() -> None:
    scale, x = np.array(0.5), np.linspace(-8, 8, 65)
    low = ReferenceEvaluator(_model("QuantizeLinear", _case(x, scale, np.array(10, np.uint8))))
    back = _model("DequantizeLinear", _case(np.zeros(65, np.uint8), scale, np.array(10, np.uint8)))
    (quantised,) = low.run(None, {"x0": x, "x1": scale, "x2": np.array(10, np.uint8)})
    (again,) = ReferenceEvaluator(back).run(
        None, {"x0": quantised, "x1": scale, "x2": np.array(10, np.uint8)}
    )
    inside = x >= -5  # below, the type saturates
    assert np.abs(np.asarray(again) - x)[inside].max() <= scale / 2


@pytest.mark.parametrize("op", ["Conv", "Softmax", "com.microsoft::Attention", "relu"])
def test_what_is_not_in_the_table_is_not_elementwise(op: str) -> None:
    assert not is_elementwise(op)
    with pytest.raises(KeyError):
        evaluate_operator(op, [X], {})


def test_a_missing_input_is_an_error_of_the_graph() -> None:
    with pytest.raises(ValueError, match="input is missing"):
        evaluate_operator("Add", [X, None], {})

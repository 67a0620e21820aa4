"""One case or more for every operator that is opened: its inputs, and what it shall compute.

``oracle`` is None where ONNX Runtime's CPU build has a kernel of the operator; else the same in
NumPy. ``kernel`` stands in for an operator that stays in the opened graph and has no kernel either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper
from scipy import special

from onnx_affscore.records import Array

__all__ = ["CASES", "MICROSOFT", "Case", "model_of", "port", "run"]

MICROSOFT = "com.microsoft"
Oracle: TypeAlias = Callable[..., Array]
RNG = np.random.default_rng(7)


def _f(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def port(name: str, array: Array) -> onnx.ValueInfoProto:
    """Declare a tensor like an array, of any size."""
    element = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, element, [None] * array.ndim)


def model_of(
    nodes: Sequence[onnx.NodeProto],
    feeds: Mapping[str, Array],
    outputs: Sequence[str],
    opset: int = 17,
) -> onnx.ModelProto:
    """A model of these nodes, whose inputs are what it shall be fed."""
    graph = helper.make_graph(
        nodes,
        "g",
        [port(n, a) for n, a in feeds.items()],
        [onnx.ValueInfoProto(name=o) for o in outputs],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def run(
    proto: onnx.ModelProto, feeds: Mapping[str, Array], wanted: Sequence[str] = ()
) -> dict[str, Array]:
    """Outputs by name, those of inner tensors too."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    own = [o.name for o in copy.graph.output]
    copy.graph.output.extend(onnx.ValueInfoProto(name=w) for w in wanted if w not in own)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(
        copy.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in copy.graph.output]
    return dict(zip(names, session.run(None, dict(feeds)), strict=True))


@dataclass(frozen=True)
class Case:
    """One node, its inputs in order (None: left out), and the activation expected inside."""

    activation: str
    inputs: tuple[Any, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    oracle: Oracle | None = None
    kernel: Oracle | None = None
    outputs: int = 1
    opset: int = 17
    exact: bool = False


def _softmax(x: Array, axis: int = -1) -> Array:
    return np.asarray(special.softmax(x.astype(np.float64), axis=axis))


def _flat_softmax(x: Array, axis: int) -> Array:
    rows = x.reshape(int(np.prod(x.shape[:axis])), -1)
    return _softmax(rows).reshape(x.shape)


def _gelu(x: Array) -> Array:
    return np.asarray(x * special.ndtr(x))


def _gelu_tanh(x: Array) -> Array:
    return np.asarray(x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))


def _silu(x: Array) -> Array:
    return np.asarray(x * special.expit(x))


def _bias_split_gelu(x: Array, bias: Array) -> Array:
    left, right = np.split(x + bias, 2, axis=-1)
    return np.asarray(left * _gelu(right))


def _conv(x: Array, w: Array) -> Array:
    """1x1 convolution, channels last."""
    return np.asarray(np.einsum("nhwc,mc->nhwm", x, w[:, :, 0, 0]))


def _group_norm(x: Array, gamma: Array, beta: Array) -> Array:
    """Two groups, channels last."""
    n, h, w, c = x.shape
    groups = x.reshape(n, h * w, 2, c // 2).astype(np.float64)
    centred = groups - groups.mean((1, 3), keepdims=True)
    normal = centred / np.sqrt((centred**2).mean((1, 3), keepdims=True) + 1e-5)
    return np.asarray(normal.reshape(x.shape) * gamma + beta)


def _skip_group_norm(x: Array, gamma: Array, beta: Array, skip: Array) -> Array:
    return _group_norm(x + skip, gamma, beta)


def _varlen_conv(x: Array, w: Array, _ends: Array, _bias: Array | None, state: Array) -> Array:
    """One sequence, a kernel of two taps."""
    before = np.concatenate([state[0].T, x])[:-1]
    return np.asarray(before * w[:, 0, 0] + x * w[:, 0, 1])


X4, W4, B4 = _f(2, 3, 6, 6), _f(4, 3, 3, 3), _f(4)
X, W, B = _f(5, 3), _f(3, 4), _f(4)
BYTES = np.arange(256, dtype=np.uint8).reshape(4, 64)
SCALE, FINE = np.float32(0.05), np.float32(1 / 256)
FIVE, MINUS, LEAST = np.uint8(5), np.int8(-5), np.int8(-128)
PARAMETERS: Mapping[str, tuple[float, ...]] = {
    "LeakyRelu": (0.1,), "Clip": (-0.2, 0.5), "HardSigmoid": (0.3, 0.4), "Elu": (0.7,),
    "Celu": (0.7,), "ThresholdedRelu": (0.3,), "Selu": (1.5, 1.2), "ScaledTanh": (1.3, 0.6),
    "ParametricSoftplus": (1.3, 0.6),
}  # fmt: skip
_INNER = {"ScaledTanh": "Tanh", "ParametricSoftplus": "Softplus"}


def _fused_conv(activation: str, *, residual: bool = False, opset: int = 17) -> Case:
    params = PARAMETERS.get(activation)
    attributes: dict[str, Any] = {"activation": activation, "strides": [2, 2], "pads": [1] * 4}
    if params:
        attributes["activation_params"] = params
    inputs = (X4, W4, B4, _f(2, 4, 3, 3)) if residual else (X4, W4, B4)
    return Case(activation, inputs, attributes, opset=opset)


def _fused_gemm(activation: str) -> Case:
    named = zip(("alpha", "beta"), PARAMETERS.get(activation, ()), strict=False)
    parameters = {f"activation_{k}": v for k, v in named}
    if activation == "Selu":
        parameters = {"activation_alpha": 1.5, "activation_gamma": 1.2}
    attributes = {"activation": activation, "transB": 1, "alpha": 0.5, "beta": 2.0} | parameters
    return Case(_INNER.get(activation, activation), (X, W.T.copy(), B), attributes)


def _quantised(activation: str, **attributes: Any) -> list[Case]:
    """All integers of a byte, so nothing is left to chance: equal to the last bit."""
    unsigned = (BYTES, SCALE, FIVE, FINE, np.uint8(0))
    signed = (BYTES.view(np.int8), SCALE, MINUS, FINE, LEAST)
    return [Case(activation, i, attributes, exact=True) for i in (unsigned, signed)]


_CONV = {"activation": "LeakyRelu", "activation_params": (0.2,)}
_NHWC, _W1 = _f(2, 3, 3, 4), _f(5, 4, 1, 1)
_NORM = {"activation": 1, "groups": 2, "channels_last": 1}
_SMALL = _f(2, 3, 4)

CASES: Mapping[str, list[Case]] = {
    "com.microsoft::BiasGelu": [Case("com.microsoft::Gelu", (X, _f(3)), exact=True)],
    "com.microsoft::FastGelu": [Case("com.microsoft::FastGelu", (X, _f(3)))],
    "com.microsoft::BiasSplitGelu": [
        Case("com.microsoft::Gelu", (_SMALL, _f(4)), {}, _bias_split_gelu, opset=opset)
        for opset in (17, 18)
    ],
    "com.microsoft::GemmFastGelu": [
        Case("com.microsoft::FastGelu", (X, W), {}, lambda x, w: _gelu_tanh(x @ w)),
        Case("com.microsoft::FastGelu", (X, W, B), {}, lambda x, w, b: _gelu_tanh(x @ w + b)),
    ],
    "com.microsoft::FusedConv": [
        *(_fused_conv(a) for a in ("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "HardSigmoid",
                                   "HardSwish")),
        _fused_conv("Relu", residual=True),
        _fused_conv("Clip", opset=10),
    ],
    "com.microsoft::NhwcFusedConv": [
        Case("LeakyRelu", (_NHWC, _W1), _CONV,
             lambda x, w: np.where(_conv(x, w) < 0, 0.2, 1) * _conv(x, w)),
        Case("Relu", (_NHWC, _W1, _f(5), _f(2, 3, 3, 5)), {"activation": "Relu"},
             lambda x, w, b, z: np.maximum(_conv(x, w) + b + z, 0)),
    ],
    "com.microsoft::FusedGemm": [
        *(_fused_gemm(a) for a in ("Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", *PARAMETERS)
          if a != "Clip"),
        Case("Relu", (X, W), {"activation": "Relu"}),
    ],
    "com.microsoft::FusedMatMulActivation": [
        Case("Relu", (X, W), {"activation": "Relu"}, lambda x, w: np.maximum(x @ w, 0)),
        Case("LeakyRelu", (X, W.T.copy()),
             {"activation": "LeakyRelu", "activation_alpha": 0.2, "transB": 1, "alpha": 0.5},
             lambda x, w: np.where(x @ w.T < 0, 0.1, 0.5) * (x @ w.T)),
        Case("Softmax", (X, W), {"activation": "Softmax", "activation_axis": -1},
             lambda x, w: _softmax(x @ w)),
    ],
    "com.microsoft::GemmFloat8": [
        Case("Relu", (X, W), {"activation": "RELU"}, lambda x, w: np.maximum(x @ w, 0),
             lambda x, w: np.asarray(x @ w)),
    ],
    "com.microsoft::GroupNorm": [
        Case("com.microsoft::QuickGelu", (_NHWC, _f(4), _f(4)), _NORM,
             lambda *i: _silu(_group_norm(*i)), _group_norm),
    ],
    "com.microsoft::SkipGroupNorm": [
        Case("com.microsoft::QuickGelu", (_NHWC, _f(4), _f(4), _f(2, 3, 3, 4)), _NORM,
             lambda *i: _silu(_skip_group_norm(*i)), _skip_group_norm),
    ],
    "com.microsoft::GatedRMSNorm": [
        Case("com.microsoft::QuickGelu", (_SMALL, _f(2), _f(2, 3, 4)), {"epsilon": 1e-3}),
        Case("Sigmoid", (_SMALL, _f(4), _f(2, 3, 4)), {"activation": "sigmoid"}),
    ],
    "com.microsoft::CausalConvWithState": [
        Case("com.microsoft::QuickGelu", (_SMALL, _f(3, 1, 2)), {"activation": "silu"}, outputs=2),
        Case("com.microsoft::QuickGelu", (_SMALL, _f(3, 1, 2), _f(3), _f(2, 3, 1)),
             {"activation": "swish"}, outputs=2),
    ],
    "com.microsoft::VarlenCausalConvWithState": [
        Case("com.microsoft::QuickGelu",
             (_f(6, 3), _f(3, 1, 2), np.array([0, 6], np.int32), None, _f(1, 3, 1)),
             {"activation": "silu"}, lambda *i: _silu(_varlen_conv(*i)), _varlen_conv, outputs=2),
    ],
    "CausalConvWithState": [
        Case("Swish", (_f(1, 3, 6), _f(3, 1, 2)), {"activation": "silu"},
             lambda x, w: _silu(np.pad(x, ((0, 0), (0, 0), (1, 0)))[..., :-1] * w[:, 0, :1]
                                + x * w[:, 0, 1:]),
             lambda x, w: np.asarray(np.pad(x, ((0, 0), (0, 0), (1, 0)))[..., :-1] * w[:, 0, :1]
                                     + x * w[:, 0, 1:]),
             outputs=2, opset=27),
    ],
    "com.microsoft::LinearAttentionGate": [
        Case("Softplus", (_SMALL, _f(4), _f(4))),
        Case("Sigmoid", (_SMALL, _f(4), _f(4), _f(2, 3, 4)), outputs=2),
    ],
    "com.microsoft::ScaledSiLU": [
        Case("com.microsoft::QuickGelu", (_SMALL,), {"alpha": 1.7}),
        Case("com.microsoft::QuickGelu", (_SMALL, np.float32(0.6))),
    ],
    "SwiGLU": [
        Case("Swish", (X, _f(5, 3)), {"alpha": 1.5},
             lambda a, b: a * special.expit(1.5 * a) * b, opset=28),
    ],
    "com.microsoft::BiasSoftmax": [
        Case("Softmax", (_SMALL, _f(1, 1, 4)), {"axis": axis, "is_inner_broadcast": 1},
             lambda x, b, axis=axis: _flat_softmax(x + b, axis), opset=opset)
        for axis in (1, 2) for opset in (12, 17)
    ],
    "com.microsoft::QLinearSigmoid": _quantised("Sigmoid"),
    "com.microsoft::QLinearLeakyRelu": [
        *_quantised("LeakyRelu", alpha=0.1),
        Case("LeakyRelu", (BYTES.view(np.int8), SCALE, None, FINE, None), {}, exact=True),
    ],
    "com.microsoft::QLinearSoftmax": [
        *_quantised("Softmax", axis=-1, opset=13),
        *_quantised("Softmax", axis=0, opset=13),
        *_quantised("Softmax", axis=0, opset=12),
        *_quantised("Softmax", axis=1, opset=12),
    ],
}  # fmt: skip

"""ONE table of operators that hide an activation, each with what computes the same in the open.

A rule writes the nodes that take the operator's place into a :class:`Draft`; one that writes none
leaves the operator as it is. To open another operator, add a rule and its row in ``OPENED``.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import onnx
from onnx import TensorProto, helper

from onnx_affscore.graph.drafting import CannotOpenError, Draft
from onnx_affscore.graph.operators import MICROSOFT

__all__ = ["OPENED", "text"]

_FLOAT8 = frozenset({17, 18, 19, 20})  # TensorProto.FLOAT8E4M3FN and its kin
_GELU = f"{MICROSOFT}::Gelu"
_QUICK_GELU = f"{MICROSOFT}::QuickGelu"
_FAST_GELU = f"{MICROSOFT}::FastGelu"
# Its sigmoid is 1 in every floating-point type.
_WIDE_OPEN = 100.0

Attributes: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Draft, Attributes], None]


def text(value: Any) -> str:
    """Return a string attribute's value."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _without(attrs: Attributes, prefix: str) -> dict[str, Any]:
    return {k: v for k, v in attrs.items() if not k.startswith(prefix)}


# What fused operators call the parameters of an activation, in order (``activation_params``).
_PARAMETERS = {
    "LeakyRelu": ("alpha",), "Elu": ("alpha",), "Celu": ("alpha",), "ThresholdedRelu": ("alpha",),
    "Selu": ("alpha", "gamma"), "HardSigmoid": ("alpha", "beta"), "Clip": ("min", "max"),
    "ScaledTanh": ("alpha", "beta"), "ParametricSoftplus": ("alpha", "beta"),
    "QuickGelu": ("alpha",), "Softmax": ("axis",), "Swish": ("alpha",),
}  # fmt: skip
# alpha f(beta x), which ai.onnx has no operator for
_SCALED = {"ScaledTanh": "Tanh", "ParametricSoftplus": "Softplus"}
_OWN = frozenset({"Gelu", "FastGelu", "QuickGelu"})


def _activate(draft: Draft, activation: str, x: str, params: Attributes) -> None:
    """End with an activation that an attribute names."""
    opset = draft.around.opset
    if activation == "Clip" and opset >= 11:
        bounds = [draft.constant(float(params[k]), like=x) for k in ("min", "max") if k in params]
        draft.end("Clip", x, *bounds)
    elif activation in _SCALED:
        inner = draft.add("Mul", x, draft.constant(float(params.get("beta", 1.0)), like=x))
        inner = draft.add(_SCALED[activation], inner)
        draft.end("Mul", inner, draft.constant(float(params.get("alpha", 1.0)), like=x))
    elif activation in _OWN:
        draft.end(f"{MICROSOFT}::{activation}", x, **params)
    elif onnx.defs.has(activation, max_inclusive_version=opset):
        draft.end(activation, x, **params)
    else:
        raise CannotOpenError(f"opset {opset} has no operator {activation!r}")


def _listed(attrs: Attributes, activation: str) -> dict[str, Any]:
    """``activation_params``: the parameters of the activation, by position."""
    return dict(
        zip(_PARAMETERS.get(activation, ()), attrs.get("activation_params", ()), strict=False)
    )


def _prefixed(attrs: Attributes, activation: str) -> dict[str, Any]:
    """``activation_alpha`` and so on: the parameters of the activation, by name."""
    names = _PARAMETERS.get(activation, ())
    return {k: attrs[f"activation_{k}"] for k in names if f"activation_{k}" in attrs}


def _bias_gelu(draft: Draft, _attrs: Attributes) -> None:
    draft.end(_GELU, draft.add("Add", *draft.node.input))


def _fast_gelu(draft: Draft, _attrs: Attributes) -> None:
    if draft.input(1):
        draft.end(_FAST_GELU, draft.add("Add", *draft.node.input))


def _bias_split_gelu(draft: Draft, _attrs: Attributes) -> None:
    split = {"num_outputs": 2} if draft.around.opset >= 18 else {}
    draft.add("Split", draft.add("Add", *draft.node.input), outputs=2, axis=2, **split)
    left, right = draft.nodes[-1].output
    draft.end("Mul", left, draft.add(_GELU, right))


def _gemm_fast_gelu(draft: Draft, _attrs: Attributes) -> None:
    x, w, bias = draft.input(0), draft.input(1), draft.input(2)
    product = draft.add("MatMul", x, w)
    draft.end(_FAST_GELU, draft.add("Add", product, bias) if bias else product)


def _convolution(draft: Draft, attrs: Attributes, *, channels_last: bool) -> None:
    activation = text(attrs.get("activation", ""))
    if not activation:
        return
    x, w, bias, residual = (draft.input(i) for i in range(4))
    rank = draft.around.ranks.get(w, 4)
    if channels_last:
        x = draft.add("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])
    y = draft.add("Conv", x, w, *([bias] if bias else []), **_without(attrs, "activation"))
    if channels_last:
        y = draft.add("Transpose", y, perm=[0, *range(2, rank), 1])
    if residual:
        y = draft.add("Add", y, residual)
    _activate(draft, activation, y, _listed(attrs, activation))


def _fused_conv(draft: Draft, attrs: Attributes) -> None:
    _convolution(draft, attrs, channels_last=False)


def _nhwc_fused_conv(draft: Draft, attrs: Attributes) -> None:
    _convolution(draft, attrs, channels_last=True)


def _fused_gemm(draft: Draft, attrs: Attributes) -> None:
    activation = text(attrs.get("activation", ""))
    if not activation:
        return
    if not draft.input(2) and draft.around.opset < 11:
        raise CannotOpenError("it has no bias, which Gemm needs before opset 11")
    y = draft.add("Gemm", *draft.given, **_without(attrs, "activation"))
    _activate(draft, activation, y, _prefixed(attrs, activation))


def _fused_matmul(draft: Draft, attrs: Attributes) -> None:
    activation, own = text(attrs["activation"]), _without(attrs, "activation")
    plain = own.get("alpha", 1.0) == 1.0 and not any(v for k, v in own.items() if k != "alpha")
    operator = "MatMul" if plain else f"{MICROSOFT}::FusedMatMul"
    y = draft.add(operator, *draft.node.input, **({} if plain else own))
    _activate(draft, activation, y, _prefixed(attrs, activation))


def _gemm_float8(draft: Draft, attrs: Attributes) -> None:
    activation = text(attrs.get("activation", "NONE"))
    if activation == "NONE":
        return
    if activation != "RELU":
        raise CannotOpenError(f"its kernel's {activation} is not specified")
    if draft.input(5) or attrs.get("dtype", TensorProto.FLOAT) in _FLOAT8:
        raise CannotOpenError("its output is quantised to 8 bits")
    draft.end("Relu", draft.again(activation="NONE"))


def _group_norm(draft: Draft, attrs: Attributes) -> None:
    if attrs.get("activation"):
        draft.end(_QUICK_GELU, draft.again(activation=0), alpha=1.0)


def _gated_rms_norm(draft: Draft, attrs: Attributes) -> None:
    """The normalised input by an open gate, and the gate's activation beside it."""
    gate = draft.input(2)
    shape = draft.add("Shape", gate)
    open_gate = draft.add("Expand", draft.constant(_WIDE_OPEN, like=gate), shape)
    normalised = draft.again(activation="sigmoid")
    draft.nodes[-1].input[2] = open_gate
    silu = text(attrs.get("activation", "silu")) != "sigmoid"
    opened = draft.add(_QUICK_GELU, gate, alpha=1.0) if silu else draft.add("Sigmoid", gate)
    draft.end("Mul", normalised, opened)


def _causal_conv(draft: Draft, attrs: Attributes) -> None:
    if text(attrs.get("activation", "none")) == "none":
        return
    y = draft.again(activation="none")
    if draft.node.domain == MICROSOFT:
        draft.end(_QUICK_GELU, y, alpha=1.0)
    else:
        draft.end("Swish", y)


def _linear_attention_gate(draft: Draft, _attrs: Attributes) -> None:
    """decay = scale Softplus(a + bias), in float32; beta = Sigmoid(b)."""
    a, bias, scale, b = (draft.input(i) for i in range(4))
    if draft.around.opset < 15:
        raise CannotOpenError("opset 15 brings CastLike, which this needs")
    wide = draft.add("Add", draft.add("Cast", a, to=TensorProto.FLOAT), bias)
    decay = draft.add("Mul", draft.add("Softplus", wide), scale)
    draft.end("CastLike", decay, a)
    if len(draft.node.output) > 1 and draft.node.output[1]:
        draft.add("Sigmoid", b, outputs=[draft.node.output[1]])


def _scaled_silu(draft: Draft, attrs: Attributes) -> None:
    """Silu(a x); a is an input or an attribute."""
    x, scale = draft.input(0), draft.input(1)
    if scale:
        factor = draft.add("CastLike", scale, x) if draft.around.opset >= 15 else scale
    else:
        factor = draft.constant(float(attrs.get("alpha", 1.0)), like=x)
    draft.end(_QUICK_GELU, draft.add("Mul", x, factor), alpha=1.0)


def _swiglu(draft: Draft, attrs: Attributes) -> None:
    gate, value = draft.node.input
    draft.end("Mul", draft.add("Swish", gate, **attrs), value)


def _softmax(
    draft: Draft, x: str, axis: int, *, flattens: bool, outputs: int | list[str] = 1
) -> str:
    """Softmax along an axis, or over it and all behind it (as before opset 13) if it flattens."""
    flat = draft.around.opset < 13
    rank = draft.around.ranks.get(draft.input(0))
    last = axis == -1 or (rank is not None and axis == rank - 1)
    if last or flattens == flat:
        # a negative axis is older than the per-axis operator, but not than opset 11
        ahead = rank - 1 if last and rank is not None and draft.around.opset < 11 else axis
        return draft.add("Softmax", x, outputs=outputs, axis=ahead)
    if not flattens:
        raise CannotOpenError("its Softmax along an inner axis does not exist before opset 13")
    rows = draft.add("Softmax", draft.add("Flatten", x, axis=axis), axis=-1)
    return draft.add("Reshape", rows, draft.add("Shape", x), outputs=outputs)


def _bias_softmax(draft: Draft, attrs: Attributes) -> None:
    total = draft.add("Add", *draft.node.input)
    axis, outputs = int(attrs.get("axis", 1)), [draft.node.output[0]]
    _softmax(draft, total, axis, flattens=True, outputs=outputs)


def _quantised(draft: Draft, activate: Callable[[str], str]) -> None:
    """DequantizeLinear, the activation, QuantizeLinear."""
    x, x_scale, x_zero, y_scale, y_zero = (draft.input(i) for i in range(5))
    domain = "" if draft.around.opset >= 10 else f"{MICROSOFT}::"
    if not y_zero:  # missing means 0 of the input's type, not QuantizeLinear's uint8
        element = draft.around.element(x_zero, x)
        if element is None:
            raise CannotOpenError("its integer type is not known")
        y_zero = draft.add("Constant", value=helper.make_tensor("value", element, [], [0]))
    zero = [x_zero] if x_zero else []
    y = activate(draft.add(f"{domain}DequantizeLinear", x, x_scale, *zero))
    draft.end(f"{domain}QuantizeLinear", y, y_scale, y_zero)


def _qlinear_sigmoid(draft: Draft, _attrs: Attributes) -> None:
    _quantised(draft, lambda x: draft.add("Sigmoid", x))


def _qlinear_leaky_relu(draft: Draft, attrs: Attributes) -> None:
    alpha = float(attrs.get("alpha", 0.01))
    _quantised(draft, lambda x: draft.add("LeakyRelu", x, alpha=alpha))


def _qlinear_softmax(draft: Draft, attrs: Attributes) -> None:
    axis, flattens = int(attrs.get("axis", -1)), int(attrs["opset"]) < 13
    _quantised(draft, lambda x: _softmax(draft, x, axis, flattens=flattens))


OPENED: Mapping[str, Rule] = {
    f"{MICROSOFT}::BiasGelu": _bias_gelu,
    f"{MICROSOFT}::FastGelu": _fast_gelu,
    f"{MICROSOFT}::BiasSplitGelu": _bias_split_gelu,
    f"{MICROSOFT}::GemmFastGelu": _gemm_fast_gelu,
    f"{MICROSOFT}::FusedConv": _fused_conv,
    f"{MICROSOFT}::NhwcFusedConv": _nhwc_fused_conv,
    f"{MICROSOFT}::FusedGemm": _fused_gemm,
    f"{MICROSOFT}::FusedMatMulActivation": _fused_matmul,
    f"{MICROSOFT}::GemmFloat8": _gemm_float8,
    f"{MICROSOFT}::GroupNorm": _group_norm,
    f"{MICROSOFT}::SkipGroupNorm": _group_norm,
    f"{MICROSOFT}::GatedRMSNorm": _gated_rms_norm,
    f"{MICROSOFT}::CausalConvWithState": _causal_conv,
    f"{MICROSOFT}::VarlenCausalConvWithState": _causal_conv,
    "CausalConvWithState": _causal_conv,
    f"{MICROSOFT}::LinearAttentionGate": _linear_attention_gate,
    f"{MICROSOFT}::ScaledSiLU": _scaled_silu,
    "SwiGLU": _swiglu,
    f"{MICROSOFT}::BiasSoftmax": _bias_softmax,
    f"{MICROSOFT}::QLinearSigmoid": _qlinear_sigmoid,
    f"{MICROSOFT}::QLinearLeakyRelu": _qlinear_leaky_relu,
    f"{MICROSOFT}::QLinearSoftmax": _qlinear_softmax,
}

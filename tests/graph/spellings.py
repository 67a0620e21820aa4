"""How exporters write activations: one function a spelling, from the input's name to the output's.

Collected from the operators that PyTorch's two exporters, tf2onnx, Keras, Paddle2ONNX, MXNet,
jax2onnx, CoreML converters and Hugging Face's Python code leave in files.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tests.builder import Builder

__all__ = ["SPELLINGS", "Spelling"]

Write: TypeAlias = Callable[[Builder, str], str]

ROOT2 = math.sqrt(2)
GELU_SCALE = math.sqrt(2 / math.pi)


@dataclass(frozen=True)
class Spelling:
    """One way to write an activation; ``since`` is the first opset that has its operators."""

    name: str
    activation: str
    write: Write
    params: Mapping[str, Any] = field(default_factory=dict)
    since: int = 13


def op(kind: str, **attributes: Any) -> Write:
    return lambda g, x: g.op(kind, x, **attributes)


def gelu_torch(g: Builder, x: str) -> str:
    return g.op("Mul", g.op("Mul", x, g.op("Add", g.op("Erf", g.op("Div", x, ROOT2)), 1.0)), 0.5)


def gelu_dynamo(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Mul", 0.5, g.op("Add", g.op("Erf", g.op("Div", x, ROOT2)), 1.0)))


def gelu_hugging_face(g: Builder, x: str) -> str:
    half = g.op("Mul", x, 0.5)
    return g.op("Mul", half, g.op("Add", 1.0, g.op("Erf", g.op("Div", x, g.op("Sqrt", 2.0)))))


def gelu_tensorflow(g: Builder, x: str) -> str:
    erf = g.op("Erf", g.op("Mul", x, 1 / ROOT2))
    return g.op("Mul", g.op("Mul", 0.5, g.op("Add", 1.0, erf)), x)


def gelu_keras(g: Builder, x: str) -> str:
    root = g.op("Sqrt", 2.0)
    erf = g.op("Erf", g.op("Div", x, root))
    return g.op("Mul", g.op("Mul", 0.5, x), g.op("Add", 1.0, erf))


def gelu_sum(g: Builder, x: str) -> str:
    return g.op("Mul", g.op("Mul", x, g.op("Sum", g.op("Erf", g.op("Div", x, ROOT2)), 1.0)), 0.5)


def gelu_expanded(g: Builder, x: str) -> str:
    half = g.op("Mul", x, 0.5)
    return g.op("Add", half, g.op("Mul", half, g.op("Erf", g.op("Mul", x, 1 / ROOT2))))


def gelu_through_transpose(g: Builder, x: str) -> str:
    gate = g.op("Add", 1.0, g.op("Erf", g.op("Mul", g.op("Transpose", x, perm=[1, 0]), 1 / ROOT2)))
    half = g.op("Transpose", g.op("Mul", 0.5, x), perm=[1, 0])
    return g.op("Transpose", g.op("Mul", half, gate), perm=[1, 0])


def gelu_tanh_torch(g: Builder, x: str) -> str:
    cube = g.op("Mul", g.op("Mul", x, x), x)
    inner = g.op("Mul", g.op("Add", x, g.op("Mul", cube, 0.044715)), GELU_SCALE)
    return g.op("Mul", g.op("Mul", x, g.op("Add", g.op("Tanh", inner), 1.0)), 0.5)


def gelu_tanh_pow(g: Builder, x: str) -> str:
    inner = g.op("Mul", GELU_SCALE, g.op("Add", x, g.op("Mul", 0.044715, g.op("Pow", x, 3.0))))
    return g.op("Mul", g.op("Mul", 0.5, g.op("Add", 1.0, g.op("Tanh", inner))), x)


def gelu_tanh_new(g: Builder, x: str) -> str:
    inner = g.op("Mul", g.op("Add", x, g.op("Mul", g.op("Pow", x, 3.0), 0.044715)), GELU_SCALE)
    return g.op("Mul", g.op("Mul", x, 0.5), g.op("Add", g.op("Tanh", inner), 1.0))


def gelu_tanh_megatron(g: Builder, x: str) -> str:
    poly = g.op("Add", 1.0, g.op("Mul", g.op("Mul", 0.044715, x), x))
    inner = g.op("Mul", g.op("Mul", GELU_SCALE, x), poly)
    return g.op("Mul", g.op("Mul", x, 0.5), g.op("Add", 1.0, g.op("Tanh", inner)))


def quick_gelu(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Sigmoid", g.op("Mul", x, 1.702)))


def silu(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Sigmoid", x))


def silu_swapped(g: Builder, x: str) -> str:
    return g.op("Mul", g.op("Sigmoid", x), x)


def silu_by_division(g: Builder, x: str) -> str:
    return g.op("Div", x, g.op("Add", 1.0, g.op("Exp", g.op("Neg", x))))


def swish(beta: float) -> Write:
    return lambda g, x: g.op("Mul", x, g.op("Sigmoid", g.op("Mul", x, beta)))


def mish(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Tanh", g.op("Softplus", x)))


def mish_thresholded(g: Builder, x: str) -> str:
    soft = g.op("Where", g.op("Greater", x, 20.0), x, g.op("Softplus", x))
    return g.op("Mul", x, g.op("Tanh", soft))


def mish_log(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Tanh", g.op("Log", g.op("Add", g.op("Exp", x), 1.0))))


def softplus_thresholded(g: Builder, x: str) -> str:
    return g.op("Where", g.op("Greater", x, 20.0), x, g.op("Softplus", x))


def softplus_log(g: Builder, x: str) -> str:
    return g.op("Log", g.op("Add", 1.0, g.op("Exp", x)))


def hard_swish_parts(g: Builder, x: str) -> str:
    return g.op("Div", g.op("Mul", x, clip(g, g.op("Add", x, 3.0), 0.0, 6.0)), 6.0)


def hard_swish_gate_first(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Div", clip(g, g.op("Add", x, 3.0), 0.0, 6.0), 6.0))


def hard_swish_product(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))


def clip(g: Builder, x: str, low: float | None, high: float | None) -> str:
    bounds = ["" if b is None else g.const(b) for b in (low, high)]
    if g.dialect == "initialisers":  # bounds must be scalars
        for tensor in g.initializers:
            if tensor.name in bounds:
                del tensor.dims[:]
    return g.op("Clip", x, *bounds)


def clipped(low: float | None, high: float | None) -> Write:
    return lambda g, x: clip(g, x, low, high)


def hard_sigmoid_parts(g: Builder, x: str) -> str:
    return g.op("Div", clip(g, g.op("Add", x, 3.0), 0.0, 6.0), 6.0)


def hard_sigmoid_keras(g: Builder, x: str) -> str:
    return clip(g, g.op("Add", g.op("Mul", x, 0.2), 0.5), 0.0, 1.0)


def relu_where(g: Builder, x: str) -> str:
    return g.op("Where", g.op("Greater", x, 0.0), x, 0.0)


def relu_product(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Cast", g.op("Greater", x, 0.0), to=_to(g)))


def relu_abs(g: Builder, x: str) -> str:
    return g.op("Mul", 0.5, g.op("Add", x, g.op("Abs", x)))


def relu6_keras(g: Builder, x: str) -> str:
    return g.op("Min", g.op("LeakyRelu", x, alpha=0.0), 6.0)


def relu6_jax(g: Builder, x: str) -> str:
    return g.op("Min", g.op("Max", x, 0.0), 6.0)


def clamp_of_relus(g: Builder, x: str) -> str:
    return g.op("Sub", g.op("Relu", x), g.op("Relu", g.op("Sub", x, 1.0)))


def leaky_max(g: Builder, x: str) -> str:
    return g.op("Max", x, g.op("Mul", x, 0.2))


def leaky_where(g: Builder, x: str) -> str:
    return g.op("Where", g.op("GreaterOrEqual", x, 0.0), x, g.op("Mul", 0.2, x))


def leaky_of_relus(g: Builder, x: str) -> str:
    """Keras' PReLU with one slope."""
    negative = g.op("Relu", g.op("Neg", x))
    return g.op("Add", g.op("Relu", x), g.op("Mul", -0.2, negative))


def thresholded(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.op("Cast", g.op("Greater", x, 1.5), to=_to(g)))


def thresholded_where(g: Builder, x: str) -> str:
    return g.op("Where", g.op("LessOrEqual", x, 1.5), 0.0, x)


def elu_where(alpha: float) -> Write:
    def write(g: Builder, x: str) -> str:
        low = g.op("Mul", alpha, g.op("Sub", g.op("Exp", g.op("Min", x, 0.0)), 1.0))
        return g.op("Where", g.op("Greater", x, 0.0), x, low)

    return write


def selu_parts(g: Builder, x: str) -> str:
    return g.op("Mul", 1.0507009873554805, g.op("Elu", x, alpha=1.6732632423543772))


def celu_parts(g: Builder, x: str) -> str:
    return g.op("Mul", 2.0, g.op("Elu", g.op("Div", x, 2.0), alpha=1.0))


def celu_max(g: Builder, x: str) -> str:
    low = g.op("Mul", 2.0, g.op("Sub", g.op("Exp", g.op("Div", x, 2.0)), 1.0))
    return g.op("Add", g.op("Max", 0.0, x), g.op("Min", 0.0, low))


def sigmoid_parts(g: Builder, x: str) -> str:
    return g.op("Reciprocal", g.op("Add", 1.0, g.op("Exp", g.op("Neg", x))))


def sigmoid_division(g: Builder, x: str) -> str:
    return g.op("Div", 1.0, g.op("Add", g.op("Exp", g.op("Neg", x)), 1.0))


def sigmoid_tanh(g: Builder, x: str) -> str:
    return g.op("Add", 0.5, g.op("Mul", 0.5, g.op("Tanh", g.op("Mul", 0.5, x))))


def tanh_sigmoid(g: Builder, x: str) -> str:
    return g.op("Sub", g.op("Mul", 2.0, g.op("Sigmoid", g.op("Mul", 2.0, x))), 1.0)


def softcap(g: Builder, x: str) -> str:
    return g.op("Mul", g.op("Tanh", g.op("Div", x, 30.0)), 30.0)


def softsign_parts(g: Builder, x: str) -> str:
    return g.op("Div", x, g.op("Add", g.op("Abs", x), 1.0))


def log_sigmoid(g: Builder, x: str) -> str:
    return g.op("Log", g.op("Sigmoid", x))


def log_sigmoid_softplus(g: Builder, x: str) -> str:
    return g.op("Neg", g.op("Softplus", g.op("Neg", x)))


def tanh_shrink(g: Builder, x: str) -> str:
    return g.op("Sub", x, g.op("Tanh", x))


def soft_shrink_clip(g: Builder, x: str) -> str:
    return g.op("Sub", x, clip(g, x, -0.5, 0.5))


def soft_shrink_sign(g: Builder, x: str) -> str:
    size = g.op("Relu", g.op("Sub", g.op("Abs", x), 0.5))
    return g.op("Mul", g.op("Sign", x), size)


def hard_shrink_where(g: Builder, x: str) -> str:
    return g.op("Where", g.op("Greater", g.op("Abs", x), 0.5), x, 0.0)


def squared_relu(g: Builder, x: str) -> str:
    return g.op("Pow", g.op("Relu", x), 2.0)


def squared_relu_product(g: Builder, x: str) -> str:
    y = g.op("Relu", x)
    return g.op("Mul", y, y)


def star_relu(g: Builder, x: str) -> str:
    return g.op("Add", g.op("Mul", 0.8944, g.op("Pow", g.op("Relu", x), 2.0)), -0.4472)


def sine(g: Builder, x: str) -> str:
    return g.op("Sin", g.op("Mul", 30.0, x))


def with_identities(write: Write) -> Write:
    def wrapped(g: Builder, x: str) -> str:
        return g.op("Identity", write(g, g.op("Identity", x)))

    return wrapped


def with_casts(write: Write) -> Write:
    """Paddle's way: the activation in float32 whatever the model's type."""

    def wrapped(g: Builder, x: str) -> str:
        outer, g.dtype = g.dtype, "float32"
        y = write(g, g.op("Cast", x, to=1))
        g.dtype = outer
        return g.op("Cast", y, to=_to(g))

    return wrapped


def with_reshapes(write: Write) -> Write:
    def wrapped(g: Builder, x: str) -> str:
        wide = g.op("Reshape", x, g.tensor([-1, 1, 8], "int64"))
        return g.op("Reshape", write(g, wide), g.tensor([-1, 8], "int64"))

    return wrapped


def _to(g: Builder) -> int:
    return {"float32": 1, "float16": 10, "bfloat16": 16, "float64": 11}[g.dtype]


_ERF, _TANH = {"approximate": "none"}, {"approximate": "tanh"}

SPELLINGS: tuple[Spelling, ...] = (
    Spelling("relu", "Relu", op("Relu")),
    Spelling("relu_clip", "Relu", clipped(0.0, None)),
    Spelling("relu_max", "Relu", lambda g, x: g.op("Max", x, 0.0)),
    Spelling("relu_max_swapped", "Relu", lambda g, x: g.op("Max", 0.0, x)),
    Spelling("relu_where", "Relu", relu_where),
    Spelling("relu_product", "Relu", relu_product),
    Spelling("relu_abs", "Relu", relu_abs),
    Spelling("relu_leaky_zero", "Relu", op("LeakyRelu", alpha=0.0)),
    Spelling("relu6", "Clip", clipped(0.0, 6.0), {"min": 0.0, "max": 6.0}),
    Spelling("relu6_keras", "Clip", relu6_keras, {"min": 0.0, "max": 6.0}),
    Spelling("relu6_jax", "Clip", relu6_jax, {"min": 0.0, "max": 6.0}),
    Spelling("relu6_of_relu", "Clip", lambda g, x: clip(g, g.op("Relu", x), 0.0, 6.0),
             {"min": 0.0, "max": 6.0}),
    Spelling("hardtanh", "Clip", clipped(-1.0, 1.0), {"min": -1.0, "max": 1.0}),
    Spelling("clamp_max", "Clip", lambda g, x: g.op("Min", x, 1.0), {"min": None, "max": 1.0}),
    Spelling("clamp_of_relus", "Clip", clamp_of_relus, {"min": 0.0, "max": 1.0}),
    Spelling("leaky", "LeakyRelu", op("LeakyRelu", alpha=0.2), {"alpha": 0.2}),
    Spelling("leaky_max", "LeakyRelu", leaky_max, {"alpha": 0.2}),
    Spelling("leaky_where", "LeakyRelu", leaky_where, {"alpha": 0.2}, since=12),
    Spelling("leaky_of_relus", "LeakyRelu", leaky_of_relus, {"alpha": 0.2}),
    Spelling("prelu", "PRelu", lambda g, x: g.op("PRelu", x, g.tensor([0.25])), {"slope": 0.25}),
    Spelling("thresholded", "ThresholdedRelu", op("ThresholdedRelu", alpha=1.5), {"alpha": 1.5}),
    Spelling("thresholded_product", "ThresholdedRelu", thresholded, {"alpha": 1.5}),
    Spelling("thresholded_where", "ThresholdedRelu", thresholded_where, {"alpha": 1.5}),
    Spelling("elu", "Elu", op("Elu"), {"alpha": 1.0}),
    Spelling("elu_alpha", "Elu", op("Elu", alpha=0.5), {"alpha": 0.5}),
    Spelling("elu_where", "Elu", elu_where(1.0), {"alpha": 1.0}),
    Spelling("elu_where_alpha", "Elu", elu_where(0.5), {"alpha": 0.5}),
    Spelling("selu", "Selu", op("Selu")),
    Spelling("selu_parts", "Selu", selu_parts),
    Spelling("celu", "Celu", op("Celu", alpha=2.0), {"alpha": 2.0}),
    Spelling("celu_parts", "Celu", celu_parts, {"alpha": 2.0}),
    Spelling("celu_max", "Celu", celu_max, {"alpha": 2.0}),
    Spelling("sigmoid", "Sigmoid", op("Sigmoid")),
    Spelling("sigmoid_reciprocal", "Sigmoid", sigmoid_parts),
    Spelling("sigmoid_division", "Sigmoid", sigmoid_division),
    Spelling("sigmoid_tanh", "Sigmoid", sigmoid_tanh),
    Spelling("hard_sigmoid", "HardSigmoid", op("HardSigmoid", alpha=0.2, beta=0.5),
             {"alpha": 0.2, "beta": 0.5}),
    Spelling("hard_sigmoid_parts", "HardSigmoid", hard_sigmoid_parts,
             {"alpha": 1 / 6, "beta": 0.5}),
    Spelling("hard_sigmoid_keras", "HardSigmoid", hard_sigmoid_keras, {"alpha": 0.2, "beta": 0.5}),
    Spelling("tanh", "Tanh", op("Tanh")),
    Spelling("tanh_sigmoid", "Tanh", tanh_sigmoid),
    Spelling("softcap", "Tanh", softcap, {"softcap": 30.0}),
    Spelling("softplus", "Softplus", op("Softplus")),
    Spelling("softplus_thresholded", "Softplus", softplus_thresholded),
    Spelling("softplus_log", "Softplus", softplus_log),
    Spelling("softsign", "Softsign", op("Softsign")),
    Spelling("softsign_parts", "Softsign", softsign_parts),
    Spelling("mish", "Mish", op("Mish"), since=18),
    Spelling("mish_parts", "Mish", mish),
    Spelling("mish_thresholded", "Mish", mish_thresholded),
    Spelling("mish_log", "Mish", mish_log),
    Spelling("gelu", "Gelu", op("Gelu"), _ERF, since=20),
    Spelling("gelu_tanh", "Gelu", op("Gelu", approximate="tanh"), _TANH, since=20),
    Spelling("gelu_torch", "Gelu", gelu_torch, _ERF),
    Spelling("gelu_dynamo", "Gelu", gelu_dynamo, _ERF),
    Spelling("gelu_hugging_face", "Gelu", gelu_hugging_face, _ERF),
    Spelling("gelu_tensorflow", "Gelu", gelu_tensorflow, _ERF),
    Spelling("gelu_keras", "Gelu", gelu_keras, _ERF),
    Spelling("gelu_sum", "Gelu", gelu_sum, _ERF),
    Spelling("gelu_expanded", "Gelu", gelu_expanded, _ERF),
    Spelling("gelu_through_transpose", "Gelu", gelu_through_transpose, _ERF),
    Spelling("gelu_tanh_torch", "Gelu", gelu_tanh_torch, _TANH),
    Spelling("gelu_tanh_pow", "Gelu", gelu_tanh_pow, _TANH),
    Spelling("gelu_tanh_new", "Gelu", gelu_tanh_new, _TANH),
    Spelling("gelu_tanh_megatron", "Gelu", gelu_tanh_megatron, _TANH),
    Spelling("gelu_ort", "Gelu", op("com.microsoft::Gelu"), _ERF),
    Spelling("fast_gelu_ort", "Gelu", op("com.microsoft::FastGelu"), _TANH),
    Spelling("quick_gelu", "QuickGelu", quick_gelu),
    Spelling("quick_gelu_ort", "QuickGelu", op("com.microsoft::QuickGelu", alpha=1.702)),
    Spelling("silu", "Silu", silu),
    Spelling("silu_swapped", "Silu", silu_swapped),
    Spelling("silu_by_division", "Silu", silu_by_division),
    Spelling("silu_ort", "Silu", op("com.microsoft::QuickGelu", alpha=1.0)),
    Spelling("silu_swish_op", "Silu", op("Swish"), since=24),
    Spelling("swish", "Swish", swish(1.5), {"beta": 1.5}),
    Spelling("swish_op", "Swish", op("Swish", alpha=1.5), {"beta": 1.5}, since=24),
    Spelling("hard_swish", "HardSwish", op("HardSwish"), since=14),
    Spelling("hard_swish_parts", "HardSwish", hard_swish_parts),
    Spelling("hard_swish_gate_first", "HardSwish", hard_swish_gate_first),
    Spelling("hard_swish_product", "HardSwish", hard_swish_product),
    Spelling("soft_shrink", "SoftShrink", op("Shrink", lambd=0.5, bias=0.5), {"lambd": 0.5}),
    Spelling("soft_shrink_clip", "SoftShrink", soft_shrink_clip, {"lambd": 0.5}),
    Spelling("soft_shrink_sign", "SoftShrink", soft_shrink_sign, {"lambd": 0.5}),
    Spelling("hard_shrink", "HardShrink", op("Shrink", lambd=0.5), {"lambd": 0.5}),
    Spelling("hard_shrink_where", "HardShrink", hard_shrink_where, {"lambd": 0.5}),
    Spelling("tanh_shrink", "TanhShrink", tanh_shrink),
    Spelling("log_sigmoid", "LogSigmoid", log_sigmoid),
    Spelling("log_sigmoid_softplus", "LogSigmoid", log_sigmoid_softplus),
    Spelling("squared_relu", "SquaredRelu", squared_relu),
    Spelling("squared_relu_product", "SquaredRelu", squared_relu_product),
    Spelling("star_relu", "SquaredRelu", star_relu),
    Spelling("sine", "Sin", sine),
    Spelling("abs", "Abs", op("Abs")),
    Spelling("sign", "Sign", op("Sign")),
    Spelling("exp", "Exp", op("Exp")),
    Spelling("erf", "Erf", op("Erf")),
    *(
        Spelling(f"{name}_in_{coat.__name__[5:]}", activation, coat(write), params)
        for coat in (with_identities, with_casts, with_reshapes)
        for name, activation, write, params in (
            ("gelu_torch", "Gelu", gelu_torch, _ERF),
            ("gelu_tanh_pow", "Gelu", gelu_tanh_pow, _TANH),
            ("silu", "Silu", silu, {}),
            ("mish_parts", "Mish", mish, {}),
            ("hard_swish_parts", "HardSwish", hard_swish_parts, {}),
            ("leaky_of_relus", "LeakyRelu", leaky_of_relus, {"alpha": 0.2}),
        )
    ),
)  # fmt: skip

"""Graphs without an activation, full of operators that look like one: a function a graph.

Each gets a builder and writes a whole network: weights before and behind what looks suspicious,
where a real file has them.
"""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from tests.builder import Builder

__all__ = ["LOOKALIKE_GRAPHS"]

Write: TypeAlias = Callable[[Builder], None]
_GRAPHS: dict[str, Write] = {}


def _graph(write: Write) -> Write:
    _GRAPHS[write.__name__] = write
    return write


def _between(inner: Callable[[Builder, str], str]) -> Write:
    """Weights, something, weights."""

    def write(g: Builder) -> None:
        x = g.dense(g.input(["n", 8]), 8, 8)
        g.output(g.dense(inner(g, x), 8, 4), ["n", 4])

    return write


def _behind(inner: Callable[[Builder, str], str]) -> Write:
    """Weights, then something that decodes the output."""

    def write(g: Builder) -> None:
        y = inner(g, g.dense(g.input(["n", 8]), 8, 8))
        g.output(y, ["n", None])

    return write


def _before(inner: Callable[[Builder, str], str]) -> Write:
    """Something that prepares the input, then weights."""

    def write(g: Builder) -> None:
        g.output(g.dense(inner(g, g.input(["n", 8])), 8, 4), ["n", 4])

    return write


def _mean(g: Builder, x: str, kind: str = "ReduceMean") -> str:
    return g.op(kind, x, axes=[-1], keepdims=1)


def _centred(g: Builder, x: str) -> str:
    return g.op("Sub", x, _mean(g, x))


def _scaled(g: Builder, x: str) -> str:
    width = 8
    return g.op("Add", g.op("Mul", x, g.tensor(np.linspace(1, 2, width))), g.tensor(np.ones(width)))


def layer_norm_pow(g: Builder, x: str) -> str:
    c = _centred(g, x)
    spread = g.op("Sqrt", g.op("Add", _mean(g, g.op("Pow", c, 2.0)), 1e-5))
    return _scaled(g, g.op("Div", c, spread))


def layer_norm_mul(g: Builder, x: str) -> str:
    c = _centred(g, x)
    spread = g.op("Sqrt", g.op("Add", _mean(g, g.op("Mul", c, c)), 1e-5))
    return _scaled(g, g.op("Mul", c, g.op("Reciprocal", spread)))


def layer_norm_tensorflow(g: Builder, x: str) -> str:
    c = _centred(g, x)
    spread = g.op("Sqrt", g.op("Add", _mean(g, g.op("Mul", c, c)), 1e-3))
    scale = g.op("Mul", g.op("Reciprocal", spread), g.tensor(np.linspace(1, 2, 8)))
    return g.op(
        "Add",
        g.op("Mul", x, scale),
        g.op("Sub", g.tensor(np.ones(8)), g.op("Mul", _mean(g, x), scale)),
    )


def layer_norm_power(g: Builder, x: str) -> str:
    c = _centred(g, x)
    return _scaled(
        g, g.op("Mul", c, g.op("Pow", g.op("Add", _mean(g, g.op("Pow", c, 2.0)), 1e-5), -0.5))
    )


def rms_norm(g: Builder, x: str) -> str:
    spread = g.op("Sqrt", g.op("Add", _mean(g, g.op("Pow", x, 2.0)), 1e-6))
    return g.op("Mul", g.op("Div", x, spread), g.tensor(np.linspace(1, 2, 8)))


def rms_norm_reciprocal(g: Builder, x: str) -> str:
    square = _mean(g, g.op("Mul", x, x))
    return g.op("Mul", x, g.op("Reciprocal", g.op("Sqrt", g.op("Add", square, 1e-6))))


def l2_normalise(g: Builder, x: str) -> str:
    norm = _mean(g, x, "ReduceL2")
    return g.op("Div", x, g.op("Clip", norm, g.const(1e-12), ""))


def l2_normalise_max(g: Builder, x: str) -> str:
    return g.op("Div", x, g.op("Max", _mean(g, x, "ReduceL2"), 1e-12))


def l2_normalise_parts(g: Builder, x: str) -> str:
    total = g.op("ReduceSum", g.op("Mul", x, x), g.tensor([-1], "int64"), keepdims=1)
    return g.op("Div", x, g.op("Sqrt", g.op("Max", total, 1e-12)))


def l1_normalise(g: Builder, x: str) -> str:
    total = g.op("ReduceSum", g.op("Abs", x), g.tensor([-1], "int64"), keepdims=1)
    return g.op("Div", x, g.op("Add", total, 1e-6))


def dynamic_scale(g: Builder, x: str) -> str:
    return g.op("Div", x, g.op("ReduceMax", g.op("Abs", x), keepdims=0))


def standard_deviation(g: Builder, x: str) -> str:
    c = _centred(g, x)
    return g.op("Div", c, g.op("Add", g.op("Sqrt", _mean(g, g.op("Mul", c, c))), 1e-5))


def variance_kept_positive(g: Builder, x: str) -> str:
    """E[x^2] - E[x]^2, kept from falling below zero by rounding, as tf.nn.moments writes it."""
    square = g.op("Mul", _mean(g, x), _mean(g, x))
    spread = g.op("Sub", _mean(g, g.op("Mul", x, x)), square)
    safe = g.op("Reshape", g.op("Max", 0.0, spread), g.tensor([-1, 1], "int64"))
    return g.op("Mul", x, g.op("Reciprocal", g.op("Sqrt", g.op("Add", safe, 1e-6))))


def rounded_clip(g: Builder, x: str) -> str:
    """Simulated integers: the bounds of the type, moved and scaled."""
    steps = g.op("Clip", g.op("Round", g.op("Div", x, 0.0078125)), g.const(-128.0), g.const(127.0))
    return g.op("Mul", g.op("Sub", steps, 3.0), 0.0078125)


def batch_norm_folded(g: Builder, x: str) -> str:
    return _scaled(g, x)


def softmax_parts(g: Builder, x: str) -> str:
    e = g.op("Exp", g.op("Sub", x, _mean(g, x, "ReduceMax")))
    return g.op("Div", e, g.op("ReduceSum", e, g.tensor([-1], "int64"), keepdims=1))


def softmax_parts_plain(g: Builder, x: str) -> str:
    e = g.op("Exp", x)
    return g.op("Div", e, g.op("ReduceSum", e, g.tensor([-1], "int64"), keepdims=1))


def softmax_parts_reciprocal(g: Builder, x: str) -> str:
    e = g.op("Exp", g.op("Sub", x, _mean(g, x, "ReduceMax")))
    return g.op(
        "Mul", e, g.op("Reciprocal", g.op("ReduceSum", e, g.tensor([-1], "int64"), keepdims=1))
    )


def log_sum_exp(g: Builder, x: str) -> str:
    total = g.op("ReduceSum", g.op("Exp", x), g.tensor([-1], "int64"), keepdims=1)
    return g.op("Sub", x, g.op("Log", total))


def local_response(g: Builder, x: str) -> str:
    """LRN from its parts, over a window of one."""
    wide = g.op("Reshape", g.op("Mul", x, x), g.tensor([-1, 8, 1], "int64"))
    pooled = g.op(
        "Reshape", g.op("AveragePool", wide, kernel_shape=[1]), g.tensor([-1, 8], "int64")
    )
    return g.op("Div", x, g.op("Pow", g.op("Add", 1.0, g.op("Mul", 1e-4, pooled)), 0.75))


def temperature(g: Builder, x: str) -> str:
    return g.op("Div", g.op("Mul", x, 3.0), 7.0)


def power_two(g: Builder, x: str) -> str:
    return g.op("Pow", x, 2.0)


def product_with_itself(g: Builder, x: str) -> str:
    return g.op("Mul", x, x)


def cubic(g: Builder, x: str) -> str:
    return g.op("Add", g.op("Pow", x, 3.0), g.op("Mul", x, 0.5))


def square_root(g: Builder, x: str) -> str:
    return g.op("Sqrt", x)


def logarithm(g: Builder, x: str) -> str:
    return g.op("Log", g.op("Add", x, 1e-7))


def guarded_logarithm(g: Builder, x: str) -> str:
    return g.op("Log", g.op("Clip", x, g.const(1e-7), g.const(1e7)))


def inverse(g: Builder, x: str) -> str:
    return g.op("Reciprocal", x)


def inverse_square_root(g: Builder, x: str) -> str:
    return g.op("Pow", x, -0.5)


def casts(g: Builder, x: str) -> str:
    return g.op("Cast", g.op("Cast", x, to=11), to=1)


def double_negation(g: Builder, x: str) -> str:
    return g.op("Neg", g.op("Neg", x))


def wide_clip(g: Builder, x: str) -> str:
    """The guard of half precision: bounds that nothing reaches."""
    return g.op("Clip", x, g.const(-65504.0), g.const(65504.0))


def empty_clip(g: Builder, x: str) -> str:
    return g.op("Clip", x)


def identity_leaky(g: Builder, x: str) -> str:
    return g.op("LeakyRelu", x, alpha=1.0)


def identity_where(g: Builder, x: str) -> str:
    return g.op("Where", g.op("Greater", x, 0.0), x, x)


def rounding(g: Builder, x: str) -> str:
    return g.op("Round", x)


def fake_quantisation(g: Builder, x: str) -> str:
    steps = g.op("Clip", g.op("Round", g.op("Div", x, 0.05)), g.const(-128.0), g.const(127.0))
    return g.op("Mul", steps, 0.05)


def fake_quantisation_floor(g: Builder, x: str) -> str:
    steps = g.op("Floor", g.op("Add", g.op("Mul", x, 20.0), 0.5))
    return g.op("Mul", g.op("Max", g.op("Min", steps, 127.0), -128.0), 0.05)


def quantise_dequantise(g: Builder, x: str) -> str:
    scale, zero = g.tensor(0.1), g.tensor(np.int8(3), "int8")
    return g.op("DequantizeLinear", g.op("QuantizeLinear", x, scale, zero), scale, zero)


def integer_cast(g: Builder, x: str) -> str:
    return g.op("Cast", g.op("Cast", x, to=7), to=1)


def integer_relu(g: Builder, x: str) -> str:
    return g.op("Cast", g.op("Relu", g.op("Cast", x, to=6)), to=1)


def integer_clip(g: Builder, x: str) -> str:
    whole = g.op("Cast", x, to=7)
    clipped = g.op("Clip", whole, g.tensor(0, "int64"), g.tensor(5, "int64"))
    return g.op("Cast", clipped, to=1)


def integer_absolute(g: Builder, x: str) -> str:
    return g.op("Cast", g.op("Abs", g.op("Cast", x, to=7)), to=1)


def scale_by_width(g: Builder, x: str) -> str:
    """x / sqrt(d), d read from the shape."""
    width = g.op("Gather", g.op("Shape", x), g.tensor(1, "int64"))
    return g.op("Div", x, g.op("Sqrt", g.op("Cast", width, to=1)))


def scale_by_logarithm(g: Builder, x: str) -> str:
    width = g.op("Cast", g.op("Gather", g.op("Shape", x), g.tensor(1, "int64")), to=1)
    return g.op("Mul", x, g.op("Log", width))


def size_floor(g: Builder, x: str) -> str:
    width = g.op("Cast", g.op("Gather", g.op("Shape", x), g.tensor(1, "int64")), to=1)
    return g.op("Mul", x, g.op("Floor", g.op("Div", width, 2.0)))


def exponential_scale(g: Builder, x: str) -> str:
    """A learned temperature, kept as a logarithm."""
    return g.op("Mul", x, g.op("Exp", g.tensor([0.7])))


def weight_norm(g: Builder, x: str) -> str:
    v = g.tensor(np.linspace(1, 2, 8))
    return g.op("Mul", x, g.op("Div", v, g.op("Sqrt", g.op("Mul", v, v))))


def squeeze_pair(g: Builder, x: str) -> str:
    axes = g.tensor([1], "int64")
    return g.op("Squeeze", g.op("Unsqueeze", x, axes), axes)


def maximum_of_two(g: Builder, x: str) -> str:
    """Maxout: no function of one tensor."""
    return g.op("Max", x, g.dense(x, 8, 8, seed=1))


def minimum_of_two(g: Builder, x: str) -> str:
    return g.op("Min", x, g.dense(x, 8, 8, seed=1))


def where_of_two(g: Builder, x: str) -> str:
    y = g.dense(x, 8, 8, seed=1)
    return g.op("Where", g.op("Greater", x, y), x, y)


def magnitude(g: Builder, x: str) -> str:
    """|STFT|: the root of two squares."""
    y = g.dense(x, 8, 8, seed=1)
    return g.op("Sqrt", g.op("Add", g.op("Pow", x, 2.0), g.op("Pow", y, 2.0)))


def residual(g: Builder, x: str) -> str:
    return g.op("Add", x, g.dense(x, 8, 8, seed=1))


def product_of_two(g: Builder, x: str) -> str:
    return g.op("Mul", x, g.dense(x, 8, 8, seed=1))


def random_noise(g: Builder, x: str) -> str:
    return g.op("Add", x, g.op("RandomNormalLike", x))


def dropout(g: Builder, x: str) -> str:
    return g.op("Dropout", x)


def reparametrisation(g: Builder, x: str) -> str:
    noise = g.op("RandomNormalLike", x)
    spread = g.op("Exp", g.op("Mul", g.dense(x, 8, 8, seed=1), 0.5))
    return g.op("Add", x, g.op("Mul", noise, spread))


def exponential_head(g: Builder, x: str) -> str:
    return g.op("Exp", x)


def box_sizes(g: Builder, x: str) -> str:
    return g.op("Mul", g.op("Exp", g.op("Mul", x, 0.2)), g.tensor(np.linspace(1, 2, 8)))


def box_corners(g: Builder, x: str) -> str:
    half = g.op("Mul", g.op("Exp", x), 0.5)
    centre = g.dense(x, 8, 8, seed=1)
    return g.op("Concat", g.op("Sub", centre, half), g.op("Add", centre, half), axis=1)


def box_clip(g: Builder, x: str) -> str:
    size = g.op("Mul", g.op("Exp", x), 0.5)
    corner = g.op("Sub", g.dense(x, 8, 8, seed=1), size)
    return g.op("Clip", corner, g.const(0.0), g.const(640.0))


def threshold_head(g: Builder, x: str) -> str:
    return g.op("Cast", g.op("Greater", x, 0.0), to=7)


def absolute_head(g: Builder, x: str) -> str:
    return g.op("Abs", x)


def sign_head(g: Builder, x: str) -> str:
    return g.op("Sign", x)


def squared_distance(g: Builder, x: str) -> str:
    return g.op("ReduceSum", g.op("Pow", g.op("Sub", x, 0.3), 2.0), g.tensor([-1], "int64"))


def euclidean_distance(g: Builder, x: str) -> str:
    return g.op("Sqrt", g.op("ReduceSum", g.op("Mul", x, x), g.tensor([-1], "int64")))


def decibels(g: Builder, x: str) -> str:
    power = g.op("Max", g.op("Mul", x, x), 1e-10)
    return g.op("Mul", 10.0, g.op("Div", g.op("Log", power), math.log(10)))


def standardise(g: Builder, x: str) -> str:
    return g.op("Div", g.op("Sub", x, 0.485), 0.229)


def absolute_input(g: Builder, x: str) -> str:
    return g.op("Abs", x)


def compressed_input(g: Builder, x: str) -> str:
    """Signed square root of the input features."""
    return g.op("Mul", g.op("Sign", x), g.op("Sqrt", g.op("Abs", x)))


def fourier_features(g: Builder, x: str) -> str:
    angle = g.op("Mul", x, 6.28)
    both = g.op("Concat", g.op("Sin", angle), g.op("Cos", angle), axis=1)
    return g.dense(both, 16, 8, seed=2)


for _inner in (
    layer_norm_pow, layer_norm_mul, layer_norm_tensorflow, layer_norm_power, rms_norm,
    rms_norm_reciprocal, l2_normalise, l2_normalise_max, l2_normalise_parts, l1_normalise,
    dynamic_scale, standard_deviation, variance_kept_positive, rounded_clip,
    batch_norm_folded, softmax_parts, softmax_parts_plain,
    softmax_parts_reciprocal, log_sum_exp, local_response, temperature, power_two,
    product_with_itself, cubic, square_root, logarithm, guarded_logarithm, inverse,
    inverse_square_root, casts, double_negation, wide_clip, empty_clip, identity_leaky,
    identity_where, rounding, fake_quantisation, fake_quantisation_floor, quantise_dequantise,
    integer_cast, integer_relu, integer_clip, integer_absolute, scale_by_width,
    scale_by_logarithm, size_floor, exponential_scale, weight_norm, squeeze_pair, maximum_of_two,
    minimum_of_two, where_of_two, magnitude, residual, product_of_two, random_noise, dropout,
    reparametrisation,
):  # fmt: skip
    _GRAPHS[_inner.__name__] = _between(_inner)

for _inner in (
    exponential_head, box_sizes, box_corners, box_clip, threshold_head, absolute_head, sign_head,
    squared_distance, euclidean_distance,
):  # fmt: skip
    _GRAPHS[_inner.__name__] = _behind(_inner)

for _inner in (decibels, standardise, absolute_input, compressed_input, fourier_features):
    _GRAPHS[_inner.__name__] = _before(_inner)


@_graph
def attention_mask(g: Builder) -> None:
    """(1 - mask) * -10000 added to the scores."""
    x = g.dense(g.input(["n", 8]), 8, 8)
    mask = g.op("Cast", g.input(["n", 8], "mask", "int64"), to=1)
    bias = g.op("Mul", g.op("Sub", 1.0, mask), -10000.0)
    g.output(g.dense(g.op("Add", x, bias), 8, 4), ["n", 4])


@_graph
def boolean_mask(g: Builder) -> None:
    x = g.dense(g.input(["n", 8]), 8, 8)
    mask = g.input(["n", 8], "mask", "bool")
    g.output(g.dense(g.op("Where", mask, x, -1e9), 8, 4), ["n", 4])


@_graph
def padding_mask(g: Builder) -> None:
    ids = g.input(["n", 8], "ids", "int64")
    pad = g.op("Cast", g.op("Not", g.op("Equal", ids, g.tensor(0, "int64"))), to=1)
    rows = g.op("Gather", g.tensor(np.random.default_rng(0).normal(size=(9, 8))), ids)
    kept = g.op("Mul", rows, g.op("Unsqueeze", pad, g.tensor([-1], "int64")))
    g.output(g.dense(kept, 8, 4), ["n", 8, 4])


@_graph
def position_numbers(g: Builder) -> None:
    """Positions counted from a mask, as RoBERTa does."""
    ids = g.input(["n", 8], "ids", "int64")
    real = g.op("Cast", g.op("Not", g.op("Equal", ids, g.tensor(1, "int64"))), to=6)
    counted = g.op("Mul", g.op("CumSum", real, g.tensor(1, "int64")), real)
    places = g.op("Add", g.op("Cast", counted, to=7), g.tensor(1, "int64"))
    rows = g.op("Gather", g.tensor(np.random.default_rng(0).normal(size=(12, 8))), places)
    g.output(g.dense(rows, 8, 4), ["n", 8, 4])


@_graph
def rotary(g: Builder) -> None:
    x = g.dense(g.input(["n", 8]), 8, 8)
    places = g.op("Cast", g.input(["n", 1], "position_ids", "int64"), to=1)
    angle = g.op("MatMul", places, g.tensor(np.linspace(0.1, 1, 8).reshape(1, 8)))
    turned = g.op("Add", g.op("Mul", x, g.op("Cos", angle)), g.op("Mul", x, g.op("Sin", angle)))
    g.output(g.dense(turned, 8, 4), ["n", 4])


@_graph
def timestep_embedding(g: Builder) -> None:
    t = g.op("Cast", g.input(["n", 1], "t", "int64"), to=1)
    angle = g.op("Mul", t, g.op("Exp", g.tensor(-np.linspace(0, 9, 4).reshape(1, 4))))
    both = g.op("Concat", g.op("Sin", angle), g.op("Cos", angle), axis=1)
    g.output(g.dense(both, 8, 4), ["n", 4])


@_graph
def token_counts(g: Builder) -> None:
    ids = g.input(["n", 8], "ids", "int64")
    near = g.op("Min", g.op("Abs", g.op("Sub", ids, g.tensor(3, "int64"))), g.tensor(5, "int64"))
    rows = g.op("Gather", g.tensor(np.random.default_rng(0).normal(size=(9, 8))), near)
    g.output(g.dense(rows, 8, 4), ["n", 8, 4])


@_graph
def dead_relu(g: Builder) -> None:
    """No output depends on it."""
    x = g.dense(g.input(["n", 8]), 8, 8)
    g.op("Relu", x)
    g.output(g.dense(x, 8, 4), ["n", 4])


@_graph
def constant_relu(g: Builder) -> None:
    """An activation of weights: folded before the model runs."""
    x = g.dense(g.input(["n", 8]), 8, 8)
    g.output(g.op("Mul", x, g.op("Relu", g.tensor(np.linspace(-1, 1, 8)))), ["n", 8])


LOOKALIKE_GRAPHS: Mapping[str, Write] = _GRAPHS

"""The softmax inside an attention operator comes out, and the operator's outputs stay the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from scipy import special

from onnx_affscore.graph.opening import HiddenSoftmax, expose_softmaxes, forget_softmaxes, open_up
from onnx_affscore.records import Array
from tests.graph.opening_cases import MICROSOFT, model_of, run

HEADS, TOKENS, SIZE, PAST = 4, 5, 8, 3
RNG = np.random.default_rng(11)
BOOLEAN = RNG.random((2, 1, TOKENS, TOKENS)) > 0.3
BOOLEAN[..., 0] = True
BLOCKED = BOOLEAN.copy()
BLOCKED[0, 0, 2] = False  # a token that may look at none
ADDED = np.where(BOOLEAN, 0, -1.5).astype(np.float32)
LENGTHS = np.array([[1] * TOKENS, [1, 1, 0, 0, 0]], np.int32)


def _f(*shape: int) -> Array:
    return RNG.normal(size=shape).astype(np.float32)


def _attention(*, opset: int = 23, flat: bool = False, groups: int = 1, past: bool = False,
               mask: Array | None = None, half: bool = False, **attrs: Any,
               ) -> tuple[onnx.ModelProto, dict[str, Array]]:  # fmt: skip
    feeds = {"q": _f(2, HEADS, TOKENS, SIZE)}
    feeds |= {n: _f(2, HEADS // groups, TOKENS, SIZE) for n in "kv"}
    if flat:
        feeds = {n: a.transpose(0, 2, 1, 3).reshape(2, TOKENS, -1) for n, a in feeds.items()}
        attrs |= {"q_num_heads": HEADS, "kv_num_heads": HEADS // groups}
    inputs, outputs = ["q", "k", "v", ""], ["y"]
    if mask is not None:
        inputs[3], feeds["mask"] = "mask", mask
    if past:
        inputs += ["pk", "pv"]
        outputs += ["nk", "nv"]
        feeds |= {n: _f(2, HEADS // groups, PAST, SIZE) for n in ("pk", "pv")}
    if half:
        feeds = {n: a.astype(np.float16) for n, a in feeds.items()}
    node = helper.make_node("Attention", inputs, outputs, name="blocks.0/att", **attrs)
    return model_of([node], feeds, outputs, opset), feeds


def _multi_head(
    *, past: bool = False, attrs: Mapping[str, Any] | None = None, **extra: Array
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    feeds = {n: _f(2, TOKENS, HEADS * SIZE) for n in "qkv"} | extra
    names = ["q", "k", "v", "bias", "padding", "added", "pk", "pv"]
    outputs = ["y"]
    if past:
        feeds |= {n: _f(2, HEADS, PAST, SIZE) for n in ("pk", "pv")}
        outputs += ["nk", "nv"]
    inputs = [n if n in feeds else "" for n in names]
    node = helper.make_node("MultiHeadAttention", inputs, outputs, name="blocks.0/att",
                            domain=MICROSOFT, num_heads=HEADS, **(attrs or {}))  # fmt: skip
    return model_of([node], feeds, outputs), feeds


MODELS = {
    **{f"opset {o}": _attention(opset=o) for o in (23, 24)},
    "flat": _attention(flat=True),
    "grouped": _attention(groups=2),
    "grouped flat": _attention(groups=2, flat=True, opset=24),
    "boolean mask": _attention(mask=BOOLEAN),
    "blocked token": _attention(mask=BLOCKED, opset=24),
    "added mask": _attention(mask=ADDED),
    "causal": _attention(is_causal=1),
    "capped": _attention(softcap=2.0),
    "capped, masked, causal": _attention(softcap=2.0, mask=ADDED, is_causal=1, opset=24),
    "past": _attention(past=True, is_causal=1),
    "half precision": _attention(half=True, softmax_precision=1),
    "multi-head": _multi_head(),
    "multi-head bias": _multi_head(bias=_f(3 * HEADS * SIZE)),
    "multi-head padding": _multi_head(padding=LENGTHS),
    "multi-head added": _multi_head(added=_f(1, 1, TOKENS, TOKENS)),
    "multi-head causal": _multi_head(attrs={"unidirectional": 1}),
    "multi-head past": _multi_head(past=True),
}


def _copied(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


def _largest_error(scores: Array, probabilities: Array) -> float:
    """Of a softmax over the keys, where a token may look at any key."""
    expected = special.softmax(scores.astype(np.float64), axis=-1)
    error = np.abs(expected - probabilities).max(-1)
    return float(error[probabilities.sum(-1) > 0].max())


@pytest.mark.parametrize("name", MODELS)
def test_scores_and_probabilities_are_the_softmax_of_the_operator(name: str) -> None:
    proto, feeds = MODELS[name]
    shown = _copied(proto)
    assert open_up(shown) == ()
    assert shown == proto
    (softmax,) = expose_softmaxes(shown)
    assert softmax == HiddenSoftmax("blocks.0/att", "y/softmax_input", "y/softmax_output", -1)
    before = run(proto, feeds)
    after = run(shown, feeds, [softmax.input, softmax.output])
    for output, value in before.items():
        np.testing.assert_array_equal(after[output], value)
    scores, probabilities = after[softmax.input], after[softmax.output]
    assert scores.shape == probabilities.shape
    assert scores.shape[:3] == (2, HEADS, TOKENS)
    rounding = 4 * float(np.finfo(scores.dtype).eps)
    assert _largest_error(scores, probabilities) <= rounding
    assert _largest_error(scores / 1.02, probabilities) > rounding  # the tooth


def test_probabilities_are_those_that_weigh_the_values() -> None:
    for name in ("boolean mask", "multi-head added"):
        proto, feeds = MODELS[name]
        shown = _copied(proto)
        (softmax,) = expose_softmaxes(shown)
        after = run(shown, feeds, [softmax.output])
        values, y = feeds["v"], after["y"]
        if values.ndim == 3:
            values = values.reshape(2, TOKENS, HEADS, SIZE).transpose(0, 2, 1, 3)
            y = y.reshape(2, TOKENS, HEADS, SIZE).transpose(0, 2, 1, 3)
        np.testing.assert_allclose(after[softmax.output] @ values, y, atol=1e-6)


@pytest.mark.parametrize("name", ["past", "multi-head"])
def test_what_was_exposed_can_be_given_up(name: str) -> None:
    proto, feeds = MODELS[name]
    shown = _copied(proto)
    softmaxes = expose_softmaxes(shown)
    operators = [n.op_type for n in shown.graph.node]
    forget_softmaxes(shown, [])
    assert [n.op_type for n in shown.graph.node] == operators
    forget_softmaxes(shown, softmaxes)
    # the others keep their places, and nothing is computed twice
    assert [n.op_type for n in shown.graph.node] == [operators[0], "Constant", "Constant"]
    after, before = run(shown, feeds), run(proto, feeds)
    for output, value in before.items():
        np.testing.assert_array_equal(after[output], value)


def test_without_attention_nothing_is_touched() -> None:
    proto = model_of([helper.make_node("Softmax", ["x"], ["y"])], {"x": _f(2, 3)}, ["y"])
    shown = _copied(proto)
    assert expose_softmaxes(shown) == ()
    assert shown == proto


def test_scores_of_unknown_type_and_shared_buffers_stay_closed() -> None:
    untyped, _ = _multi_head()
    del untyped.graph.input[:]
    shared, _ = _multi_head(past=True)
    shared.graph.node[0].input.append("past_sequence_length")
    for proto in (untyped, shared):
        assert expose_softmaxes(proto) == ()
        (closed,) = open_up(proto)
        assert closed.reason == "Softmax over the keys, inside the operator"

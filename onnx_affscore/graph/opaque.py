"""ONE table of operators whose activation stays hidden, each with the reason that a reader is told.

To add an operator, add a row: what it hides, as a text or as a function of its attributes that
returns None where this very node hides nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import onnx

from onnx_affscore.graph.opening_rules import text
from onnx_affscore.graph.operators import MICROSOFT
from onnx_affscore.graph.view import attributes, kind

__all__ = ["OPAQUE", "hidden_in"]

Reason: TypeAlias = str | Callable[[Mapping[str, Any]], str | None]

_NOTHING = frozenset({"", "none", "identity", "0"})


def _named(attribute: str, default: str, where: str) -> Reason:
    """The activation is named by an attribute; none may be."""

    def reason(attrs: Mapping[str, Any]) -> str | None:
        name = text(attrs.get(attribute, default))
        return None if name.lower() in _NOTHING else f"{name} {where}"

    return reason


def _expert(attrs: Mapping[str, Any]) -> str:
    name = text(attrs.get("activation_type", "relu"))
    return f"{name} between the experts' layers and the Softmax of the router, inside the operator"


def _recurrence(attrs: Mapping[str, Any]) -> str | None:
    gated = "gated" in text(attrs.get("update_rule", "gated_delta"))
    return "Exp of the decay, inside the recurrence of the operator" if gated else None


def _cell(attrs: Mapping[str, Any]) -> str:
    names = attrs.get("activations") or (b"Sigmoid", b"Tanh", b"Tanh")
    return f"{', '.join(dict.fromkeys(map(text, names)))} of the cell, inside the operator"


def _mixed(attrs: Mapping[str, Any]) -> str:
    gate = text(attrs.get("gate_activation", "none"))
    beta = text(attrs.get("beta_activation", "none"))
    named = [n for n in (gate, beta) if n.lower() not in _NOTHING]
    return f"{' and '.join(['Exp of the decay', *named])}, inside the operator"


_KEYS = "Softmax over the keys, inside the operator"
_CONVOLUTION = (
    "of a convolution in a layout for one processor: export the model before it is optimised"
)
_DECODER = "all activations of the decoder, which runs in a loop inside the operator"
_BLOB = "all activations: the operator holds a graph compiled for one device"
_TRANSFORM = _named("post_transform", "NONE", "of the scores, inside the operator")

OPAQUE: Mapping[str, Reason] = {
    # attention
    **dict.fromkeys((
        "Attention", "ai.onnx.preview::FlexAttention",
        *(f"{MICROSOFT}::{name}" for name in (
            "Attention", "DecoderAttention", "DecoderMaskedMultiHeadAttention",
            "DecoderMaskedSelfAttention", "DynamicSparseAttention", "GroupQueryAttention",
            "LongformerAttention", "MultiHeadAttention", "PackedAttention",
            "PackedMultiHeadAttention", "PagedAttention", "QAttention", "QOrderedAttention",
            "QOrderedLongformerAttention", "SparseAttention", "SparsePagedAttention",
        )),
    ), _KEYS),
    f"{MICROSOFT}::GatedRelativePositionBias": "Sigmoid of the gates, inside the operator",
    f"{MICROSOFT}::SparseAttentionIndexer": "Relu of the index scores, inside the operator",
    f"{MICROSOFT}::PackedSparseAttentionIndexer": "Relu of the index scores, inside the operator",
    "LinearAttention": _recurrence,
    f"{MICROSOFT}::LinearAttention": _recurrence,
    f"{MICROSOFT}::GatedDeltaNet": _mixed,
    # experts and gates
    f"{MICROSOFT}::MoE": _expert,
    f"{MICROSOFT}::QMoE": _expert,
    f"{MICROSOFT}::MatMulNBitsMlp": _named(
        "activation", "silu", "of the gate, between matrices inside the operator"
    ),
    f"{MICROSOFT}::EngramGate": "Sigmoid of the gate, inside the operator",
    # cells, embeddings, integers
    f"{MICROSOFT}::AttnLSTM": "Sigmoid, Tanh and the Softmax over the memory, inside the operator",
    f"{MICROSOFT}::DynamicQuantizeLSTM": _cell,
    f"{MICROSOFT}::WordConvEmbedding": "Tanh of the convolution, inside the operator",
    f"{MICROSOFT}::QOrderedGelu": "Gelu of integers in the order of one device's matrices",
    # layouts and graphs of one device
    "com.microsoft.nchwc::Conv": _named("activation", "", _CONVOLUTION),
    "com.ms.internal.nhwc::Conv": _named("activation", "", _CONVOLUTION),
    f"{MICROSOFT}::EPContext": _BLOB,
    f"{MICROSOFT}::Snpe": _BLOB,
    **dict.fromkeys(
        (f"{MICROSOFT}::{name}"
         for name in ("BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch")),
        _DECODER,
    ),
    # classical models
    **dict.fromkeys(
        (f"ai.onnx.ml::{name}"
         for name in ("LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor",
                      "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor")),
        _TRANSFORM,
    ),
}  # fmt: skip


def hidden_in(node: onnx.NodeProto) -> str | None:
    """Return which activation a node hides for good, None where it hides none."""
    reason = OPAQUE.get(kind(node))
    return reason(attributes(node)) if callable(reason) else reason

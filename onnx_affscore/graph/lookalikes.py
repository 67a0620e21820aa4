"""ONE table of refusals: what looks like an activation and is none, each with its reason."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from onnx_affscore.graph import identify
from onnx_affscore.graph.context import REDUCTIONS, WEIGHTED, Context
from onnx_affscore.graph.operators import STRUCTURAL
from onnx_affscore.graph.segment import Piece
from onnx_affscore.graph.view import GraphView, attributes, kind

__all__ = ["LOOKALIKES", "refusal"]

# Operators whose absence from the sites a reader would ask about.
LOOKALIKES = frozenset({
    "Relu", "LeakyRelu", "PRelu", "ThresholdedRelu", "Elu", "Selu", "Celu", "Sigmoid",
    "HardSigmoid", "Tanh", "Softplus", "Softsign", "Mish", "Gelu", "Swish", "HardSwish", "Clip",
    "Shrink", "Softmax", "LogSoftmax", "Hardmax", "Erf", "Exp", "Abs", "Sign", "Sin", "Cos",
    "Sqrt", "Log", "Pow", "Max", "Min",
})  # fmt: skip

# Functions that are activations only in the right place: between weights.
_EXOTIC = frozenset({"Custom", "Erf", "Sin", "Exp", "Abs", "Sign"})
_ROUNDING = frozenset({"Round", "Floor", "Ceil"})
_MOVING = frozenset({*STRUCTURAL, "Identity", "Cast", "Dropout"})
_INTEGER_TYPES = frozenset({2, 3, 4, 5, 6, 7, 12, 13})
# A lower bound above zero and below this keeps a divisor or a logarithm away from zero.
_LARGEST_GUARD = 1e-2

Check: TypeAlias = Callable[[Piece, GraphView, Context], bool]


def refusal(piece: Piece, view: GraphView, context: Context) -> str | None:
    """Return the reason why a piece is no activation, None where it is one."""
    return next((reason for reason, check in _CHECKS.items() if check(piece, view, context)), None)


def _kinds(piece: Piece, view: GraphView) -> set[str]:
    return {kind(view.nodes[p]) for p in piece.cone.nodes}


def _exotic(piece: Piece) -> bool:
    return piece.identity.name in _EXOTIC


def _rounds(piece: Piece, view: GraphView, context: Context) -> bool:
    integer_cast = any(
        view.nodes[p].op_type == "Cast" and attributes(view.nodes[p]).get("to") in _INTEGER_TYPES
        for p in piece.cone.nodes
    )
    clamps = _exotic(piece) or piece.identity.name == "Clip"
    return clamps and (integer_cast or bool(_kinds(piece, view) & _ROUNDING))


def _guards(piece: Piece, view: GraphView, context: Context) -> bool:
    low = float(piece.curve(np.array([-5.0]))[0])
    kinds = _kinds(piece, view)
    return (
        piece.identity.name in ("Relu", "Clip")
        and 0 < low <= _LARGEST_GUARD
        and bool(kinds & {"Clip", "Max", "Where"})
    )


def _keeps_positive(piece: Piece, view: GraphView, context: Context) -> bool:
    """Whether a rectifier only keeps a variance from falling below zero in front of its root."""
    if piece.identity.name not in ("Relu", "Clip") or "Relu" in _kinds(piece, view):
        return False
    pending, seen, ends = [piece.cone.target], {piece.cone.target}, set()
    while pending:
        for node in view.consumers_of(pending.pop()):
            computed = [n for n in node.input if n and not view.is_constant(n)]
            passes = kind(node) in _MOVING | {"Expand"} or (
                kind(node) in ("Add", "Mul") and len(computed) == 1
            )
            if not passes:
                ends.add(kind(node))
            elif node.output[0] not in seen:
                seen.add(node.output[0])
                pending.append(node.output[0])
    return bool(ends) and ends <= {"Sqrt", "Log", "Reciprocal", "Pow"}


def _partial(piece: Piece, view: GraphView, context: Context) -> bool:
    return piece.identity.name == "Custom" and not identify.is_finite(piece.curve)


def _guarded(piece: Piece, view: GraphView, context: Context) -> bool:
    kinds = _kinds(piece, view)
    return (
        piece.identity.name == "Custom"
        and bool(kinds & {"Log", "Sqrt", "Reciprocal"})
        and bool(kinds & {"Clip", "Max"})
    )


def _scales_noise(piece: Piece, view: GraphView, context: Context) -> bool:
    factors = {
        name
        for node in view.consumers_of(piece.cone.target)
        if node.op_type == "Mul"
        for name in node.input
    }
    producers = [view.producer_of(name) for name in factors]
    return _exotic(piece) and any(
        p is not None and p.op_type.startswith("Random") for p in producers
    )


def _power(piece: Piece, view: GraphView, context: Context) -> bool:
    return piece.identity.name == "Custom" and identify.is_polynomial(piece.curve)


def _reduced(piece: Piece, view: GraphView, context: Context) -> bool:
    uses = view.consumers_of(piece.cone.target)
    return (
        (_exotic(piece) or piece.identity.name == "SquaredRelu")
        and bool(uses)
        and all(kind(n) in REDUCTIONS for n in uses)
    )


def _softmax_spelled_out(piece: Piece, view: GraphView, context: Context) -> bool:
    uses = {kind(n) for n in view.consumers_of(piece.cone.target)}
    return piece.identity.name == "Exp" and "ReduceSum" in uses


def _of_reduction(piece: Piece, view: GraphView, context: Context) -> bool:
    producer = view.producer_of(piece.cone.source)
    while producer is not None and kind(producer) in _MOVING:
        producer = view.producer_of(producer.input[0])
    return _exotic(piece) and producer is not None and kind(producer) in REDUCTIONS


def _rotary(piece: Piece, view: GraphView, context: Context) -> bool:
    if piece.identity.name not in ("Sin", "Custom") or not _kinds(piece, view) & {"Sin", "Cos"}:
        return False
    uses = {kind(n) for n in view.consumers_of(piece.cone.source)}
    return {"Sin", "Cos"} <= uses


def _decodes(piece: Piece, view: GraphView, context: Context) -> bool:
    if not context.behind_weights or piece.cone.target in context.before_weights:
        return False
    return _exotic(piece) or (piece.identity.name == "Clip" and not _of_weights(piece, view))


def _of_weights(piece: Piece, view: GraphView) -> bool:
    """Whether an activation follows a weighted operator, but for a bias or a normalisation."""
    producer = view.producer_of(piece.cone.source)
    while producer is not None and producer.input:
        if kind(producer) in WEIGHTED or kind(producer) == "BatchNormalization":
            return True
        computed = [n for n in producer.input if n and not view.is_constant(n)]
        if len(computed) != 1 or kind(producer) not in _MOVING | {"Add", "Mul"}:
            return False
        producer = view.producer_of(computed[0])
    return producer is None


def _prepares(piece: Piece, view: GraphView, context: Context) -> bool:
    has_weights = bool(context.behind_weights)
    return _exotic(piece) and has_weights and piece.cone.source not in context.behind_weights


_CHECKS: Mapping[str, Check] = {
    "rotary or sinusoidal position embedding": _rotary,
    "softmax spelled out": _softmax_spelled_out,
    "rounds: fake quantisation or integer arithmetic": _rounds,
    "a guard against zero, not an activation": _guards,
    "keeps a variance or a norm positive in front of its root": _keeps_positive,
    "feeds a reduction: internals of a normalisation or a norm": _reduced,
    "follows a reduction: internals of a normalisation or a norm": _of_reduction,
    "a root, a logarithm or a quotient: not defined for all numbers": _partial,
    "a root or a logarithm behind a guard": _guarded,
    "scales random noise": _scales_noise,
    "a power or a product: no activation by itself": _power,
    "no weights behind it: decodes the output": _decodes,
    "no weights before it: prepares the input": _prepares,
}

"""Open up operators that hide an activation, so that its input and output are tensors.

What cannot be opened is returned with its reason. Activations that no operator stands for, in
quantised models, are found by :mod:`onnx_affscore.graph.clamps`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_affscore.graph.clamps import QUANTISED, ImplicitClamp, implicit_clamps, integer_clamp
from onnx_affscore.graph.drafting import CannotOpenError, Draft, Surroundings
from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.opaque import OPAQUE, hidden_in
from onnx_affscore.graph.opening_rules import OPENED
from onnx_affscore.graph.operators import MICROSOFT
from onnx_affscore.graph.view import attributes, graphs, kind

__all__ = [
    "HiddenSoftmax",
    "ImplicitClamp",
    "Opaque",
    "expose_softmaxes",
    "forget_softmaxes",
    "hides_activations",
    "implicit_clamps",
    "open_up",
]

_ATTENTION, _MULTI_HEAD = "Attention", f"{MICROSOFT}::MultiHeadAttention"
# The first opset with Attention; a model without an import of ai.onnx gets one with all that the
# rules write, and few enough for old runtimes.
_ATTENTION_OPSET, _DEFAULT_OPSET = 23, 15


@final
@dataclass(frozen=True, slots=True)
class Opaque:
    """A node whose activation cannot be exposed; ``reason`` says which one it hides."""

    node: str
    kind: str
    reason: str


@final
@dataclass(frozen=True, slots=True)
class HiddenSoftmax:
    """The softmax of an attention operator: its input and output, made tensors of the graph."""

    node: str
    input: str
    output: str
    axis: int = -1


def hides_activations(proto: onnx.ModelProto) -> bool:
    """Whether a model holds an operator that :func:`open_up` rewrites or reports."""
    kinds = {*OPENED, *OPAQUE, *QUANTISED}
    return any(kind(node) in kinds for graph in graphs(proto.graph) for node in graph.node)


def open_up(proto: onnx.ModelProto) -> tuple[Opaque, ...]:
    """Rewrite every operator that hides an activation, in place; return those that stay closed.

    Works on the main graph and all graphs inside it; call it on a copy, with functions inlined.
    Outputs keep their names and nodes their order. Attention whose softmax
    :func:`expose_softmaxes` can show is not among the closed ones.
    """
    if not hides_activations(proto):
        return ()
    around = _surroundings(proto)
    closed: list[Opaque] = []
    for graph in reversed(list(graphs(proto.graph))):  # inner ones first: they are copied
        _replace(graph, [_opened(node, around, closed) for node in graph.node])
    if not any(o.domain in ("", "ai.onnx") for o in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", around.opset))
    return tuple(closed)


def expose_softmaxes(proto: onnx.ModelProto) -> tuple[HiddenSoftmax, ...]:
    """Make the softmax of each attention operator tensors of the graph, in place, on a copy.

    Nodes that compute them anew stand behind the operator, which itself stays as it is: clones
    of ``Attention`` that return its scores and its probabilities; for ``MultiHeadAttention``, of
    which ONNX Runtime returns the scores alone, a clone and a Softmax. Where a mask forbids a key,
    its score is the least number of the type.
    """
    if not any(
        kind(node) in (_ATTENTION, _MULTI_HEAD)
        for graph in graphs(proto.graph)
        for node in graph.node
    ):
        return ()
    around = _surroundings(proto)
    shown: list[HiddenSoftmax] = []
    for graph in reversed(list(graphs(proto.graph))):  # inner ones first: they are copied
        behind = [_exposed(node, graph, around, shown) for node in graph.node]
        nodes = [[n, *more] for n, more in zip(graph.node, behind, strict=True)]
        _replace(graph, nodes)
    return tuple(shown)


def forget_softmaxes(proto: onnx.ModelProto, unwanted: Iterable[HiddenSoftmax]) -> None:
    """Undo in place what :func:`expose_softmaxes` added for these: a runtime would compute it.

    A constant takes the place of each node, so that the others keep theirs.
    """
    tensors = {name for softmax in unwanted for name in (softmax.input, softmax.output)}
    for graph in graphs(proto.graph) if tensors else ():
        for node in graph.node:
            name = next((o for o in node.output if o in tensors), None)
            if name is not None:
                node.CopyFrom(helper.make_node("Constant", [], [name], name=name, value_float=0.0))
        for position in reversed(range(len(graph.value_info))):
            if graph.value_info[position].name in tensors:
                del graph.value_info[position]


def _replace(graph: onnx.GraphProto, nodes: Sequence[Sequence[onnx.NodeProto]]) -> None:
    if all(len(new) == 1 and new[0] is old for new, old in zip(nodes, graph.node, strict=True)):
        return
    flat = [node for new in nodes for node in new]
    del graph.node[:]
    graph.node.extend(flat)


def _surroundings(proto: onnx.ModelProto) -> Surroundings:
    types = [types_of(graph) for graph in graphs(infer(proto))]
    constants: dict[str, TensorProto] = {}
    tensors: set[str] = set()
    nodes: set[str] = set()
    for graph in graphs(proto.graph):
        constants |= {t.name: t for t in graph.initializer}
        tensors |= {v.name for v in (*graph.input, *graph.output)} | {
            t.name for t in graph.initializer
        }
        for node in graph.node:
            tensors |= {*node.input, *node.output}
            nodes.add(node.name)
            if node.op_type == "Constant":
                value = next((a.t for a in node.attribute if a.name == "value"), None)
                constants |= {} if value is None else {node.output[0]: value}
    known = [(name, info) for t in types for name, info in t.items()]
    elements = _agreed((n, _element(i.dtype)) for n, i in known if i.dtype)
    elements |= {name: t.data_type for name, t in constants.items()}
    ranks = _agreed((n, len(i.shape)) for n, i in known if i.shape is not None)
    opset = next((o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")), None)
    opset = _DEFAULT_OPSET if opset is None else opset
    return Surroundings(opset, elements, ranks, constants, tensors, nodes)


def _agreed(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    """What is known of tensors by name, less the names that stand for different tensors."""
    seen: dict[str, set[int]] = {}
    for name, value in pairs:
        seen.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in seen.items() if len(values) == 1}


def _element(dtype: str) -> int:
    if dtype == "string":
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(getattr(ml_dtypes, dtype, dtype))))


def _opened(
    node: onnx.NodeProto, around: Surroundings, closed: list[Opaque]
) -> Sequence[onnx.NodeProto]:
    """Return what takes a node's place; the node itself where nothing does."""
    rule, draft = OPENED.get(kind(node)), Draft(node, around)
    reason: str | None = None
    if rule is not None:
        try:
            rule(draft, attributes(node))
            return draft.nodes or [node]
        except CannotOpenError as exc:
            reason = f"the activation inside cannot be opened: {exc}"
        except (IndexError, KeyError, TypeError, ValueError):
            reason = "the activation inside cannot be opened: an input or an attribute is missing"
    elif not _can_expose(node, around):
        reason = hidden_in(node) or integer_clamp(node, around)
    if reason is not None:
        closed.append(Opaque(draft.prefix, kind(node), reason))
    return [node]


def _can_expose(node: onnx.NodeProto, around: Surroundings) -> bool:
    if kind(node) == _ATTENTION:
        return around.opset >= _ATTENTION_OPSET
    # Inputs from the ninth on belong to decoders that share buffers. The type of the scores must
    # be declared.
    return (
        kind(node) == _MULTI_HEAD
        and not any(node.input[8:])
        and around.element(*node.input[:4]) is not None
    )


def _exposed(
    node: onnx.NodeProto, graph: onnx.GraphProto, around: Surroundings, shown: list[HiddenSoftmax]
) -> list[onnx.NodeProto]:
    """Return the nodes behind an attention operator that compute its softmax's input and output."""
    if kind(node) not in (_ATTENTION, _MULTI_HEAD) or not _can_expose(node, around):
        return []
    draft, out = Draft(node, around), node.output[0]
    scores = around.fresh(f"{out}/softmax_input")
    probabilities = around.fresh(f"{out}/softmax_output")
    modes = ((2, scores), (3, probabilities)) if kind(node) == _ATTENTION else ((None, scores),)
    for mode, tensor in modes:
        copied = draft.again() if mode is None else draft.again(qk_matmul_output_mode=mode)
        clone = draft.nodes[-1]
        clone.name = around.fresh_node(f"{draft.prefix}/{tensor.rpartition('/')[2]}")
        states = [around.fresh(f"{copied}/state") if o else "" for o in node.output[1:3]]
        del clone.output[1:]
        clone.output.extend([*states, *[""] * (2 - len(states)), tensor])
    if kind(node) == _MULTI_HEAD:
        element = around.element(*node.input[:4])
        graph.value_info.append(
            helper.make_tensor_value_info(scores, element or TensorProto.FLOAT, [None] * 4)
        )
        draft.add("Softmax", scores, outputs=[probabilities], axis=3)
    shown.append(HiddenSoftmax(draft.prefix, scores, probabilities))
    return draft.nodes

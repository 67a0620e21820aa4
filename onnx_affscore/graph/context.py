"""What lies around a tensor: data or shapes behind it, weights before and behind it, its role."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import final

import onnx

from onnx_affscore.graph.operators import STRUCTURAL, is_elementwise
from onnx_affscore.graph.view import GraphView, kind, subgraphs
from onnx_affscore.records import Role

__all__ = ["REDUCTIONS", "WEIGHTED", "Context"]

# Operators that hold a network's weights; an activation of the trunk lies between two of them.
WEIGHTED = frozenset({
    "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "DeformConv", "Gemm", "MatMul",
    "MatMulInteger", "QLinearMatMul", "Einsum", "LSTM", "GRU", "RNN", "Attention",
    "com.microsoft::FusedConv", "com.microsoft::NhwcFusedConv", "com.microsoft::FusedGemm",
    "com.microsoft::FusedMatMul", "com.microsoft::FusedMatMulActivation",
    "com.microsoft::GemmFastGelu", "com.microsoft::MatMulNBits", "com.microsoft::QGemm",
    "com.microsoft::DynamicQuantizeMatMul", "com.microsoft::MatMulIntegerToFloat",
    "com.microsoft::Attention", "com.microsoft::MultiHeadAttention",
    "com.microsoft::GroupQueryAttention", "com.microsoft::DynamicQuantizeLSTM",
})  # fmt: skip

REDUCTIONS = frozenset({
    "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
})  # fmt: skip

# What may stand behind a head: operators that move, choose or name elements, and post-processing.
_HEAD = frozenset({
    *STRUCTURAL, "Identity", "Cast", "ArgMax", "ArgMin", "TopK", "Slice", "Split", "Gather",
    "GatherElements", "GatherND", "Concat", "Hardmax", "NonMaxSuppression", "Dropout",
    "QuantizeLinear", "DequantizeLinear", "ai.onnx.ml::ZipMap", "ai.onnx.ml::ArrayFeatureExtractor",
    "ai.onnx.ml::LabelEncoder", "Shape", "Greater", "Less", "GreaterOrEqual", "LessOrEqual",
    "Equal", "Not", "SequenceConstruct", "Constant",
})  # fmt: skip

_PASSING = frozenset({*STRUCTURAL, "Identity", "Cast", "Dropout", "Expand", "Tile", "Resize",
                      "Slice", "QuantizeLinear", "DequantizeLinear"})  # fmt: skip


@final
class Context:
    """Answers questions about the neighbourhood of tensors in one view."""

    def __init__(
        self, view: GraphView, around: "Context | None" = None, node: onnx.NodeProto | None = None
    ) -> None:
        """``around`` and ``node``: the context and the node that hold a subgraph's view."""
        self.view = view
        self._around = around
        self._node = node

    @cached_property
    def from_data(self) -> frozenset[str]:
        """Tensors whose values depend on an input's values, not on shapes alone."""
        starts = {*self.view.inputs}
        if self._around is not None:
            starts |= self.view.captured & self._around.from_data
        return self._forward(starts, stops=lambda n: n.op_type in ("Shape", "Size"))

    @cached_property
    def behind_weights(self) -> frozenset[str]:
        """Tensors that some weighted operator leads to; those carried by a loop may be."""
        starts = {o for n in self.view.nodes if _weighted(n) for o in n.output}
        if self._around is not None and self._node is not None:
            starts |= self.view.captured & self._around.behind_weights
            if any(n in self._around.behind_weights for n in self._node.input) or (
                starts and self._repeats
            ):
                starts |= set(self.view.inputs)
        return self._forward(starts)

    @property
    def _repeats(self) -> bool:
        return self._node is not None and self._node.op_type in ("Loop", "Scan")

    @cached_property
    def before_weights(self) -> frozenset[str]:
        """Tensors that lead to some weighted operator."""
        found: set[str] = set()
        if self._around is not None and self._node is not None:
            feeds = any(o in self._around.before_weights for o in self._node.output)
            if feeds or (self._repeats and any(_weighted(n) for n in self.view.nodes)):
                found |= self.view.outputs
        for node in reversed(self.view.nodes):
            if _weighted(node) or any(o in found for o in node.output):
                found.update(n for n in node.input if n)
        return frozenset(found)

    def _forward(
        self, starts: Iterable[str], *, stops: Callable[[onnx.NodeProto], bool] = lambda _: False
    ) -> frozenset[str]:
        found = set(starts)
        pending = list(found)
        while pending:
            for node in self.view.consumers_of(pending.pop()):
                if not stops(node):
                    fresh = [o for o in node.output if o and o not in found]
                    found.update(fresh)
                    pending += fresh
        return frozenset(found)

    def role(self, output: str, *, activation: str) -> Role:
        """Return what an activation is for, from what its output meets.

        Softmax in front of a matrix product of two computed tensors is attention, one whose
        choice TopK makes is a router; anything with only reshaping or argmax behind it is a head;
        a factor of another computed tensor is a gate; the rest is hidden.
        """
        if self.is_head(output):
            return Role.HEAD
        uses = list(self._uses(output))
        if activation == "Softmax":
            producer = self.view.producer_of(self._source_of_softmax(output))
            if any(n.op_type == "TopK" for _, n in uses) or (
                producer and producer.op_type == "TopK"
            ):
                return Role.ROUTER
            if any(n.op_type in ("MatMul", "Einsum") and self._mixes(n) for _, n in uses):
                return Role.ATTENTION
        if uses and all(self._is_gated(name, node) for name, node in uses):
            return Role.GATE
        return Role.HIDDEN

    def is_head(self, output: str) -> bool:
        """Whether nothing but reshaping, choosing or naming lies between a tensor and an output."""
        pending, seen, reached = [output], {output}, output in self.view.outputs
        while pending:
            for node in self.view.consumers_of(pending.pop()):
                scalar_affine = node.op_type in ("Mul", "Add", "Sub", "Div", "Clip") and all(
                    n in seen or self.view.is_constant(n) for n in node.input if n
                )
                if kind(node) not in _HEAD and not scalar_affine:
                    return False
                for name in node.output:
                    reached |= name in self.view.outputs
                    if name and name not in seen:
                        seen.add(name)
                        pending.append(name)
        return reached and self._is_head_outside(seen)

    def _is_head_outside(self, names: set[str]) -> bool:
        """Whether a subgraph's outputs go nowhere but to a head; a loop carries them on."""
        if self._around is None or self._node is None:
            return True
        if self._repeats:
            return False
        places = [i for i, o in enumerate(self.view.graph.output) if o.name in names]
        outputs = self._node.output  # of a damaged file, fewer than those of its graph
        return all(self._around.is_head(outputs[i]) for i in places if i < len(outputs))

    def _uses(self, output: str) -> Iterable[tuple[str, onnx.NodeProto]]:
        """Consumers of a tensor, looking through operators that only pass it on."""
        pending, seen = [output], {output}
        while pending:
            name = pending.pop(0)
            for node in self.view.consumers_of(name):
                passing = kind(node) in _PASSING and node.input[0] == name
                if (passing or self._is_scaling(node)) and node.output[0] not in seen:
                    seen.add(node.output[0])
                    pending.append(node.output[0])
                elif not passing:
                    yield name, node

    def _is_scaling(self, node: onnx.NodeProto) -> bool:
        """Whether a node multiplies or shifts its only computed input by constants."""
        computed = [n for n in node.input if n and not self.view.is_constant(n)]
        return node.op_type in ("Mul", "Div", "Add", "Sub") and len(computed) == 1

    def _is_gated(self, name: str, node: onnx.NodeProto) -> bool:
        if node.op_type != "Mul":
            return False
        others = [n for n in node.input if n != name]
        return bool(others) and all(
            not self.view.is_constant(n) and n in self.from_data for n in others
        )

    def _mixes(self, node: onnx.NodeProto) -> bool:
        return sum(not self.view.is_constant(n) for n in node.input) > 1

    def _source_of_softmax(self, output: str) -> str:
        node = self.view.producer_of(output)
        while node is not None and node.input:
            name = node.input[0]
            node = self.view.producer_of(name)
            if node is None or not (kind(node) in _PASSING or is_elementwise(kind(node))):
                return name
        return output


def _weighted(node: onnx.NodeProto) -> bool:
    """Whether a node, or one inside it, holds weights."""
    if kind(node) in WEIGHTED:
        return True
    return any(_weighted(inner) for _, graph in subgraphs(node) for inner in graph.node)

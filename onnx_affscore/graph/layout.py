"""Which axis of a tensor counts samples and which its features, by following the producers.

Each axis carries a letter: N counts samples (or samples times windows, batch-major), C features
(channels, units), S positions (pixels, tokens, time steps), ``?`` is not known. The letters start
at the model's inputs and at the operators that make features (Conv, Gemm, MatMul with weights),
and are carried on by the table in ``layout_rules.py``. An operator that is not in it ends them.
"""

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import onnx

from onnx_affscore.graph.layout_rules import RULES, Letters, elementwise
from onnx_affscore.graph.operators import is_elementwise
from onnx_affscore.graph.view import GraphView, attributes, kind
from onnx_affscore.records import InputHint

__all__ = ["Layouts", "default_feature_axis", "feature_axis", "input_letters", "sample_axis"]


def sample_axis(letters: Letters | None) -> int | None:
    """Return the axis that counts samples, None where it is not known."""
    return letters.index("N") if letters and "N" in letters else None


def feature_axis(letters: Letters | None) -> int | None:
    """Return the feature axis: the last one of features (of heads and units, the units)."""
    return letters.rindex("C") if letters and "C" in letters else None


def default_feature_axis(rank: int) -> int | None:
    """Return the feature axis of a tensor of which only the rank is known."""
    return {0: None, 1: 0, 2: 1, 3: 2}.get(rank, 1)


def input_letters(hints: Sequence[InputHint]) -> dict[str, Letters]:
    """Return the letters of a model's inputs, as far as their shapes are declared."""
    return {
        hint.spec.name: _input_letters(hint.spec.shape, hint.sample_axis)
        for hint in hints
        if hint.spec.shape is not None
    }


@final
class Layouts:
    """The letters of every tensor of a view, as far as the table carries them.

    ``known`` are the letters of the graph's inputs, and of what it captures from around it.
    """

    def __init__(self, view: GraphView, known: Mapping[str, Letters]) -> None:
        self.view = view
        self._letters: dict[str, Letters] = dict(known)
        for node in view.nodes:
            letters = self._follow(node)
            if letters is None:
                continue
            for name in node.output:
                if name and name not in self._letters:
                    rank = view.rank(name)
                    if rank is None or rank == len(letters):
                        self._letters[name] = letters

    def __getitem__(self, name: str) -> Letters | None:
        """Return a tensor's letters; where its features are not certain, what uses it may tell."""
        known = self._letters.get(name)
        return known if known and known.count("C") == 1 else self._by_use(name) or known

    def _by_use(self, name: str) -> Letters | None:
        """A convolution reads its features along axis 1, a product with weights along the last."""
        pending, seen = [name], {name}
        while pending:
            current = pending.pop(0)
            for node in self.view.consumers_of(current):
                if node.input[0] == current and len(node.input) > 1:
                    weights = self.view.initializers.get(node.input[1])
                    if node.op_type in ("Conv", "ConvTranspose") and weights is not None:
                        return "NC" + "S" * (len(weights.dims) - 2)
                    rank = self.view.rank(name)
                    if node.op_type in ("MatMul", "Gemm") and weights is not None and rank:
                        return ("N" + "S" * (rank - 2) + "C") if rank > 1 else None
                if is_elementwise(kind(node)) and node.output[0] not in seen:
                    seen.add(node.output[0])
                    pending.append(node.output[0])
        return None

    def set(self, name: str, letters: Letters) -> None:
        """Give a tensor its letters (an operator whose outputs differ in layout)."""
        self._letters[name] = letters

    def inside(self, node: onnx.NodeProto, graph: GraphView) -> dict[str, Letters]:
        """Return the letters that a subgraph of ``node`` starts with.

        What it captures keeps its letters; a Loop's carried values and a Scan's states have those
        of their initial values, a Scan's slices those of the sequence less the scanned axis.
        """
        known = {n: f for n in graph.captured if (f := self._letters.get(n)) is not None}
        formal = [i.name for i in graph.graph.input]
        if node.op_type == "Loop":
            pairs = zip(formal[2:], node.input[2:], strict=False)
            known |= {n: f for n, outer in pairs if (f := self._letters.get(outer)) is not None}
        elif node.op_type == "Scan":
            attrs = attributes(node)
            scanned = int(attrs.get("num_scan_inputs", 0))
            axes = attrs.get("scan_input_axes") or [0] * scanned
            states = len(formal) - scanned
            for i, (name, outer) in enumerate(zip(formal, node.input, strict=False)):
                letters = self._letters.get(outer)
                if letters and i >= states:
                    axis = axes[i - states] % len(letters)
                    letters = letters[:axis] + letters[axis + 1 :]
                if letters is not None:
                    known[name] = letters
        return known

    def of(self, node: onnx.NodeProto, index: int = 0) -> Letters | None:
        """Return the letters of a node's input, None where it has none or they are unknown."""
        return self._letters.get(node.input[index]) if len(node.input) > index else None

    def constant_ints(self, node: onnx.NodeProto, index: int, name: str) -> list[int] | None:
        """Return integers given as an attribute (older opsets) or as a constant input."""
        value = attributes(node).get(name)
        if value is not None:
            return [int(v) for v in np.ravel(value)]
        if len(node.input) > index and node.input[index]:
            constant = self.view.constant(node.input[index])
            return None if constant is None else [int(v) for v in constant.ravel()]
        return None

    def _follow(self, node: onnx.NodeProto) -> Letters | None:
        rule = RULES.get(kind(node)) or (elementwise if is_elementwise(kind(node)) else None)
        if rule is None:
            return None
        try:
            return rule(self, node, attributes(node))
        except (IndexError, ValueError):
            return None


def _input_letters(shape: Sequence[int | str | None], sample: int | None) -> Letters:
    """Letters of a model input: features first for images with few channels, else last."""
    rank = len(shape)
    letters = ["S"] * rank
    if rank >= 4 and shape[-1] in (1, 3, 4) and shape[1] not in (1, 3, 4):
        letters[-1] = "C"
    elif rank >= 4:
        letters[1] = "C"
    elif rank >= 2:
        letters[-1] = "C"
    if sample is not None and sample < rank:
        letters[sample] = "N"
    return "".join(letters)

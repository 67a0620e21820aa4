"""Add pooling taps to a copy of a model: only (samples, features) leave the runtime.

For each tensor the nodes of its taps are placed right behind its producer, so that the full
tensor can be freed at once. The model's opset, IR version, inputs, outputs and weights stay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import onnx
from onnx import helper

from onnx_affscore.graph.pooling import Read, raw_reader, reader
from onnx_affscore.graph.view import GraphView
from onnx_affscore.records import Array, Tap, TensorLayout

__all__ = ["Exposed", "Instrumented", "expose", "instrument"]

_PREFIX = "affscore"
# |x| up to this counts as zero: the published definition of sparsity.
_SPARSITY_THRESHOLD = 1e-3


@final
@dataclass(frozen=True, slots=True)
class Instrumented:
    """A copy of the model with taps; ``taps`` by tensor and quantity.

    Quantities: ``features`` (rows by columns), ``square`` (mean square of each sample's
    elements) and ``sparsity`` (share of them within 1e-3 of zero).
    """

    proto: onnx.ModelProto
    taps: Mapping[tuple[str, str], Tap]

    @property
    def fetches(self) -> tuple[str, ...]:
        """Names of all the added outputs."""
        return tuple(dict.fromkeys(name for tap in self.taps.values() for name in tap.fetches))


@final
@dataclass(frozen=True, slots=True)
class Exposed:
    """A copy of a model that tells the types and shapes of tensors.

    ``shapes``: tensor to the output that holds its shape. The tensors themselves are outputs too,
    untyped, so that the runtime states their types; they need not be fetched.
    """

    proto: onnx.ModelProto
    shapes: Mapping[str, str]


def expose(proto: onnx.ModelProto, names: Sequence[str]) -> Exposed:
    """Return a copy of the model for a probe run on the named tensors."""
    copy = _copy(proto)
    present = {o.name for o in copy.graph.output} | {i.name for i in copy.graph.input}
    shapes = {}
    for position, name in enumerate(dict.fromkeys(names)):
        shapes[name] = f"{_PREFIX}/shape_{position}"
        copy.graph.node.append(helper.make_node("Shape", [name], [shapes[name]]))
        rank_unknown = helper.make_tensor_value_info(shapes[name], onnx.TensorProto.INT64, None)
        copy.graph.output.append(rank_unknown)
        if name not in present:
            copy.graph.output.append(onnx.ValueInfoProto(name=name))
    return Exposed(copy, shapes)


def instrument(
    proto: onnx.ModelProto,
    layouts: Mapping[str, TensorLayout],
    *,
    view: GraphView | None = None,
    pool: str = "mean",
    sparsity: bool = True,
    seed: int = 0,
) -> Instrumented:
    """Return a copy of ``proto`` with the taps of every tensor in ``layouts``.

    ``pool``: ``mean`` over every axis but sample and feature axis; ``positions``: every position
    a row; ``flatten``: every axis but the sample axis a feature; ``reference``: the published
    code's axes. ``seed`` chooses the positions kept. ``sparsity`` adds the taps that count small
    elements.
    """
    copy = _copy(proto)
    builder = _Builder(copy, sparsity=sparsity)
    taps: dict[tuple[str, str], Tap] = {}
    for name, layout in layouts.items():
        taps |= builder.tap(name, layout, pool=pool, seed=seed)
    builder.place(view)
    return Instrumented(copy, taps)


def _copy(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    return copy


@final
class _Builder:
    """Writes tap nodes in the vocabulary of the model's own opset."""

    def __init__(self, proto: onnx.ModelProto, *, sparsity: bool) -> None:
        self.graph = proto.graph
        versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
        if not versions:  # a model of other domains only
            proto.opset_import.append(helper.make_opsetid("", _OPSET_WHERE_NONE))
        self.opset = versions[0] if versions else _OPSET_WHERE_NONE
        self.sparsity = sparsity
        self.added: dict[str, list[onnx.NodeProto]] = {}
        self._taken = {n for node in self.graph.node for n in (*node.input, *node.output)}
        self._taken |= {i.name for i in self.graph.input}
        self._taken |= {i.name for i in self.graph.initializer}
        self._count = 0

    def tap(
        self, name: str, layout: TensorLayout, *, pool: str, seed: int
    ) -> dict[tuple[str, str], Tap]:
        nodes = self.added.setdefault(name, [])
        if self.opset < _FIRST_OPSET_WITH_BROADCAST:
            return self._raw_taps(nodes, name, layout, pool=pool, seed=seed)
        x = name
        if layout.dtype in ("float16", "bfloat16"):  # a mean in half precision loses digits
            x = self._add(nodes, "Cast", [x], to=int(onnx.TensorProto.FLOAT))
        reduced, read = reader(layout, pool, seed)
        features = self._reduce(nodes, x, reduced)
        rest = [a for a in range(layout.rank) if a != layout.sample_axis]
        square = self._reduce(nodes, self._add(nodes, "Mul", [x, x]), rest)
        taps = {
            (name, "features"): self._output(features, layout, read),
            (name, "square"): self._output(square, layout, reader(layout, "rows", seed)[1]),
        }
        if self.sparsity:
            share = self._reduce(nodes, self._small(nodes, x, layout), rest)
            taps[name, "sparsity"] = self._output(
                share, layout, reader(layout, "rows", seed)[1], double=False
            )
        return taps

    def _raw_taps(
        self, nodes: list[onnx.NodeProto], name: str, layout: TensorLayout, *, pool: str, seed: int
    ) -> dict[tuple[str, str], Tap]:
        """Fetch the tensor itself: ONNX Runtime has no arithmetic for opsets this old."""
        raw = self._add(nodes, "Identity", [name])
        tap = self._output(raw, layout, raw_reader(layout, pool, seed))
        square = raw_reader(layout, "rows", seed, of=np.square)
        small = raw_reader(layout, "rows", seed, of=lambda x: np.abs(x) <= _SPARSITY_THRESHOLD)
        taps = {(name, "features"): tap, (name, "square"): Tap(raw, (raw,), square)}
        if self.sparsity:
            taps[name, "sparsity"] = Tap(raw, (raw,), small)
        return taps

    def _small(self, nodes: list[onnx.NodeProto], x: str, layout: TensorLayout) -> str:
        """1 where |x| <= threshold, else 0; NaN counts as large."""
        dtype = np.float64 if layout.dtype == "float64" else np.float32
        limit = self._constant(f"threshold_{np.dtype(dtype)}", np.array(_SPARSITY_THRESHOLD, dtype))
        size = self._add(nodes, "Abs", [x])
        below = self._add(nodes, "Less", [limit, size])
        small = self._add(nodes, "Not", [below])
        return self._add(nodes, "Cast", [small], to=int(onnx.TensorProto.FLOAT))

    def _reduce(self, nodes: list[onnx.NodeProto], x: str, axes: Sequence[int]) -> str:
        if not axes:
            return self._add(nodes, "Identity", [x])
        if self.opset >= _OPSET_WITH_AXES_INPUT:
            name = self._constant("axes_" + "_".join(map(str, axes)), np.array(axes, np.int64))
            return self._add(nodes, "ReduceMean", [x, name], keepdims=0)
        return self._add(nodes, "ReduceMean", [x], axes=list(axes), keepdims=0)

    def _add(
        self, nodes: list[onnx.NodeProto], op: str, inputs: list[str], **attributes: Any
    ) -> str:
        output = self._fresh(op)
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def _fresh(self, stem: str) -> str:
        while True:
            name = f"{_PREFIX}/{stem}_{self._count}"
            self._count += 1
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _constant(self, key: str, value: Array) -> str:
        name = f"{_PREFIX}/{key}"
        if name not in {t.name for t in self.graph.initializer}:
            tensor = onnx.numpy_helper.from_array(value, name)
            self.graph.initializer.append(tensor)
            if self._initializers_are_inputs:
                self.graph.input.append(
                    helper.make_tensor_value_info(name, tensor.data_type, value.shape)
                )
        return name

    @property
    def _initializers_are_inputs(self) -> bool:
        """Whether the file lists initialisers as inputs, as IR versions below 4 must."""
        inputs = {i.name for i in self.graph.input}
        own = [t.name for t in self.graph.initializer if not t.name.startswith(f"{_PREFIX}/")]
        return bool(own) and all(name in inputs for name in own)

    def _output(self, name: str, layout: TensorLayout, read: Read, *, double: bool = True) -> Tap:
        element = (
            onnx.TensorProto.DOUBLE
            if double and layout.dtype == "float64"
            else onnx.TensorProto.FLOAT
        )
        self.graph.output.append(helper.make_tensor_value_info(name, element, None))
        return Tap(name, (name,), read)

    def place(self, view: GraphView | None) -> None:
        """Put every tap right behind the producer of its tensor, nodes in execution order."""
        order = list(view.nodes) if view is not None else list(self.graph.node)
        made = {name for node in order for name in node.output}
        nodes = [n for name, added in self.added.items() if name not in made for n in added]
        for node in order:
            nodes.append(node)
            for name in node.output:
                nodes += self.added.get(name, [])
        fresh = onnx.GraphProto()
        fresh.node.extend(nodes)
        del self.graph.node[:]
        self.graph.node.extend(fresh.node)


_OPSET_WHERE_NONE = 13
_FIRST_OPSET_WITH_BROADCAST = 7  # before, comparisons broadcast only where an attribute says so
_OPSET_WITH_AXES_INPUT = 18

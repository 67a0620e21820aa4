"""Write the nodes of one tensor's taps in the vocabulary of the model's own opset."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, final

import numpy as np
import onnx
from onnx import helper

from onnx_affscore.graph.pooling import Read, raw_reader, reader
from onnx_affscore.graph.view import subgraphs
from onnx_affscore.records import Array, Tap, TensorLayout

__all__ = ["TapWriter", "Written", "unused_prefix"]

_PREFIX = "affscore"
# |x| up to this counts as zero: the published definition of sparsity.
_SPARSITY_THRESHOLD = 1e-3
_OPSET_WHERE_NONE = 13
_FIRST_OPSET_WITH_BROADCAST = 7  # before, arithmetic broadcasts only where an attribute says so
_OPSET_WITH_AXES_INPUT = 18
_IR_WITH_PLAIN_INITIALISERS = 4  # before, every initialiser is an input as well


@final
@dataclass(slots=True)
class Written:
    """The nodes of a tensor's taps, and how to read them.

    ``outputs``: element type and rank of each output, where it is computed.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)


@final
class TapWriter:
    """Makes taps for the tensors of one model, whose initialisers it extends."""

    def __init__(self, proto: onnx.ModelProto, *, sparsity: bool) -> None:
        self.graph = proto.graph
        versions = [o.version for o in proto.opset_import if o.domain in ("", "ai.onnx")]
        if not versions:  # a model of other domains only
            proto.opset_import.append(helper.make_opsetid("", _OPSET_WHERE_NONE))
        self.opset = versions[0] if versions else _OPSET_WHERE_NONE
        self.sparsity = sparsity
        self._initializers_are_inputs = proto.ir_version < _IR_WITH_PLAIN_INITIALISERS
        self._prefix = unused_prefix(self.graph)
        self._count = 0

    def write(
        self, name: str, layout: TensorLayout, *, pool: str, seed: int, inside: bool
    ) -> Written:
        """Return the taps of a tensor; ``inside`` a subgraph its type is not known for certain."""
        written = Written()
        if self.opset < _FIRST_OPSET_WITH_BROADCAST:
            self._raw(written, name, layout, pool=pool, seed=seed)
            return written
        x = name
        if inside or layout.dtype in ("float16", "bfloat16"):
            # a mean in half precision loses digits
            x = self._add(written, "Cast", [x], to=int(onnx.TensorProto.FLOAT))
        wide = layout.dtype == "float64" and not inside
        inner = layout.rank - layout.stacked
        axes, read = reader(layout, pool, seed)
        weights = self._weights(written, layout.mask, wide=wide) if pool == "mean" else None
        features = self._mean(written, x, axes, weights)
        self._tap(written, "features", features, read, rank=inner - len(axes), wide=wide)
        axes, read = reader(layout, "rows", seed)
        rank = inner - len(axes)
        square = self._mean(written, self._add(written, "Mul", [x, x]), axes, weights)
        self._tap(written, "square", square, read, rank=rank, wide=wide)
        if self.sparsity:
            weights = self._weights(written, layout.mask) if pool == "mean" else None
            share = self._mean(written, self._small(written, x, wide=wide), axes, weights)
            self._tap(written, "sparsity", share, read, rank=rank)
        return written

    def raw(self, name: str) -> tuple[str, onnx.NodeProto]:
        """Return a copy of a tensor as it is: the new name, and the node that makes it."""
        written = Written()
        return self._add(written, "Identity", [name]), written.nodes[0]

    def _raw(
        self, written: Written, name: str, layout: TensorLayout, *, pool: str, seed: int
    ) -> None:
        """Fetch the tensor itself: ONNX Runtime has no arithmetic for opsets this old."""
        raw = self._add(written, "Identity", [name])
        rank = layout.rank - layout.stacked
        wide = layout.dtype == "float64"
        readers = {
            "features": raw_reader(layout, pool, seed),
            "square": raw_reader(layout, "rows", seed, of=np.square),
            "sparsity": raw_reader(layout, "rows", seed, of=is_small),
        }
        for quantity, read in readers.items():
            if self.sparsity or quantity != "sparsity":
                self._tap(written, quantity, raw, read, rank=rank, wide=wide)

    def _tap(
        self,
        written: Written,
        quantity: str,
        name: str,
        read: Read,
        *,
        rank: int,
        wide: bool = False,
    ) -> None:
        element = onnx.TensorProto.DOUBLE if wide else onnx.TensorProto.FLOAT
        written.outputs[name] = (int(element), rank)
        written.taps[quantity] = Tap(name, (name,), read)

    def _small(self, written: Written, x: str, *, wide: bool) -> str:
        """1 where |x| <= threshold, else 0; NaN counts as large."""
        dtype = np.float64 if wide else np.float32
        # The next number above it: all opsets have Less, and no comparison holds for NaN.
        above = np.nextafter(np.array(_SPARSITY_THRESHOLD, dtype), dtype(np.inf))
        limit = self._constant(f"threshold_{np.dtype(dtype)}", above)
        small = self._add(written, "Less", [self._add(written, "Abs", [x]), limit])
        return self._add(written, "Cast", [small], to=int(onnx.TensorProto.FLOAT))

    def _weights(self, written: Written, mask: str | None, *, wide: bool = False) -> str | None:
        """A token mask as numbers, (samples, tokens, 1)."""
        if mask is None:
            return None
        element = onnx.TensorProto.DOUBLE if wide else onnx.TensorProto.FLOAT
        number = self._add(written, "Cast", [mask], to=int(element))
        shape = self._constant("mask_shape", np.array([0, 0, 1], np.int64))
        return self._add(written, "Reshape", [number, shape])

    def _mean(
        self, written: Written, x: str, axes: Sequence[int], weights: str | None = None
    ) -> str:
        """The mean over some axes, over real tokens only where there are weights."""
        if weights is None:
            return self._reduce(written, x, axes)
        total = self._reduce(written, self._add(written, "Mul", [x, weights]), axes)
        share = self._reduce(written, weights, axes)
        return self._add(written, "Div", [total, share])

    def _reduce(self, written: Written, x: str, axes: Sequence[int]) -> str:
        if not axes:
            return self._add(written, "Identity", [x])
        if self.opset >= _OPSET_WITH_AXES_INPUT:
            name = self._constant("axes_" + "_".join(map(str, axes)), np.array(axes, np.int64))
            return self._add(written, "ReduceMean", [x, name], keepdims=0)
        return self._add(written, "ReduceMean", [x], axes=list(axes), keepdims=0)

    def _add(self, written: Written, op: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{self._prefix}/{op}_{self._count}"
        self._count += 1
        written.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def _constant(self, key: str, value: Array) -> str:
        name = f"{self._prefix}/{key}"
        if name not in {t.name for t in self.graph.initializer}:
            tensor = onnx.numpy_helper.from_array(value, name)
            self.graph.initializer.append(tensor)
            if self._initializers_are_inputs:
                self.graph.input.append(
                    helper.make_tensor_value_info(name, tensor.data_type, value.shape)
                )
        return name


def is_small(x: Array) -> Array:
    return np.asanyarray(np.abs(x) <= _SPARSITY_THRESHOLD)


def unused_prefix(graph: onnx.GraphProto) -> str:
    """Return a first part for names that no name in a graph, or in one inside it, has."""
    taken = {name.partition("/")[0] for name in _names(graph)}
    candidates = chain((_PREFIX,), (f"{_PREFIX}_{i}" for i in count(2)))
    return next(prefix for prefix in candidates if prefix not in taken)


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (i.name for i in graph.input)
    yield from (t.name for t in graph.initializer)
    yield from (t.values.name for t in graph.sparse_initializer)
    for node in graph.node:
        yield from (node.name, *node.input, *node.output)
        for _, inner in subgraphs(node):
            yield from _names(inner)

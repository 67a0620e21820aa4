"""Write the nodes of one tensor's taps in the vocabulary of the model's own opset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import onnx
from onnx import helper

from onnx_affscore.graph.pooling import Read, raw_reader, reader
from onnx_affscore.records import Array, Tap, TensorLayout

__all__ = ["PREFIX", "TapWriter", "Written"]

PREFIX = "affscore"
# |x| up to this counts as zero: the published definition of sparsity.
_SPARSITY_THRESHOLD = 1e-3
_OPSET_WHERE_NONE = 13
_FIRST_OPSET_WITH_BROADCAST = 7  # before, arithmetic broadcasts only where an attribute says so
_OPSET_WITH_AXES_INPUT = 18


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
        self._taken = set(_names(self.graph))
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
            "sparsity": raw_reader(layout, "rows", seed, of=_is_small),
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
        limit = self._constant(f"threshold_{np.dtype(dtype)}", np.array(_SPARSITY_THRESHOLD, dtype))
        size = self._add(written, "Abs", [x])
        large = self._add(written, "Less", [limit, size])
        small = self._add(written, "Cast", [large], to=int(onnx.TensorProto.FLOAT))
        return self._add(written, "Sub", [self._constant("one", np.array(1, np.float32)), small])

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
        output = self._fresh(op)
        written.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def _fresh(self, stem: str) -> str:
        while True:
            name = f"{PREFIX}/{stem}_{self._count}"
            self._count += 1
            if name not in self._taken:
                self._taken.add(name)
                return name

    def _constant(self, key: str, value: Array) -> str:
        name = f"{PREFIX}/{key}"
        if name not in {t.name for t in self.graph.initializer}:
            tensor = onnx.numpy_helper.from_array(value, name)
            as_input = self._initializers_are_inputs
            self.graph.initializer.append(tensor)
            if as_input:
                self.graph.input.append(
                    helper.make_tensor_value_info(name, tensor.data_type, value.shape)
                )
        return name

    @property
    def _initializers_are_inputs(self) -> bool:
        """Whether the file lists initialisers as inputs, as IR versions below 4 must."""
        inputs = {i.name for i in self.graph.input}
        return bool(self.graph.initializer) and all(
            t.name in inputs for t in self.graph.initializer
        )


def _is_small(x: Array) -> Array:
    return np.asarray(np.abs(x) <= _SPARSITY_THRESHOLD)


def _names(graph: onnx.GraphProto) -> Mapping[str, None]:
    """Every name that a graph and the graphs inside it use."""
    names = [*(i.name for i in graph.input), *(t.name for t in graph.initializer)]
    for node in graph.node:
        names += [node.name, *node.input, *node.output]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                names += _names(attribute.g)
    return dict.fromkeys(names)

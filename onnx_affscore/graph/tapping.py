"""Write the nodes of one tensor's taps, and say how what they put out is read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np
import onnx

from onnx_affscore.graph.averaging import channel_mean, has_channels_first
from onnx_affscore.graph.bundling import Shape
from onnx_affscore.graph.pooling import Read, raw_reader, reader
from onnx_affscore.graph.saturation import Ends
from onnx_affscore.graph.token_weights import (
    has_joined_tokens,
    real_tokens,
    with_tokens,
    without_padding,
)
from onnx_affscore.graph.writing import NodeWriter
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.taps import Tap

__all__ = [
    "COUNTED",
    "FEATURES",
    "QUANTITIES",
    "SATURATED",
    "SPARSITY",
    "SQUARE",
    "TapWriter",
    "Written",
    "functions",
]

FEATURES: Final = "features"
SQUARE: Final = "square"
SPARSITY: Final = "sparsity"
SATURATED: Final = "saturated"
COUNTED: Final = (SPARSITY, SATURATED)
QUANTITIES: Final = (FEATURES, SQUARE, *COUNTED)
"""Rows by columns; the mean square of each sample's elements; the shares of them near zero, and
where the activation is flat, if it has flat ends."""

# |x| up to this counts as zero: the published definition of sparsity.
_SPARSITY_THRESHOLD = 1e-3
_FIRST_OPSET_WITH_BROADCAST = 7  # before, arithmetic broadcasts only where an attribute says so


@final
@dataclass(slots=True)
class Written:
    """The nodes of a tensor's taps, and how to read them.

    ``outputs``: element type and rank of each output, where it is computed; ``shapes`` of those
    that may be joined with others along the second axis.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    taps: dict[str, Tap] = field(default_factory=dict)


@final
class TapWriter:
    """Makes taps for the tensors of one model, whose initialisers it extends.

    ``quantities`` are those of :data:`QUANTITIES` that are wanted. A ``lean`` writer adds no node
    that needs every element of a tensor for them, only for the features: the others come from
    the features where these are the whole tensor, and are left out elsewhere.
    """

    def __init__(
        self, writer: NodeWriter, *, quantities: Collection[str], lean: bool = False
    ) -> None:
        self.nodes = writer
        self.quantities, self.lean = quantities, lean

    def write(
        self,
        name: str,
        layout: TensorLayout,
        *,
        pool: str,
        seed: int,
        inside: bool = False,
        shape: Shape | None = None,
    ) -> Written:
        """Return the taps of a tensor.

        ``inside`` a subgraph its type is not known for certain; ``shape`` is the tensor's, where
        the graph fixes all but the first axis.
        """
        written = Written()
        x = name
        if pool == "mean" and has_joined_tokens(layout):
            x, layout = with_tokens(self.nodes, written.nodes, x, layout)
        axes, read = reader(layout, pool, seed)
        if inside or layout.dtype in ("float16", "bfloat16"):
            # a mean in half precision loses digits
            x = self.nodes.add(written.nodes, "Cast", [x], to=int(onnx.TensorProto.FLOAT))
        wide = layout.dtype == "float64" and not inside
        if self.nodes.opset < _FIRST_OPSET_WITH_BROADCAST or (self.lean and not axes):
            self._raw(written, x, layout, pool=pool, seed=seed, wide=wide)
            return written
        inner = layout.rank - layout.stacked
        real = self._real(written, layout, pool=pool, wide=wide)
        if self.lean and pool == "mean" and has_channels_first(layout) and not inside:
            rank = layout.rank
            features = channel_mean(self.nodes, written.nodes, x, rank, shape)
            read = _without_trailing_axes(read)
            if shape is not None:
                written.shapes[features] = (*shape[:2], *(1 for _ in shape[2:]))
        else:
            rank = inner - len(axes)
            features = self._mean(written, x, axes, real, wide=wide)
        self._tap(written, FEATURES, features, read, rank=rank, wide=wide)
        if not self.lean:
            self._of_elements(written, x, layout, pool=pool, real=real, wide=wide)
        return written

    def _of_elements(
        self,
        written: Written,
        x: str,
        layout: TensorLayout,
        *,
        pool: str,
        real: tuple[str, str] | None,
        wide: bool,
    ) -> None:
        """Add what needs every element: the mean square, and shares that are counted."""
        axes, read = reader(layout, "rows", 0)
        rank = layout.rank - layout.stacked - len(axes)
        if SQUARE in self.quantities:
            squares = self.nodes.add(written.nodes, "Mul", [x, x])
            square = self._mean(written, squares, axes, real, wide=wide)
            self._tap(written, SQUARE, square, read, rank=rank, wide=wide)
        counted: dict[str, str] = {}
        if SPARSITY in self.quantities:
            counted[SPARSITY] = self._small(written, x, wide=wide)
        if SATURATED in self.quantities and layout.flat is not None:
            counted[SATURATED] = self._at_ends(written, x, layout.flat, wide=wide)
        narrow = self._real(written, layout, pool=pool) if counted else None
        for quantity, ones in counted.items():
            share = self._mean(written, ones, axes, narrow)
            self._tap(written, quantity, share, read, rank=rank)

    def raw(self, name: str) -> tuple[str, onnx.NodeProto]:
        """Return a copy of a tensor as it is: the new name, and the node that makes it."""
        nodes: list[onnx.NodeProto] = []
        return self.nodes.add(nodes, "Identity", [name]), nodes[0]

    def _raw(
        self,
        written: Written,
        x: str,
        layout: TensorLayout,
        *,
        pool: str,
        seed: int,
        wide: bool,
    ) -> None:
        """Fetch the tensor itself: nothing is averaged, or the opset is too old for arithmetic."""
        raw = self.nodes.add(written.nodes, "Identity", [x])
        rank = layout.rank - layout.stacked
        for quantity, read in raw_readers(layout, pool=pool, seed=seed).items():
            if quantity in self.quantities:
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
        size = self.nodes.add(written.nodes, "Abs", [x])
        return self._beyond(written, size, _SPARSITY_THRESHOLD, "Less", wide=wide)

    def _at_ends(self, written: Written, x: str, ends: Ends, *, wide: bool) -> str:
        """1 where x lies at a flat end, else 0."""
        found = [
            self._beyond(written, x, limit, op, wide=wide)
            for limit, op in zip(ends, ("Less", "Greater"), strict=True)
            if limit is not None
        ]
        return found[0] if len(found) == 1 else self.nodes.add(written.nodes, "Add", found)

    def _beyond(self, written: Written, x: str, limit: float, op: str, *, wide: bool) -> str:
        """1 where x is ``Less`` or ``Greater`` than a limit, or equal to it, else 0."""
        dtype = np.float64 if wide else np.float32
        # The next number past it: all opsets have these two, and no comparison holds for NaN.
        past = np.nextafter(np.array(limit, dtype), dtype(np.inf if op == "Less" else -np.inf))
        if limit == 0.0:  # a normal number: devices may take others for 0
            past = np.asarray(np.copysign(np.finfo(dtype).tiny, past))
        name = self.nodes.constant(f"limit_{np.dtype(dtype)}_{float(past).hex()}", past)
        found = self.nodes.add(written.nodes, op, [x, name])
        return self.nodes.add(written.nodes, "Cast", [found], to=int(onnx.TensorProto.FLOAT))

    def _real(
        self, written: Written, layout: TensorLayout, *, pool: str, wide: bool = False
    ) -> tuple[str, str] | None:
        """What keeps padding out of means, None where there is none."""
        element = onnx.TensorProto.DOUBLE if wide else onnx.TensorProto.FLOAT
        if pool != "mean":
            return None
        return real_tokens(self.nodes, written.nodes, layout, element=int(element))

    def _mean(
        self,
        written: Written,
        x: str,
        axes: Sequence[int],
        real: tuple[str, str] | None = None,
        *,
        wide: bool = False,
    ) -> str:
        """The mean over some axes, over real tokens only where these are told."""
        nodes = written.nodes
        if real is None:
            return self.nodes.mean(nodes, x, axes)
        dtype = np.float64 if wide else np.float32
        zero = self.nodes.constant(f"zero_{np.dtype(dtype)}", np.zeros((), dtype))
        total = self.nodes.mean(nodes, without_padding(self.nodes, nodes, x, real, zero), axes)
        share = self.nodes.mean(nodes, real[1], axes)
        return self.nodes.add(nodes, "Div", [total, share])


def raw_readers(layout: TensorLayout, *, pool: str, seed: int) -> dict[str, Read]:
    """Return how each quantity is read off a whole tensor, by quantity."""
    return {
        quantity: raw_reader(layout, pool if quantity == FEATURES else "rows", seed, of=function)
        for quantity, function in functions(layout).items()
    }


def functions(layout: TensorLayout) -> dict[str, Callable[[Array], Array]]:
    """Return what is applied to the elements of a tensor before means are taken, by quantity."""
    found: dict[str, Callable[[Array], Array]] = {
        FEATURES: np.asanyarray,
        SQUARE: np.square,
        SPARSITY: lambda x: np.asanyarray(np.abs(x) <= _SPARSITY_THRESHOLD),
    }
    if layout.flat is not None:
        low, high = (end if end is not None else np.nan for end in layout.flat)
        found[SATURATED] = lambda x: np.asanyarray((x <= low) | (x >= high))
    return found


def _without_trailing_axes(read: Read) -> Read:
    """Read an array of shape (samples, channels, 1, ...) as (samples, channels)."""

    def flat(fetched: Mapping[str, Array], samples: int) -> Array:
        return read({n: a.reshape(a.shape[:2]) for n, a in fetched.items()}, samples)

    return flat

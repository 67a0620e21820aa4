"""Which tensors have the tokens of a mask, and the nodes that keep padding out of their means."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import onnx

from onnx_affscore.graph.view import reads
from onnx_affscore.graph.writing import NodeWriter
from onnx_affscore.records import ProbedTensor, TensorLayout, TokenMask

__all__ = [
    "dependents",
    "has_joined_tokens",
    "masked",
    "real_tokens",
    "with_tokens",
    "without_padding",
]

_OPSET_WITH_WHERE = 9
_OPSET_WITH_SLICE_INPUTS = 10
_END = np.iinfo(np.int64).max


def dependents(graph: onnx.GraphProto, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the tensors of a graph that depend on each of some inputs, subgraphs left out."""
    readers: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in reads(node):
            readers[name].append(node)
    found = {}
    for start in names:
        queue, seen = deque([start]), {start}
        while queue:
            fresh = {o for node in readers[queue.popleft()] for o in node.output} - seen
            queue.extend(fresh)
            seen |= fresh
        found[start] = frozenset(seen)
    return found


def masked(
    name: str,
    layout: TensorLayout,
    tensor: ProbedTensor,
    masks: Iterable[TokenMask],
    known: Mapping[str, frozenset[str]],
) -> TensorLayout:
    """Give a tensor the first mask whose tokens one of its axes counts, and on which it depends.

    ``known``: what depends on each carrier of tokens; a tensor that is in none of these sets, as
    one of a subgraph, may depend on all.
    """
    everywhere = not any(name in names for names in known.values()) and "::" in name
    for mask in masks:
        depends = mask.carrier is None or everywhere or name in known[mask.carrier]
        axes = [
            axis
            for axis, size in enumerate(tensor.shape)
            if size == mask.tokens and axis not in (layout.sample_axis, layout.feature_axis)
        ]
        if not depends or layout.sample_axis != 0 or layout.stacked:
            continue
        if len(axes) == 1:
            return replace(layout, mask=mask, tokens=axes[0])
        if layout.rank == 2 and 1 < mask.tokens == tensor.shape[0] / tensor.samples:
            return replace(layout, mask=mask, tokens=0)
    return layout


def has_joined_tokens(layout: TensorLayout) -> bool:
    """Whether the tokens of all samples are the rows of a table, (samples x tokens, features)."""
    return layout.mask is not None and layout.tokens == layout.sample_axis


def with_tokens(
    writer: NodeWriter, nodes: list[onnx.NodeProto], x: str, layout: TensorLayout
) -> tuple[str, TensorLayout]:
    """Append a table as (samples, tokens, features), and return how that is laid out."""
    mask = layout.mask
    if mask is None:
        return x, layout
    rows = _behind(writer, nodes, mask.name, mask.past) if mask.past else mask.name
    rest = writer.constant("rest", np.array([-1], np.int64))
    shape = writer.add(nodes, "Concat", [writer.add(nodes, "Shape", [rows]), rest], axis=0)
    apart = replace(layout, rank=3, feature_axis=2, tokens=1)
    return writer.add(nodes, "Reshape", [x, shape]), apart


def real_tokens(
    writer: NodeWriter, nodes: list[onnx.NodeProto], layout: TensorLayout, *, element: int
) -> tuple[str, str] | None:
    """Append what tells the real tokens of a tensor: true or false, and 1 or 0 of a type.

    Both broadcast with the tensor. None where it has no mask.
    """
    mask = layout.mask
    if mask is None:
        return None
    found = mask.name
    if mask.past:
        found = _behind(writer, nodes, found, mask.past)
    if mask.pad is not None:
        ids = next(i.type.tensor_type.elem_type for i in writer.graph.input if i.name == mask.name)
        dtype = onnx.helper.tensor_dtype_to_np_dtype(ids)
        pad = writer.constant(f"pad_{mask.pad}_{dtype}", np.array(mask.pad, dtype))
        found = writer.add(nodes, "Equal", [found, pad])
    else:
        found = writer.add(nodes, "Cast", [found], to=int(onnx.TensorProto.BOOL))
    if mask.inverted or mask.pad is not None:
        found = writer.add(nodes, "Not", [found])
    axes = [0] + [1] * (layout.rank - 1)
    axes[layout.tokens] = -1
    shape = writer.constant("mask_shape_" + "_".join(map(str, axes)), np.array(axes, np.int64))
    number = writer.add(nodes, "Cast", [found], to=element)
    return (
        writer.add(nodes, "Reshape", [found, shape]),
        writer.add(nodes, "Reshape", [number, shape]),
    )


def _behind(writer: NodeWriter, nodes: list[onnx.NodeProto], name: str, past: int) -> str:
    """The columns of a mask behind those of the past."""
    if writer.opset < _OPSET_WITH_SLICE_INPUTS:
        return writer.add(nodes, "Slice", [name], axes=[1], starts=[past], ends=[_END])
    bounds = [
        writer.constant(f"slice_{value}", np.array([value], np.int64)) for value in (past, _END, 1)
    ]
    return writer.add(nodes, "Slice", [name, *bounds])


def without_padding(
    writer: NodeWriter, nodes: list[onnx.NodeProto], x: str, real: tuple[str, str], zero: str
) -> str:
    """Append ``x`` with zeros where there is padding, whatever stands there."""
    if writer.opset < _OPSET_WITH_WHERE:
        return writer.add(nodes, "Mul", [x, real[1]])
    return writer.add(nodes, "Where", [real[0], x, zero])

"""Means over the positions of channels-first tensors, in operators that run in blocked layouts.

ONNX Runtime keeps images in a layout of its own on the CPU (NCHWc). It carries GlobalAveragePool
and AveragePool along; a ReduceMean would make it convert the whole tensor back.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnx

from onnx_affscore.graph.bundling import Shape
from onnx_affscore.graph.writing import NodeWriter
from onnx_affscore.records import TensorLayout

__all__ = ["block_sizes", "channel_mean", "has_channels_first", "patch_mean"]

# A sum taken one by one over so many positions rounds no worse than the noise floor allows for
# (score/psd.py: variance N/36 units against K/12, K = 4096); larger planes are summed in blocks.
_LONGEST_CHAIN = 3 * 4096
# Blocks are used well below that: from 28 x 28 on they take a third of the time, and round less.
_LARGEST_UNBLOCKED = 400
_SMALLEST_BLOCK = 7


def has_channels_first(layout: TensorLayout) -> bool:
    """Whether a tensor is (samples, channels, positions ...) in single precision, unmasked."""
    return (
        layout.rank >= 3
        and (layout.sample_axis, layout.feature_axis) == (0, 1)
        and layout.dtype in ("float32", "float16", "bfloat16")
        and not layout.stacked
        and layout.mask is None
    )


def channel_mean(
    writer: NodeWriter,
    nodes: list[onnx.NodeProto],
    x: str,
    rank: int,
    shape: Shape | None,
) -> str:
    """Append the mean over all axes behind the second, which stay with size 1.

    ``shape``, where known, lets a large plane be averaged in equal blocks first.
    """
    sizes = [int(size) for size in (shape or ())[2:]]
    if math.prod(sizes) <= _LARGEST_UNBLOCKED:
        return writer.add(nodes, "GlobalAveragePool", [x])
    blocks = block_sizes(sizes)
    if math.prod(blocks) > 1:
        x = writer.add(nodes, "AveragePool", [x], kernel_shape=blocks, strides=blocks)
        sizes = [size // block for size, block in zip(sizes, blocks, strict=True)]
    if math.prod(sizes) <= _LONGEST_CHAIN:
        return writer.add(nodes, "GlobalAveragePool", [x])
    # No equal blocks: the reduction sums pairwise. Its result gets its axes back.
    mean = writer.mean(nodes, x, range(2, rank))
    axes = np.array([0, 0] + [1] * (rank - 2), np.int64)
    return writer.add(nodes, "Reshape", [mean, writer.constant(f"with_axes_{rank}", axes)])


def patch_mean(
    writer: NodeWriter,
    nodes: list[onnx.NodeProto],
    x: str,
    kernel: Sequence[int],
    shape: Shape,
) -> str:
    """Append the means of the patches in the corners of a plane.

    A patch as long as an axis appears once along it, a shorter one at the start and at the end.
    """
    sizes = [int(size) for size in shape[2:]]
    strides = [max(1, size - length) for size, length in zip(sizes, kernel, strict=True)]
    return writer.add(nodes, "AveragePool", [x], kernel_shape=list(kernel), strides=strides)


def block_sizes(sizes: Sequence[int]) -> list[int]:
    """The divisor of each size nearest to its root, or to 7 for the small; 1 for a prime."""
    return [min(_divisors(size), key=_distance_to_root(size)) for size in sizes]


def _distance_to_root(size: int) -> Callable[[int], float]:
    return lambda divisor: abs(divisor - max(_SMALLEST_BLOCK, math.sqrt(size)))


def _divisors(size: int) -> list[int]:
    return [k for k in range(1, max(size, 2)) if size % k == 0]

"""Sums over the windows of a convolution, from the sum of its whole input and those of its borders.

The mean of a convolution's output over its positions is linear in the sums of the input over the
positions that each element of the kernel visits. With stride 1 these are the whole plane but for a
few rows and columns at its borders.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from onnx_affscore.records import Array, FloatArray

__all__ = ["Patch", "Window", "mean_kernel", "patch_weights"]

Patch: TypeAlias = tuple[int, ...]
"""Lengths along the axes of a plane; a length below the axis's stands for both of its ends."""


@final
@dataclass(frozen=True, slots=True)
class Window:
    """A convolution along one axis: sizes of input and kernel, steps, padding on both sides."""

    size: int
    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def reach(self) -> int:
        """Length from the first to the last element of the kernel."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def output(self) -> int:
        """Number of positions of the output."""
        return (self.size + self.before + self.after - self.reach) // self.stride + 1

    @property
    def visits(self) -> FloatArray:
        """1 where an element of the kernel visits a position of the input: (kernel, size)."""
        seen = np.zeros((self.kernel, self.size))
        for offset in range(self.kernel):
            first = offset * self.dilation - self.before
            at = first + self.stride * np.arange(self.output)
            seen[offset, at[(at >= 0) & (at < self.size)]] = 1.0
        return seen

    @property
    def covered(self) -> bool:
        """Whether, with stride 1, each element of the kernel visits some of the input."""
        return self.output > 0 and all(
            sum(self.missed(offset)) < self.size for offset in range(self.kernel)
        )

    def missed(self, offset: int) -> tuple[int, int]:
        """With stride 1: how many positions at the start and at the end are never visited."""
        first = offset * self.dilation - self.before
        last = first + self.output
        return min(max(first, 0), self.size), min(max(self.size - last, 0), self.size)

    def terms(self, offset: int) -> list[tuple[int, int, float]]:
        """Length, end (0 the start, 1 the end) and sign of the strips that make up a visit."""
        start, end = self.missed(offset)
        strips = [(self.size, 0, 1.0), (start, 0, -1.0), (end, 1, -1.0)]
        return [strip for strip in strips if strip[0]]


def mean_kernel(weight: Array, windows: Sequence[Window]) -> Array:
    """Return the kernels, as large as the plane, that give the mean of a convolution's output.

    ``weight`` (outputs, inputs, kernel ...) becomes (outputs, inputs, plane ...): each position
    has the sum of the kernel's elements that visit it, over the number of output positions.
    """
    summed = weight.astype(np.float64)
    for window in windows:  # the first axis of the kernel becomes the last of the plane
        summed = np.tensordot(summed, window.visits / window.output, axes=(2, 0))
    return summed.astype(weight.dtype)


def patch_weights(windows: Sequence[Window]) -> Mapping[Patch, FloatArray]:
    r"""Weights with which the means of patches add up to the mean of what each kernel element sees.

    .. math::

        \frac1P \sum_{p} x[p + o] = \sum_{q, e} w_q[o, e] \, \bar x_q[e]

    for each offset o of the kernel, the sum over the P positions of the output, with padding
    counted as zero. Patches are products of strips: for one axis, visited = whole - start - end,
    and for several the product of such differences is multiplied out.

    Returns
    -------
    Mapping
        For each patch q an array with the axes of the kernel, then an axis of ends for each axis
        of the plane (1 where the patch is as long as the axis, else 2).
    """
    kernel = tuple(w.kernel for w in windows)
    positions = math.prod(w.output for w in windows)
    weights: dict[Patch, FloatArray] = {}
    for offset in itertools.product(*(range(k) for k in kernel)):
        terms = (w.terms(o) for w, o in zip(windows, offset, strict=True))
        for strips in itertools.product(*terms):
            patch = tuple(length for length, _, _ in strips)
            ends = tuple(end for _, end, _ in strips)
            if patch not in weights:
                shape = (1 if p == w.size else 2 for p, w in zip(patch, windows, strict=True))
                weights[patch] = np.zeros((*kernel, *shape))
            sign = math.prod(sign for _, _, sign in strips)
            weights[patch][(*offset, *ends)] += sign * math.prod(patch) / positions
    return weights

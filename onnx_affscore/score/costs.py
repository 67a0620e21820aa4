"""Squared distances between the rows of two samples, computed a block at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import FloatArray
from onnx_affscore.score.lazy import lazy

__all__ = ["BLOCK_ELEMENTS", "BLOCK_ROWS", "EPS", "Costs", "Indices", "squares"]

Indices = npt.NDArray[np.intp]

EPS: Final = float(np.finfo(np.float64).eps)

BLOCK_ELEMENTS: Final = 2**20
"""Costs that are looked at together: 8 MiB, within a cache. Does not change results."""

BLOCK_ROWS: Final = 64
"""Fewest rows of a block, below which matrix products slow down: 26 MB at 50,000 samples."""


@final
@dataclass(frozen=True)
class Costs:
    r"""The costs ``c_ij = |s_i - t_j|²`` of moving row i of the source to row j of the target.

    They come as one matrix product, ``[-2 s_i, u_i, 1] · [t_j, 1, v_j]``, in which ``u_i`` is
    ``|s_i|²`` plus an offset of the row (a dual potential) and ``v_j`` that of the column. Nothing
    of the size of all pairs is kept, and the factors are formed when a product is asked for.
    """

    source: FloatArray
    target: FloatArray
    row_terms: FloatArray
    column_terms: FloatArray

    @classmethod
    def between(cls, source: FloatArray, target: FloatArray) -> Self:
        """Costs between two samples with equally many rows and coordinates, (n, k) each."""
        return cls(source, target, squares(source), squares(target))

    @lazy
    def left(self) -> FloatArray:
        """The left factor of the product, (n, k + 2)."""
        ones = np.ones((len(self.source), 1))
        return np.hstack([-2.0 * self.source, self.row_terms[:, None], ones])

    @lazy
    def right(self) -> FloatArray:
        """The right factor of the product, transposed, (n, k + 2)."""
        ones = np.ones((len(self.target), 1))
        return np.hstack([self.target, ones, self.column_terms[:, None]])

    def __len__(self) -> int:
        """Rows of the source."""
        return len(self.source)

    @lazy
    def tolerance(self) -> float:
        """Rounding of one cost that was computed from an inner product."""
        if not len(self):
            return 0.0
        largest = max(float(squares(self.source).max()), float(squares(self.target).max()))
        return 4.0 * EPS * float(np.sqrt(self.source.shape[1] + 2)) * largest

    def at(self, rows: Indices, columns: Indices) -> FloatArray:
        """Costs of single pairs, from differences: small distances keep their digits."""
        return squares(self.source[rows] - self.target[columns])

    def mean(self, columns: Indices) -> float:
        """Mean cost of moving row i to row ``columns[i]``."""
        return float(squares(self.source - self.target[columns]).mean())

    def selected(self, rows: Indices, columns: Indices) -> Self:
        """The costs of some rows and columns, offsets included."""
        return type(self)(
            self.source[rows],
            self.target[columns],
            self.row_terms[rows],
            self.column_terms[columns],
        )

    def shifted(self, rows: FloatArray, columns: FloatArray) -> Self:
        """The costs plus an offset for each row and each column, in :meth:`blocks` alone."""
        return replace(
            self, row_terms=self.row_terms + rows, column_terms=self.column_terms + columns
        )

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """All costs, a block of rows at a time; a block is valid until the next is asked for."""
        n, width = len(self.source), len(self.target)
        height = max(BLOCK_ROWS, BLOCK_ELEMENTS // max(width, 1))
        room = np.empty((min(height, n), width))
        for start in range(0, n, height):
            part = slice(start, min(start + height, n))
            yield part, np.matmul(self.left[part], self.right.T, out=room[: part.stop - start])

    def matrix(self) -> FloatArray:
        """All costs at once, (n, n)."""
        return self.left @ self.right.T


def squares(rows: FloatArray) -> FloatArray:
    """Squared norm of each row."""
    found: FloatArray = np.einsum("ij,ij->i", rows, rows)
    return found

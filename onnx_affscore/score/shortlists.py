"""Short lists of the cheapest columns of every row, kept right while prices rise."""

from typing import Final, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import BLOCK_ELEMENTS, BLOCK_ROWS, Costs, Indices

__all__ = ["ShortLists"]

TABLE: Final = 2**26
"""Most costs that are kept, 256 MiB, rather than computed anew: 8,192 samples. Does not change
results."""

LENGTH: Final = 64
"""Columns on a list. Longer ones are renewed less often, and each look at them takes longer: half
and twice as many are slower by a quarter at 1,797 samples. Does not change what is found."""


@final
class ShortLists:
    """For every row the columns that were cheapest when its list was made.

    While prices only rise, a column that is not on the list costs at least what the last one on
    it did at that time; so the two best columns of a row are found on its list alone until the
    second best costs more than that, and the list is made anew.

    Targets that are equal in single precision are one column here, with several places:
    ``place`` orders the targets by column, those of column g being
    ``place[first[g] : first[g] + size[g]]``. Costs are in single precision as well, for they
    guide a search and prove nothing.
    """

    def __init__(self, costs: Costs) -> None:
        n = len(costs)
        target = costs.target.astype(np.float32) + np.float32(0.0)  # one zero, not two
        keys = np.ascontiguousarray(target).view(f"V{4 * target.shape[1]}").ravel()
        _, some, group, self.size = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        self.place: Indices = np.argsort(group, kind="stable")
        self.first: Indices = np.cumsum(self.size) - self.size
        self.prices = np.zeros(len(some))
        self._left = costs.left.astype(np.float32)
        self._right = costs.right[some].astype(np.float32)
        whole = n * len(some) <= TABLE
        self._table = self._left @ self._right.T if whole else None
        self._length = min(LENGTH, len(some) - 1)
        self._columns = np.empty((n, self._length + 1), dtype=np.intp)
        self._costs = np.empty((n, self._length + 1))
        self._last = np.empty(n)
        self._renew(np.arange(n))

    def best(self, rows: Indices) -> tuple[Indices, FloatArray, FloatArray]:
        """Cheapest column of each row, its cost and that of the second best, prices included.

        Where there is one column only, the second best costs as much as the best.
        """
        columns, best, second = self._two(rows)
        outdated = second > self._last[rows]
        if outdated.any():
            self._renew(rows[outdated])
            columns, best, second = self._two(rows)
        return columns, best, second

    def cost(self, rows: Indices, columns: Indices) -> FloatArray:
        """Costs of single pairs, without prices."""
        found: FloatArray = np.einsum("ij,ij->i", self._left[rows], self._right[columns])
        return found.astype(np.float64)

    def offers(self, columns: Indices) -> FloatArray:
        """Prices at which each column is as good to one row as the best, and to none better."""
        _, best, _ = self.best(np.arange(len(self._last)))
        offers = np.full(len(columns), -np.inf)
        height = max(BLOCK_ROWS, BLOCK_ELEMENTS // max(len(columns), 1))
        for start in range(0, len(best), height):
            part = slice(start, start + height)
            costs = self._left[part] @ self._right[columns].T
            np.maximum(offers, (best[part, None] - costs).max(axis=0), out=offers)
        return offers

    def _two(self, rows: Indices) -> tuple[Indices, FloatArray, FloatArray]:
        each = np.arange(len(rows))
        columns = self._columns[rows]
        totals = self._costs[rows] + self.prices[columns]
        chosen = totals.argmin(axis=1)
        best = totals[each, chosen]
        if self._length:
            totals[each, chosen] = np.inf
        return columns[each, chosen], best, totals.min(axis=1)

    def _renew(self, rows: Indices) -> None:
        table = self._table
        height = max(BLOCK_ROWS, BLOCK_ELEMENTS // len(self._right))
        for start in range(0, len(rows), height):
            part = rows[start : start + height]
            costs = self._left[part] @ self._right.T if table is None else table[part]
            totals = costs + self.prices.astype(np.float32)
            listed = np.argpartition(totals, self._length, axis=1)[:, : self._length + 1]
            self._columns[part] = listed
            self._costs[part] = np.take_along_axis(costs, listed, axis=1)
            self._last[part] = np.take_along_axis(totals, listed[:, -1:], axis=1)[:, 0]
        if self._length + 1 == len(self._right):
            self._last[rows] = np.inf

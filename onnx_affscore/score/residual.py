"""The graph of exchanges of a pairing: shortest distances in it, and its negative cycles."""

from typing import Final, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import Costs, Indices

__all__ = ["ResidualGraph"]

CYCLE_CHECKS: Final = 4
"""Sweeps between two searches for cycles: a search costs about as much as so many sweeps."""


@final
class ResidualGraph:
    """Some of the edges of the graph of exchanges, kept by row.

    Row i holds ``columns[i]``. An edge (i, j) leads from that column to column j; its length is
    what row i would pay for the change, prices included. ``distance`` are the distances from each
    column over these edges, zero at most: added to the prices they make every row content.

    Prices only fall here, and in an auction they only rise: what it leaves too dear are the few
    columns that nobody bid for.
    """

    def __init__(self, costs: Costs, columns: Indices, prices: FloatArray) -> None:
        self.columns = columns.copy()
        self.distance = np.zeros(len(costs))
        self._costs = costs
        self._prices = prices
        self._rows, self._heads, self._paid = self._priced(np.arange(len(costs)), columns)
        self._held = self._paid.copy()

    def __len__(self) -> int:
        """Edges kept."""
        return len(self._rows)

    @property
    def content(self) -> FloatArray:
        """What each row pays for its column at the prices so far: an edge below is too short."""
        return self._held + self.distance[self.columns]

    @property
    def prices(self) -> FloatArray:
        """The prices so far."""
        return self._prices + self.distance

    def add(self, rows: Indices, heads: Indices) -> None:
        """Keep further edges."""
        new = self._priced(rows, heads)
        kept = (self._rows, self._heads, self._paid)
        order = np.argsort(np.concatenate([self._rows, rows]), kind="stable")
        self._rows, self._heads, self._paid = (
            np.concatenate(both)[order] for both in zip(kept, new, strict=True)
        )

    def settle(self, work: float) -> float:
        """Relax edges until none is too short; exchange along negative cycles on the way.

        Returns what is left of ``work``, the number of edges that may be relaxed: less than zero
        where that was not enough.
        """
        start = self.distance.copy()
        starts = np.flatnonzero(np.diff(self._rows, prepend=-1))  # each row keeps its own column
        degree = np.diff(starts, append=len(self))
        length = self._paid - self._held[self._rows]
        by = np.zeros(len(start), dtype=np.intp)  # the edge over which a row looks elsewhere
        sweep = 0
        onward = np.arange(len(start))
        while work >= 0.0:
            work -= len(self)
            sweep += 1
            reached = self.distance[self._heads] + length
            nearest = np.minimum.reduceat(reached, starts)
            fallen = nearest < self.distance[self.columns] - self._costs.tolerance
            if not fallen.any():
                break
            edges = np.flatnonzero(reached == np.repeat(np.where(fallen, nearest, np.nan), degree))
            by[self._rows[edges]] = edges
            tails = self.columns[fallen]
            onward[tails] = self._heads[by[fallen]]
            self.distance[tails] = nearest[fallen]
            if sweep % CYCLE_CHECKS == 0 and len(cycle := _on_cycles(onward)):
                self._exchange(by[np.isin(self.columns, cycle)])
                # Distances that a negative cycle has dragged down would call for many more edges.
                self.distance = start.copy()
                length = self._paid - self._held[self._rows]
                onward = np.arange(len(start))
        return work

    def _exchange(self, edges: Indices) -> None:
        """Hand on columns along the edges of disjoint cycles."""
        rows = self._rows[edges]
        self.columns[rows] = self._heads[edges]
        self._held[rows] = self._paid[edges]

    def _priced(self, rows: Indices, heads: Indices) -> tuple[Indices, Indices, FloatArray]:
        return rows, heads, self._costs.at(rows, heads) + self._prices[heads]


def _on_cycles(onward: Indices) -> Indices:
    """Columns on a cycle of the map to the next column; one that leads nowhere maps to itself.

    After as many steps as there are columns everything has arrived on a cycle.
    """
    arrived, steps = onward, 1
    while steps < len(onward):
        arrived, steps = arrived[arrived], 2 * steps
    ends: Indices = np.unique(arrived)
    turning: Indices = ends[onward[ends] != ends]
    return turning

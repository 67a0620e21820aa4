"""Nearly optimal pairings and prices: an auction in which rows bid for columns."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import Costs, Indices
from onnx_affscore.score.shortlists import ShortLists

__all__ = ["Auctioned", "auction"]

FIRST_STEP: Final = 0.3
"""First raise of a price, as a share of what is still unknown of the optimal cost."""

STEP_RATIO: Final = 4.0
"""By how much raises shrink from one phase to the next."""

LAST_STEP: Final = 2e-3
"""Raise that ends the auction, as a share of the optimal cost."""

PHASES: Final = 10
"""Most phases: from the first raise to a millionth of it."""

BIDS: Final = 100
"""Most bids per row over all phases; narrow layers of networks take 5 to 30."""


@final
@dataclass(frozen=True, slots=True)
class Auctioned:
    """What an auction ended with.

    ``columns`` holds each row's column, or -1 for the few rows without one; ``prices`` are guesses
    of dual potentials, one per column: rows would rather have their own column than any other, but
    for at most ``step``.
    """

    columns: Indices
    prices: FloatArray
    step: float


def auction(costs: Costs, *, unsold: float, rounds: int) -> Auctioned:
    r"""Let rows bid for columns until all but a share ``unsold`` of them have one.

    A row that has no column bids for the one with the smallest :math:`c_{ij} + p_j`, raising its
    price by as much as makes it no better than the second best, and a step more; the row that had
    it is without one again. Once every row has a column, the total is within n steps of the
    optimum, whatever the costs [1]_. Steps shrink from phase to phase, so that prices come near
    first and are refined later; rows whose column still is among their best keep it.

    Equal targets are one column with several places [2]_: a bid goes to the cheapest place, the
    price of the column is that of its cheapest place, and the second best is another column;
    otherwise rows would outbid each other by single steps for what is all the same to them.

    All rows without a column bid at once. Costs are in single precision, see
    :class:`ShortLists`.

    Parameters
    ----------
    costs : Costs
        The costs.
    unsold : float
        Share of the rows that may be without a column in the end; the last few take longest.
    rounds : int
        Rounds of bids after which a phase ends all the same.

    Returns
    -------
    Auctioned
        Columns and prices.

    References
    ----------
    .. [1] D. P. Bertsekas, "The auction algorithm: a distributed relaxation method for the
       assignment problem", Annals of Operations Research 14, 1988.
    .. [2] D. P. Bertsekas, D. A. Castañon, "The auction algorithm for the transportation
       problem", Annals of Operations Research 20, 1989.
    """
    n = len(costs)
    hall = _Hall(ShortLists(costs))
    paired = costs.mean(np.arange(n))
    step = FIRST_STEP * max(paired - hall.bound(), LAST_STEP * paired)
    for phase in range(PHASES):
        hall.sell(step, down_to=int(unsold * n), rounds=rounds)
        if step <= LAST_STEP * hall.bound() or phase == PHASES - 1 or hall.bids > BIDS * n:
            break
        step /= STEP_RATIO
        hall.release(step)
    return Auctioned(hall.columns(), hall.column_prices(), step)


@final
class _Hall:
    """Who holds which place, and for how much; places are numbered by column."""

    def __init__(self, lists: ShortLists) -> None:
        n = len(lists.place)
        self.bids = 0
        self._lists = lists
        self._column = np.repeat(np.arange(len(lists.size)), lists.size)
        self._prices = np.zeros(n)
        self._owner = np.full(n, -1)
        self._held = np.full(n, -1)

    def bound(self) -> float:
        """A lower bound of the optimal mean cost, up to single precision."""
        _, best, _ = self._lists.best(np.arange(len(self._held)))
        return float(best.mean() - (self._lists.prices * self._lists.size).sum() / len(best))

    def sell(self, step: float, *, down_to: int, rounds: int) -> None:
        """Take bids until no more than so many rows are without a place."""
        free = np.flatnonzero(self._held < 0)
        for _ in range(rounds):
            if len(free) <= down_to or self.bids > BIDS * len(self._held):
                break
            self.bids += len(free)
            free = self._round(free, step)

    def release(self, step: float) -> None:
        """Take from rows the places that are worse than their best by more than a step."""
        rows = np.flatnonzero(self._held >= 0)
        columns = self._column[self._held[rows]]
        _, best, _ = self._lists.best(rows)
        paid = self._lists.cost(rows, columns) + self._lists.prices[columns]
        rows = rows[paid > best + step]
        self._owner[self._held[rows]] = -1
        self._held[rows] = -1

    def columns(self) -> Indices:
        """Target of each row, -1 for none."""
        return np.where(self._held < 0, -1, self._lists.place[self._held])

    def column_prices(self) -> FloatArray:
        """Price of each target; of those that nobody holds what the most interested row pays."""
        prices = np.empty(len(self._held))
        asked = self._lists.prices.copy()
        taken = np.zeros(len(asked), dtype=bool)
        taken[self._column[self._held[self._held >= 0]]] = True
        asked[~taken] = self._lists.offers(np.flatnonzero(~taken))
        prices[self._lists.place] = asked[self._column]
        return prices

    def _round(self, rows: Indices, step: float) -> Indices:
        """All these rows bid once; returns those that are without a place afterwards."""
        lists = self._lists
        wanted, best, second = lists.best(rows)
        bids = lists.prices[wanted] + (second - best) + step
        order = np.lexsort((-bids, wanted))
        rows, wanted, bids = rows[order], wanted[order], bids[order]
        starts = np.flatnonzero(np.diff(wanted, prepend=-1))
        run = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(wanted)))
        rank = np.arange(len(wanted)) - starts[run]
        touched = wanted[starts]
        places, ends = self._cheapest(touched)
        offered = rank < lists.size[wanted]
        place = places[np.where(offered, (ends - lists.size[touched])[run] + rank, 0)]
        won = offered & (bids > self._prices[place])
        place, winners = place[won], rows[won]
        evicted = self._owner[place]
        evicted = evicted[evicted >= 0]
        self._held[evicted] = -1
        self._owner[place] = winners
        self._held[winners] = place
        self._prices[place] = bids[won]
        lists.prices[touched] = np.minimum.reduceat(
            self._prices[places], ends - lists.size[touched]
        )
        return np.concatenate([rows[~won], evicted])

    def _cheapest(self, columns: Indices) -> tuple[Indices, Indices]:
        """Places of these columns, column by column, cheapest first; where each column ends."""
        size = self._lists.size[columns]
        ends = np.cumsum(size)
        within = np.arange(ends[-1]) - np.repeat(ends - size, size)
        places = np.repeat(self._lists.first[columns], size) + within
        if len(places) > len(columns):
            places = places[np.lexsort((self._prices[places], self._column[places]))]
        return places, ends

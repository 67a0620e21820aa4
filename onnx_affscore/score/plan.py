"""Solvers for equal-weight transport in more than one dimension, each with a proof or bounds."""

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FloatArray
from onnx_affscore.score.auction import Auctioned, auction
from onnx_affscore.score.costs import Costs, Indices
from onnx_affscore.score.exchange import Exchanged, exchange
from onnx_affscore.score.nearest import pairs_are_nearest

__all__ = ["assigned", "auctioned", "lower_bound", "paired"]

ASSIGNMENT_LIMIT: Final = 8192
"""Most samples for which a whole cost matrix is built: 512 MiB in double and 256 MiB in single
precision, within a limit of 2 GB. Beyond it nothing of the size of all pairs is kept."""

SHARE: Final = 0.25
"""Part of the paired costs that the first guess of the potentials charges to the columns, the rest
to the rows. From 0 to 3/4 sites of trained networks are proved in about the same time. Does not
change results."""

NEAR: Final = 0.1
"""Slack up to which edges are taken along at first, as a share of the mean paired cost: a quarter
less time than with none, as a pass is saved. Does not change results."""

PAIRED_EDGES: Final = 16.0
"""Edges per row beyond which the pairing is not worth improving; where it is optimal or nearly so,
1 to 5 are enough."""

PAIRED_WORK: Final = 0.25
"""Relaxed edges, as a share of all n² pairs, after which the pairing is not worth improving: as
long as two or three passes over all costs take."""

UNSOLD: Final = 0.02
"""Rows left to the assignment by the auction. The last two in a hundred take it as long as all
before, and the assignment, which is good at few, a tenth of that."""

ROUNDS: Final = 128
"""Rounds of bids in a phase before the assignment: layers of networks take 10 to 100. Where it
takes more, few rows bid in each, and the assignment places them sooner."""

UNSOLD_LAST: Final = 0.005
"""Rows left to the exchanges by the auction, which have to pair them one by one."""

ROUNDS_LAST: Final = 16_384
"""Rounds of bids in a phase before the exchanges: some seconds if they are all needed."""

REMAINDER: Final = 2048
"""Rows that share out at a time what an auction has left: 32 MiB."""

PROOF_WORK: Final = 64.0
"""Relaxed edges, as a share of all n² pairs, within which an assignment is to be proved; one or
two are usual."""

EDGES: Final = 2**22
"""Edges at most in the search for exchanges beyond :data:`ASSIGNMENT_LIMIT`: 200 MB with what is
computed from them."""

WORK: Final = 5.0e9
"""Relaxed edges at most in that search: half a minute."""


def paired(costs: Costs) -> Exchanged | None:
    """Row i with row i, or nearly so: proved and improved by exchanges alone; else None.

    Where every row is nearest to its own, the potentials 0 are proof, and no costs are formed.
    """
    n = len(costs)
    identity = np.arange(n)
    if pairs_are_nearest(costs.source, costs.target):
        return Exchanged(identity, np.zeros(n), optimal=True)
    own = costs.at(identity, identity)
    found = exchange(
        costs,
        identity,
        prices=-SHARE * own,
        margin=NEAR * float(own.mean()),
        edges=PAIRED_EDGES * n,
        work=PAIRED_WORK * n * n,
    )
    return found if found.optimal else None


def assigned(costs: Costs) -> Exchanged | None:
    """Shortest augmenting paths on the whole matrix [1]_, from the prices of an auction.

    Augmenting paths are short where prices are good: a tenth of the time from none.

    References
    ----------
    .. [1] D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions
       on Aerospace and Electronic Systems 52, 2016, as in SciPy.
    """
    n = len(costs)
    if n > ASSIGNMENT_LIMIT:
        return None
    sold = auction(costs, unsold=UNSOLD, rounds=ROUNDS)
    order = np.argsort(sold.columns < 0, kind="stable")  # rows that look settled come first
    zero = np.zeros(n)
    matrix = Costs.between(costs.source[order], costs.target).shifted(zero, sold.prices).matrix()
    columns = np.empty(n, dtype=np.intp)
    columns[order] = linear_sum_assignment(matrix)[1]
    return exchange(
        costs, columns, prices=sold.prices, margin=0.0, edges=n * n, work=PROOF_WORK * n * n
    )


def auctioned(costs: Costs) -> Exchanged:
    """An auction, then exchanges as far as they go: optimal, or with little left to gain.

    Exchanges that were broken off leave worse prices than they were given.
    """
    sold = auction(costs, unsold=UNSOLD_LAST, rounds=ROUNDS_LAST)
    found = exchange(
        costs,
        _completed(costs, sold),
        prices=sold.prices,
        margin=sold.step,
        edges=EDGES,
        work=WORK,
    )
    return found if found.optimal else replace(found, prices=sold.prices)


def _completed(costs: Costs, sold: Auctioned) -> Indices:
    """The auction's columns; rows without one share out what is left, a matrix at a time."""
    columns = sold.columns.copy()
    rows = np.flatnonzero(columns < 0)
    left = np.setdiff1d(np.arange(len(costs)), columns)
    for start in range(0, len(rows), REMAINDER):
        part = slice(start, start + REMAINDER)
        matrix = costs.left[rows[part]] @ costs.right[left[part]].T
        columns[rows[part]] = left[part][linear_sum_assignment(matrix)[1]]
    return columns


def lower_bound(costs: Costs, prices: FloatArray) -> float:
    """Mean cost that no pairing undercuts: every row at its cheapest, less the mean price."""
    priced = costs.shifted(np.zeros(len(costs)), prices)
    cheapest = sum(float(block.min(axis=1).sum()) for _, block in priced.blocks())
    return (cheapest - float(prices.sum())) / len(costs) - costs.tolerance

"""Proofs that a pairing of rows is optimal; where it is not, the exchanges that make it so."""

from dataclasses import dataclass
from typing import final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import Costs, Indices
from onnx_affscore.score.residual import ResidualGraph

__all__ = ["Exchanged", "exchange"]


@final
@dataclass(frozen=True, slots=True)
class Exchanged:
    """Row i paired with row ``columns[i]``, dual potentials, and whether they prove it optimal."""

    columns: Indices
    prices: FloatArray
    optimal: bool


def exchange(
    costs: Costs,
    columns: Indices,
    *,
    prices: FloatArray,
    margin: float,
    edges: float,
    work: float,
) -> Exchanged:
    r"""Prove a pairing optimal by dual potentials, or improve it until it is.

    Where row i holds column σ(i), prices p of the columns prove that no other pairing costs less
    if every row holds a cheapest column:

    .. math:: c_{ij} + p_j \ge c_{i\sigma(i)} + p_{\sigma(i)} \quad\text{for all } i, j .

    They exist if and only if no cycle of exchanges lowers the cost, and are then shortest
    distances in the graph of exchanges [1]_. Of its n² edges those alone are looked at that break
    the inequality for the prices at hand: a pass over all costs finds them, relaxation settles
    them by lowering prices, and negative cycles among them are exchanged. Then columns that have
    become cheaper, and rows that have exchanged theirs, are looked at again, for nowhere else can
    the inequality have broken. Where nothing more is found the proof is complete, up to the
    rounding of the costs.

    Parameters
    ----------
    costs : Costs
        The costs, (n, n), of which no more than a block is computed at a time.
    columns : Indices
        The pairing, a permutation of 0 .. n - 1.
    prices : FloatArray
        Any numbers, (n,): good guesses save time.
    margin : float
        The first pass also takes edges that keep the inequality by less, which saves passes.
    edges : float
        Gives up where the graph would have more.
    work : float
        Gives up after relaxing this number of edges.

    Returns
    -------
    Exchanged
        Costs no more than the given pairing.

    References
    ----------
    .. [1] R. K. Ahuja, T. L. Magnanti, J. B. Orlin, "Network Flows", 1993, sections 9.3 and 9.6.
    """
    n = len(costs)
    graph = ResidualGraph(costs, columns, prices)
    everything = np.arange(n)
    search = [(everything, everything)]
    below = margin if margin > 0.0 else -2.0 * costs.tolerance
    while True:
        seen_prices, seen_content = graph.prices, graph.content
        slack = costs.shifted(-seen_content, seen_prices)
        optimal = True
        for rows, heads in search:
            part = slack.selected(rows, heads)
            found = _shorter(part, below=below, room=edges + n - len(graph))
            if found is None:
                return Exchanged(graph.columns, graph.prices, optimal=False)
            row, head, amount = rows[found[0]], heads[found[1]], found[2]
            foreign = head != graph.columns[row]
            optimal &= not (amount[foreign] < -2.0 * costs.tolerance).any()
            graph.add(row[foreign], head[foreign])
        if optimal:
            return Exchanged(graph.columns, graph.prices, optimal=True)
        work = graph.settle(work)
        if work < 0.0:
            return Exchanged(graph.columns, graph.prices, optimal=False)
        cheaper = np.flatnonzero(graph.prices < seen_prices)
        renewed = np.flatnonzero(graph.content > seen_content)
        search = [(everything, cheaper), (renewed, everything)]
        below = -2.0 * costs.tolerance  # settled edges keep the inequality to half of it


def _shorter(
    slack: Costs, *, below: float, room: float
) -> tuple[Indices, Indices, FloatArray] | None:
    """Rows and columns of the costs below a bound, and those costs; None for more than ``room``."""
    width = len(slack.target)
    found = []
    for part, block in slack.blocks():
        flat = np.flatnonzero(block < below)
        room -= len(flat)
        if room < 0:
            return None
        rows, columns = np.divmod(flat, width)
        found.append((rows + part.start, columns, block.ravel()[flat]))
    if not found:
        empty = np.empty(0, dtype=np.intp)
        return empty, empty, np.empty(0)
    rows, columns, amounts = (np.concatenate(each) for each in zip(*found, strict=True))
    return rows, columns, amounts

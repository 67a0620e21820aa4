"""Exact W2 between two equal-weight samples of one size: a portfolio of solvers, each certified.

A solver takes the costs and returns the optimal plan with its proof, or None where it does not
apply or cannot tell; :data:`SOLVERS` are asked in turn. To add one, write a function and a row.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, final

import numpy as np

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import EPS, Costs, Indices, squares
from onnx_affscore.score.exchange import Exchanged
from onnx_affscore.score.plan import assigned, auctioned, lower_bound, paired

__all__ = ["SOLVERS", "Transport", "squared_w2"]


NEAR_ONE: Final = 32
"""Samples whose largest number lies between 2^-32 and 2^32 are not rescaled: their squares, and
sums of many, stay well within the exponents of single precision, which the auction computes in."""


@final
@dataclass(frozen=True, slots=True)
class Transport:
    """How far two samples lie from each other, and how that is known.

    ``cost`` is the mean squared distance under the best plan found, an upper bound of W2²;
    ``bound`` a lower one, from dual potentials, equal to ``cost`` where the plan is optimal.
    ``solver`` is a name in :data:`SOLVERS` or ``sort``. ``certificate`` says in words why the
    plan is optimal, or that it may not be. ``paired``: pairing row i with row i is optimal.

    The plan pairs row i of the source with row ``columns[i]`` of the target, at the cost
    ``costs[i]``; pairing row i with row i costs ``own`` on average. ``prices`` are the dual
    potentials of the target: with the costs c, ``c_ij + prices[j]`` is least at j = columns[i].
    """

    cost: float
    bound: float
    solver: str
    certificate: str
    paired: bool
    own: float
    columns: Indices = field(repr=False)
    costs: FloatArray = field(repr=False)
    prices: FloatArray = field(repr=False)

    @property
    def exact(self) -> bool:
        """Whether the plan is known to be optimal."""
        return self.bound == self.cost


Solver = Callable[[Costs], Exchanged | None]

SOLVERS: Final[dict[str, Solver]] = {
    "identity": paired,
    "assignment": assigned,
    "auction": auctioned,
}
"""Asked in turn, cheapest first; the last one always answers."""


def squared_w2(source: FloatArray, target: FloatArray) -> Transport:
    r"""Squared Wasserstein distance between two samples with equal weights.

    .. math:: W_2^2 = \min_\sigma \tfrac1n \sum_i \lVert s_i - t_{\sigma(i)} \rVert^2

    over all permutations. Costs are computed from the differences of the rows that a plan pairs,
    so a small distance between large samples keeps its digits. Which solver answered, how many
    threads it used and how large its blocks were changes nothing but rounding where the result is
    exact; where it is not, the bounds hold whatever they were.

    Parameters
    ----------
    source, target : FloatArray
        Rows of the two samples, (n, k) each, centred (for the rounding of distances only).

    Returns
    -------
    Transport
        Exact, except where no solver of the portfolio can tell: then with bounds apart.

    Examples
    --------
    >>> rows = np.array([[0.0], [1.0], [4.0]])
    >>> squared_w2(rows, rows[::-1]).cost
    0.0
    """
    exponent = _exponent(source, target)
    if abs(exponent) > NEAR_ONE:
        source, target = np.ldexp(source, -exponent), np.ldexp(target, -exponent)
    else:
        exponent = 0
    found = _sorted(source, target) if source.shape[1] <= 1 else _solved(source, target)
    if not exponent:
        return found
    return replace(
        found,
        cost=float(np.ldexp(found.cost, 2 * exponent)),
        bound=float(np.ldexp(found.bound, 2 * exponent)),
        own=float(np.ldexp(found.own, 2 * exponent)),
        costs=np.ldexp(found.costs, 2 * exponent),
        prices=np.ldexp(found.prices, 2 * exponent),
    )


def _sorted(source: FloatArray, target: FloatArray) -> Transport:
    """On a line the sorted samples are paired.

    Between two neighbours in the target, sources lie around the mean of those that hold them, and
    the slope of the potentials there is twice the distance from it.
    """
    n = len(source)
    rows, heads = (np.argsort(side.sum(axis=1), kind="stable") for side in (source, target))
    columns = np.empty(n, dtype=np.intp)
    columns[rows] = heads
    costs = squares(source - target[columns])
    own = float(squares(source - target).mean())
    cost = min(float(costs.mean()), own)
    held, at = source[rows].sum(axis=1), target[heads].sum(axis=1)
    steps = np.diff(at) * (held[1:] + held[:-1] - at[1:] - at[:-1])
    prices = np.zeros(n)
    prices[heads[1:]] = np.cumsum(steps)
    tolerance = 4.0 * EPS * float(np.mean(squares(source) + squares(target)))
    paired = own <= cost + tolerance
    return Transport(
        cost, cost, "sort", "sorted on a line", paired, own, columns, costs, prices=prices
    )


def _solved(source: FloatArray, target: FloatArray) -> Transport:
    """Ask the solvers in turn."""
    costs = Costs.between(source, target)
    answers = ((name, solver(costs)) for name, solver in SOLVERS.items())
    name, found = next((name, found) for name, found in answers if found is not None)
    own = float(squares(costs.source - costs.target).mean())
    moved = bool((found.columns != np.arange(len(costs))).any())
    each = squares(costs.source - costs.target[found.columns])
    cost = min(float(each.mean()), own) if moved else own
    plan = (own, found.columns, each, found.prices)
    if found.optimal:
        return Transport(cost, cost, name, "dual potentials", own <= cost + costs.tolerance, *plan)
    bound = min(cost, max(0.0, lower_bound(costs, found.prices)))
    return Transport(cost, bound, name, "bounds only: a plan and dual potentials", False, *plan)


def _exponent(source: FloatArray, target: FloatArray) -> int:
    """Power of two that brings the samples to a size of one, so that no square leaves the range."""
    largest = max(max(rows.max(initial=0.0), -rows.min(initial=0.0)) for rows in (source, target))
    return int(np.frexp(largest)[1])

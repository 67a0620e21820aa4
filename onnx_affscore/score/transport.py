"""Exact W2 between two equal-weight samples of one size: a portfolio of solvers, each certified.

A solver takes both sides and returns the optimal plan's cost, or None where it does not apply or
cannot tell; :data:`SOLVERS` are asked in turn. To add one, write a function and a row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from onnx_affscore.records import FloatArray

__all__ = ["SOLVERS", "Transport", "squared_w2"]

EPS: Final = float(np.finfo(np.float64).eps)
BLOCK: Final = 256
"""Rows of the cost matrix that are looked at together; does not change results."""

ASSIGNMENT_LIMIT: Final = 8192
"""Most samples for which a whole cost matrix is built (512 MiB, and minutes where it is hard)."""

SWEEPS: Final = 64
"""Work spent on proving a found assignment optimal, in passes over the cost matrix."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How far two samples lie from each other, and how that is known.

    ``cost`` is the mean squared distance under the best plan found, an upper bound of W2²;
    ``bound`` a lower one, from dual potentials, equal to ``cost`` where the plan is optimal.
    ``solver``: sort, identity, assignment or none. ``certificate`` says in words why the plan is
    optimal. ``paired``: pairing row i with row i is optimal.
    """

    cost: float
    bound: float
    solver: str
    certificate: str
    paired: bool

    @property
    def exact(self) -> bool:
        """Whether the plan is known to be optimal."""
        return self.bound == self.cost


Solver = Callable[[FloatArray, FloatArray], Transport | None]


def squared_w2(source: FloatArray, target: FloatArray) -> Transport:
    r"""Squared Wasserstein distance between two samples with equal weights.

    .. math:: W_2^2 = \min_\sigma \tfrac1n \sum_i \lVert s_i - t_{\sigma(i)} \rVert^2

    over all permutations. Costs are computed from the differences of the rows that a plan pairs,
    so a small distance between large samples keeps its digits.

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
    for solver in SOLVERS:
        found = solver(source, target)
        if found is not None:
            return found
    arriving = _squares(target)
    nearest = sum(
        float((arriving - 2.0 * p).min(axis=1).sum()) for _, p in _products(source, target)
    )
    bound = max(0.0, (nearest + float(_squares(source).sum())) / len(source))
    return Transport(_paired_cost(source, target), bound, "none", "bounds only", paired=False)


def _sorted(source: FloatArray, target: FloatArray) -> Transport | None:
    """On a line the sorted samples are paired."""
    if source.shape[1] > 1:
        return None
    cost = float(np.mean((np.sort(source[:, 0]) - np.sort(target[:, 0])) ** 2))
    paired = _paired_cost(source, target)
    tolerance = 4.0 * EPS * float(np.mean(source**2) + np.mean(target**2))
    return Transport(cost, cost, "sort", "sorted on a line", paired <= cost + tolerance)


def _identity(source: FloatArray, target: FloatArray) -> Transport | None:
    """Row i goes to row i where no other target is nearer to it, or no other source to its target.

    Row minima (or column minima) on the diagonal are a feasible pair of dual potentials whose
    value is the paired cost. The first block of rows with neither ends the attempt.
    """
    inner = np.einsum("ij,ij->i", source, target)
    leaving, arriving = _squares(source), _squares(target)
    own_row, own_column = arriving - 2.0 * inner, leaving - 2.0 * inner
    slack = -_tolerance(source, target)
    rows = columns = True
    for part, products in _products(source, target):
        if rows:
            nearest = (arriving - 2.0 * products).min(axis=1)
            rows = bool((nearest - own_row[part] >= slack).all())
        if columns:
            nearest = (leaving[part, None] - 2.0 * products - own_column).min(axis=0)
            columns = bool((nearest >= slack).all())
        if not rows and not columns:
            return None
    cost = _paired_cost(source, target)
    certificate = f"{'row' if rows else 'column'} minima on the diagonal"
    return Transport(cost, cost, "identity", certificate, paired=True)


def _assignment(source: FloatArray, target: FloatArray) -> Transport | None:
    """Shortest augmenting paths on the whole cost matrix, proved optimal by dual potentials."""
    n = len(source)
    if n > ASSIGNMENT_LIMIT:
        return None
    costs = np.empty((n, n))
    arriving, leaving = _squares(target), _squares(source)
    for part, products in _products(source, target):
        costs[part] = (arriving - 2.0 * products) + leaving[part, None]
    columns = linear_sum_assignment(costs)[1]
    cost = float(_squares(source - target[columns]).mean())
    identical = _paired_cost(source, target)
    tolerance = _tolerance(source, target)
    paired = identical <= cost + tolerance
    proved = _feasible(costs, columns, tolerance=tolerance)
    certificate = "dual potentials" if proved else "solver ends at an optimum only"
    return Transport(min(cost, identical), min(cost, identical), "assignment", certificate, paired)


SOLVERS: Final[tuple[Solver, ...]] = (_sorted, _identity, _assignment)
"""Asked in turn, cheapest first."""


def _feasible(costs: FloatArray, columns: npt.NDArray[np.integer], *, tolerance: float) -> bool:
    """Whether dual potentials prove the assignment of rows to ``columns`` optimal.

    Potentials exist exactly if no cycle of exchanges has a negative cost; they are the shortest
    distances in the graph of exchanges, found by Bellman and Ford's relaxation. Only columns
    whose distance fell are looked at again. False where the work spent on it was not enough.
    """
    n = len(columns)
    own = costs[np.arange(n), columns]
    holder = np.empty(n, dtype=np.intp)
    holder[columns] = np.arange(n)
    distance = np.zeros(n)
    active = np.arange(n)
    work = SWEEPS * n
    while len(active) and work > 0:
        work -= len(active)
        reached = np.full(n, np.inf)
        for start in range(0, len(active), BLOCK):
            rows = active[start : start + BLOCK]
            offset = distance[columns[rows]] - own[rows]
            np.minimum(reached, (costs[rows] + offset[:, None]).min(axis=0), out=reached)
        fallen = np.flatnonzero(reached < distance - tolerance)
        distance[fallen] = reached[fallen]
        active = holder[fallen]
    return not len(active)


def _products(source: FloatArray, target: FloatArray) -> Iterator[tuple[slice, FloatArray]]:
    """Inner products of the rows of the source with those of the target, by blocks of rows."""
    for start in range(0, len(source), BLOCK):
        part = slice(start, min(start + BLOCK, len(source)))
        yield part, source[part] @ target.T


def _squares(rows: FloatArray) -> FloatArray:
    """Squared norm of each row."""
    squares: FloatArray = np.einsum("ij,ij->i", rows, rows)
    return squares


def _paired_cost(source: FloatArray, target: FloatArray) -> float:
    """Mean squared distance where row i is paired with row i."""
    return float(_squares(source - target).mean())


def _tolerance(source: FloatArray, target: FloatArray) -> float:
    """Rounding of one squared distance that was computed from an inner product."""
    n, k = source.shape
    largest = max(float(_squares(source).max()), float(_squares(target).max())) if n else 0.0
    return 4.0 * EPS * float(np.sqrt(max(k, 1))) * largest

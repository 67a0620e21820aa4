"""Distances between signatures: one table, and the matrix of all pairs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from onnx_affscore.comparison import DistanceMatrix
from onnx_affscore.errors import OptionError
from onnx_affscore.records import Reading, Signature, Status
from onnx_affscore.statistics.alignment import align as aligned
from onnx_affscore.statistics.alignment import chosen_way
from onnx_affscore.statistics.dtw import dtw_distances
from onnx_affscore.statistics.summaries import affinities

__all__ = ["DISTANCES", "distance_matrix"]

# A distance takes one signature, the others, and the way of alignment that the user asked for.
FromOne: TypeAlias = Callable[[Signature, Sequence[Signature], str], list[Reading]]


def by_dtw(one: Signature, others: Sequence[Signature], _align: str) -> list[Reading]:
    """Dynamic time warping, see :func:`~onnx_affscore.statistics.dtw.dtw_distances`."""
    return [
        Reading(float(d)) for d in dtw_distances(affinities(one), [affinities(b) for b in others])
    ]


def by_l2(one: Signature, others: Sequence[Signature], align: str) -> list[Reading]:
    r"""Euclidean distance of sites paired one to one, :math:`(\sum_i (a_i - b_i)^2)^{1/2}`.

    Sites are paired by name where they are aligned so, else by order. Where a site is left over
    the distance cannot be given.
    """
    return [_l2(one, b, align) for b in others]


def by_wasserstein(one: Signature, others: Sequence[Signature], _align: str) -> list[Reading]:
    r"""1-Wasserstein distance of the values as two distributions, whatever their order.

    .. math:: W_1(a, b) = \int |F_a(t) - F_b(t)| \, dt
    """
    from scipy.stats import wasserstein_distance

    return [Reading(float(wasserstein_distance(affinities(one), affinities(b)))) for b in others]


DISTANCES: Mapping[str, FromOne] = {
    "dtw": by_dtw,
    "l2": by_l2,
    "wasserstein": by_wasserstein,
}


def distance_matrix(
    signatures: Sequence[Signature], distance: str = "dtw", *, align: str = "auto"
) -> DistanceMatrix:
    """Return the distances between all signatures, symmetric, with zeros on the diagonal.

    ``align`` is for ``l2`` alone. A distance that cannot be given is None with its reason. Raises
    :class:`OptionError` for an unknown distance.
    """
    if distance not in DISTANCES:
        raise OptionError(f"no distance {distance!r}; wanted one of {', '.join(DISTANCES)}")
    size = len(signatures)
    empty = Reading(None, Status.UNDEFINED, "a signature has no scored site")
    rows = [[Reading(0.0) if s.sites else empty for _ in range(size)] for s in signatures]
    scored = [i for i, signature in enumerate(signatures) if signature.sites]
    for place, i in enumerate(scored):
        behind = scored[place + 1 :]
        found = DISTANCES[distance](signatures[i], [signatures[j] for j in behind], align)
        for j, reading in zip(behind, found, strict=True):
            rows[i][j] = rows[j][i] = reading
    for i in set(range(size)) - set(scored):
        for row in rows:
            row[i] = empty
    return DistanceMatrix(distance, tuple(map(tuple, rows)))


def _l2(a: Signature, b: Signature, align: str) -> Reading:
    way = chosen_way(a.sites, b.sites)[0] if align == "auto" else align
    alignment = aligned(a, b, method="order" if way == "dtw" else way)
    left = len(alignment.unpaired_a) + len(alignment.unpaired_b)
    if left or not alignment.pairs:
        return Reading(
            None,
            Status.UNDEFINED,
            f"L2 needs a partner for every site; by {alignment.method}, sites are left over",
        )
    i, j = np.array(alignment.pairs).T
    return Reading(float(np.linalg.norm(affinities(a)[i] - affinities(b)[j])))

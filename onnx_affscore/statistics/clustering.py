"""Hierarchical clustering of signatures from their distances, and how far it can be trusted."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from onnx_affscore.comparison import Clustering, DistanceMatrix
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import FloatArray, Reading, Status

__all__ = ["LINKAGES", "adjusted_rand_index", "cluster", "silhouette"]

# Name of the linkage in SciPy: the distance between two clusters.
LINKAGES: Mapping[str, str] = {
    "single": "of their nearest members",
    "complete": "of their farthest members",
    "average": "mean over all pairs of members",
    "weighted": "mean of the distances of the two parts last joined",
    "ward": "growth of the variance when joined; meant for Euclidean distances",
}


def cluster(
    distances: DistanceMatrix,
    *,
    linkage: str = "average",
    groups: int | None = None,
    families: Sequence[str | None] = (),
) -> Clustering:
    """Return the hierarchy of signatures, cut into groups.

    ``groups`` None cuts into as many as there are families, where every signature has one, else
    where the silhouette is best. ``agreement`` is the adjusted Rand index of groups and families.
    Raises :class:`OptionError` for an unknown linkage or an impossible number of groups,
    :class:`DataError` where a distance is missing.
    """
    from scipy.cluster import hierarchy

    if linkage not in LINKAGES:
        raise OptionError(f"no linkage {linkage!r}; wanted one of {', '.join(LINKAGES)}")
    size = len(distances.rows)
    if groups is not None and not 1 <= groups <= size:
        raise OptionError(f"{groups} groups of {size} signatures; wanted from 1 to {size}")
    if distances.reasons:
        raise DataError(f"no clusters: {'; '.join(distances.reasons)}")
    square = np.array(distances.values, dtype=float)
    condensed = square[np.triu_indices(size, 1)]
    method: Any = linkage  # one of SciPy's literals
    merges = np.asarray(hierarchy.linkage(condensed, method=method, optimal_ordering=True))

    def cut(number: int) -> npt.NDArray[np.int64]:
        return np.asarray(hierarchy.cut_tree(merges, n_clusters=[number])).ravel()

    known = [family for family in families if family is not None]
    number, choice = groups, "asked for"
    if number is None and size == len(known) and len(set(known)) > 1:
        number, choice = len(set(known)), "as many as there are families"
    if number is None:
        scores = {k: silhouette(square, cut(k)).value for k in range(2, size)}
        number = max(scores, key=lambda k: scores[k] or 0.0, default=1)
        choice = "where the silhouette is best" if scores else "two are too few to cut"
    found, order = cut(number), [int(leaf) for leaf in hierarchy.leaves_list(merges)]
    names = {old: new for new, old in enumerate(dict.fromkeys(found[order].tolist()), start=1)}
    return Clustering(
        linkage=linkage,
        distance=distances.name,
        merges=tuple((m[0], m[1], m[2], m[3]) for m in merges.tolist()),
        order=tuple(order),
        groups=tuple(names[old] for old in found.tolist()),
        choice=choice,
        cophenetic=_cophenetic(hierarchy.cophenet(merges), condensed),
        silhouette=silhouette(square, found),
        agreement=_agreement(found.tolist(), families),
    )


def silhouette(distances: FloatArray, groups: Sequence[Any] | npt.NDArray[Any]) -> Reading:
    r"""Return the mean silhouette of a grouping, from -1 to 1.

    .. math:: s_i = (b_i - a_i) / \max(a_i, b_i)

    a_i being the mean distance of member i from the others of its group, b_i the least mean
    distance from another group; s_i = 0 where a member is alone (Rousseeuw 1987) [1]_. One group,
    or each member alone, has no silhouette.

    References
    ----------
    .. [1] P. J. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
    """
    names = np.asarray(groups)
    known = np.unique(names)
    if not 1 < len(known) < len(names):
        reason = "wanted are two groups, and one of them with two members"
        return Reading(None, Status.UNDEFINED, reason)
    members = names[:, None] == known
    sums, sizes = distances @ members, members.sum(axis=0)
    own = members.argmax(axis=1)
    rows = np.arange(len(names))
    alone = sizes[own] == 1
    a = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    others = sums / sizes
    others[rows, own] = np.inf
    b = others.min(axis=1)
    top = np.maximum(a, b)
    s = np.where(alone | (top == 0), 0.0, (b - a) / np.where(top == 0, 1.0, top))
    return Reading(float(s.mean()))


def adjusted_rand_index(a: Sequence[object], b: Sequence[object]) -> Reading:
    r"""Return how far two groupings agree: 1 for the same, 0 as expected of random ones.

    .. math:: (S - E) / (\tfrac12 (A + B) - E), \quad E = A B / \tbinom{n}{2}

    S, A and B count the pairs that are together in both, in the first and in the second grouping
    [1]_. It is 0/0 where both groupings are one group, or both leave each member alone.

    References
    ----------
    .. [1] L. Hubert, P. Arabie, Comparing partitions, J. Classif. 2 (1985).

    >>> adjusted_rand_index("aabb", "xxyy").value
    1.0
    """
    both, first, second = (_pairs_together(g) for g in (list(zip(a, b, strict=True)), a, b))
    total = comb(len(a), 2)
    expected = first * second / total if total else 0.0
    most = (first + second) / 2
    if most == expected:
        return Reading(None, Status.DEGENERATE, "one group, or each signature alone")
    return Reading((both - expected) / (most - expected))


def _pairs_together(groups: Sequence[object]) -> int:
    counts: dict[object, int] = {}
    for group in groups:
        counts[group] = counts.get(group, 0) + 1
    return sum(comb(count, 2) for count in counts.values())


def _cophenetic(heights: FloatArray, distances: FloatArray) -> Reading:
    """Correlate the heights at which pairs are joined with their distances."""
    if np.ptp(heights) == 0 or np.ptp(distances) == 0:
        return Reading(None, Status.UNDEFINED, "all distances are equal")
    return Reading(float(np.corrcoef(heights, distances)[0, 1]))


def _agreement(groups: Sequence[int], families: Sequence[str | None]) -> Reading:
    kept = [(g, f) for g, f in zip(groups, families, strict=False) if f is not None]
    if len({f for _, f in kept}) < 2:
        return Reading(None, Status.UNDEFINED, "no two families were given")
    return adjusted_rand_index([g for g, _ in kept], [f for _, f in kept])

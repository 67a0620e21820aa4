"""Sites of two graphs of one network, paired by what they are where names do not help."""

from collections.abc import Sequence

import numpy as np

from onnx_affscore.records import FloatArray, ScoredSite

__all__ = ["by_structure"]

# What a pair is worth: one of the same activation counts for more than two that only are as wide,
# and one of the same name for more than one of the same activation.
_NAME, _ACTIVATION, _FEATURES, _ROLE = 8, 4, 1, 1


def by_structure(a: Sequence[ScoredSite], b: Sequence[ScoredSite]) -> tuple[tuple[int, int], ...]:
    r"""Pair sites in their order by name, activation, features and role; others stay alone.

    Of all pairings that keep the order of both sides, the one of the greatest worth,

    .. math::
        D_{ij} = \max(D_{i-1,j}, D_{i,j-1}, D_{i-1,j-1} + w_{ij}),

    w being the sum of what two sites have in common. Sites that have neither name, nor activation,
    nor both features and role in common are no pair. Among pairings of the same worth the
    affinities decide: what they add to all w together is below 1.
    """
    if not (a and b):
        return ()
    worth = _worth(a, b)
    best = np.zeros((len(a) + 1, len(b) + 1))
    for i, row in enumerate(worth):
        with_or_without = np.maximum(best[i, 1:], best[i, :-1] + row)
        best[i + 1, 1:] = np.maximum.accumulate(with_or_without)
    pairs = []
    i, j = len(a), len(b)
    while i and j:
        if best[i, j] == best[i - 1, j]:
            i -= 1
        elif best[i, j] == best[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return tuple(reversed(pairs))


def _worth(a: Sequence[ScoredSite], b: Sequence[ScoredSite]) -> FloatArray:
    def same(field: str) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        ours, theirs = ([getattr(site, field) for site in sites] for sites in (a, b))
        return np.array([[x == y for y in theirs] for x in ours])

    name, activation, features, role = map(same, ("name", "activation", "features", "role"))
    worth = _NAME * name + _ACTIVATION * activation + _FEATURES * features + _ROLE * role
    values = ([s.affinity for s in sites] for sites in (a, b))
    x, y = (np.array([np.nan if v is None else v for v in side]) for side in values)
    near = 1 - np.nan_to_num(np.minimum(np.abs(x[:, None] - y), 1), nan=1.0)
    bonus = near / (min(len(a), len(b)) + 1)
    return np.where(name | activation | (features & role), worth + bonus, -1.0)

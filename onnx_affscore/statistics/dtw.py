"""Dynamic time warping of sequences of numbers: the distance, and the path behind it."""

from collections.abc import Sequence

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["dtw_distances", "dtw_path"]

_STEPS = ((1, 1), (1, 0), (0, 1))  # where costs are equal the diagonal is taken


def dtw_distances(a: FloatArray, others: Sequence[FloatArray]) -> FloatArray:
    r"""Return the distance of ``a`` from each of ``others``.

    .. math:: d(a, b) = \min_P \Big( \sum_{(i, j) \in P} (a_i - b_j)^2 \Big)^{1/2}

    P runs over the paths from the first pair to the last that go on by one in a, in b, or in
    both: no window, no slope constraint, no division by the length, as in the paper [1]_. All
    sequences, (n,) and (m,), have at least one value. The cost is O(n max m) for each of them;
    all cells of an anti-diagonal are computed at once, for all of ``others``.

    References
    ----------
    .. [1] Bouniot et al., From Alexnet to Transformers, CVPR 2025, section 5.

    >>> dtw_distances(np.array([0.0, 3.0]), [np.array([0.0, 0.0, 3.0]), np.array([0.0, 4.0])])
    array([0., 1.])
    """
    if not others:
        return np.empty(0)
    n, lengths = len(a), np.array([len(b) for b in others])
    m = int(lengths.max())
    # Values behind the end of a sequence reach only cells that are not read.
    reversed_others = np.zeros((len(others), m))
    for row, b in zip(reversed_others, others, strict=True):
        row[m - len(b) :] = b[::-1]
    # Column i + 1 of a buffer is the cell (i, k - i) of diagonal k; column 0 is outside.
    before, last, new = (np.full((len(others), n + 1), np.inf) for _ in range(3))
    before[:, 0] = 0.0
    found = np.empty(len(others))
    for k in range(n + m - 1):
        low, high = max(0, k - m + 1), min(n, k + 1)
        j = m - 1 - k + low
        cost = a[low:high] - reversed_others[:, j : j + high - low]
        cost *= cost
        best = np.minimum(last[:, low + 1 : high + 1], last[:, low:high])
        np.minimum(best, before[:, low:high], out=best)
        np.add(cost, best, out=new[:, low + 1 : high + 1])
        ended = lengths == k - n + 2
        found[ended] = new[ended, n]
        before, last, new = last, new, before
        new[:, 0] = np.inf
    return np.sqrt(found)


def dtw_path(a: FloatArray, b: FloatArray) -> tuple[tuple[int, int], ...]:
    """Return the pairs of positions of one path of least cost, from the first to the last.

    Of several, the one that goes on in both sequences where it can, read from the end.
    """
    n, m = len(a), len(b)
    total = np.full((n + 1, m + 1), np.inf)
    total[0, 0] = 0.0
    flat, backwards = total.reshape(-1), b[::-1]
    for k in range(n + m - 1):
        low, high = max(0, k - m + 1), min(n, k + 1)
        # The cells before i + 1, k - i + 1 for i from low on: m apart in the flat matrix.
        corner, above, left, cell = (
            flat[start + low * m : start + (high - 1) * m + 1 : m]
            for start in (k, k + 1, k + m + 1, k + m + 2)
        )
        j = m - 1 - k + low
        cost = (a[low:high] - backwards[j : j + high - low]) ** 2
        cell[:] = cost + np.minimum(np.minimum(above, left), corner)
    i_end, j_end = n, m
    path = [(n - 1, m - 1)]
    while (i_end, j_end) != (1, 1):
        down, right = min(_STEPS, key=lambda s: total[i_end - s[0], j_end - s[1]])
        i_end, j_end = i_end - down, j_end - right
        path.append((i_end - 1, j_end - 1))
    return tuple(reversed(path))

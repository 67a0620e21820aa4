"""A quick proof that pairing is optimal: distances bounded from below by some of the features."""

from typing import Final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import FloatArray

__all__ = ["pairs_are_nearest"]

Indices = npt.NDArray[np.intp]

EPS: Final = float(np.finfo(np.float64).eps)

SHARES: Final = (8, 4, 2, 1)
"""One feature in so many is looked at, in turn, for the rows that are still open."""

HOPELESS: Final = 0.5
"""Where more rows of the first block than this stay open, more features are wanted at once."""

BLOCK_ELEMENTS: Final = 2**17
"""Distances that are looked at together: 1 MiB, within a core's cache. Changes no result."""


def pairs_are_nearest(source: FloatArray, target: FloatArray) -> bool:
    r"""Whether it is proved that no row of the target is nearer to source row i than row i is.

    Then the potentials 0 prove the pairing of row i with row i optimal. With the features split
    into P and the rest Q, the triangle inequality gives

    .. math::

        \lVert s_i - t_j \rVert^2 \ge \lVert s_{iP} - t_{jP} \rVert^2
        + \bigl(\lVert s_{iQ} \rVert - \lVert t_{jQ} \rVert\bigr)^2 ,

    a squared distance in one dimension more than P has. Where a pair is much nearer than chance,
    as before and behind most activations of many features, some of the features prove most rows.
    False says only that there is no such proof: a tie, within rounding, is none.

    Parameters
    ----------
    source, target : FloatArray
        Rows of the two samples, (n, k) each, with squares in the range of float64.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((50, 40))
    >>> pairs_are_nearest(rows, 1.1 * rows), pairs_are_nearest(rows, rows[::-1])
    (True, False)
    """
    if not len(source):
        return False
    difference = source - target
    own = np.einsum("ij,ij->i", difference, difference)
    del difference
    order = np.argsort(-np.einsum("ij,ij->j", target, target))
    rows = np.arange(len(source))
    for share in SHARES:
        if count := source.shape[1] // share:
            last = share == SHARES[-1]
            rows = _open(source, target, own=own, part=order[:count], rows=rows, last=last)
        if not len(rows):
            return True
    return False


def _open(
    source: FloatArray,
    target: FloatArray,
    *,
    own: FloatArray,
    part: Indices,
    rows: Indices,
    last: bool,
) -> Indices:
    """The rows whose own distance does not lie below the bound from the features of ``part``.

    All of them, where that is so of most rows of the first block; ``last``: where it is of one.
    """
    reduced_source, reduced_target = _reduced(source[rows], part), _reduced(target, part)
    leaving, arriving = (
        np.einsum("ij,ij->i", reduced, reduced) for reduced in (reduced_source, reduced_target)
    )
    n, width = reduced_target.shape
    # Four sums of so many products, of either sign, take part: own distance, product, two norms.
    largest = max(float(leaving.max()), float(arriving.max()))
    tolerance = 16.0 * EPS * (width + source.shape[1]) ** 0.5 * largest
    left = np.hstack(
        [-2.0 * reduced_source, (leaving - own[rows])[:, None], np.ones((len(rows), 1))]
    )
    right = np.hstack([reduced_target, np.ones((n, 1)), arriving[:, None]]).T
    height = max(1, BLOCK_ELEMENTS // n)
    room = np.empty((min(height, len(rows)), n))
    undecided = []
    for start in range(0, len(rows), height):
        block = rows[start : start + height]
        excess = np.matmul(left[start : start + height], right, out=room[: len(block)])
        excess[np.arange(len(block)), block] = np.inf
        found = block[~(excess.min(axis=1) > tolerance)]
        hopeless = len(found) > HOPELESS * len(block) and not start
        if hopeless or (last and len(found)):
            return rows
        undecided.append(found)
    return np.concatenate(undecided)


def _reduced(rows: FloatArray, part: Indices) -> FloatArray:
    """The features of ``part``, and the norm of all others as one more."""
    kept = rows[:, part]
    squares = np.einsum("ij,ij->i", rows, rows) - np.einsum("ij,ij->i", kept, kept)
    return np.hstack([kept, np.sqrt(np.maximum(squares, 0.0))[:, None]])

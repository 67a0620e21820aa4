"""A quick proof that pairing is optimal: distances bounded from below by some of the features."""

from dataclasses import dataclass
from typing import Any, Final, Self, final

import numpy as np
import numpy.typing as npt

from onnx_affscore.records import FloatArray
from onnx_affscore.score.costs import Indices, squares

__all__ = ["pairs_are_nearest"]

Single = npt.NDArray[np.float32]

SHARES: Final = (8, 4, 2, 1)
"""One feature in so many is looked at, in turn, for the rows that are still open."""

HOPELESS: Final = 0.5
"""Where more rows of the first block than this stay open, more features are wanted at once."""

BLOCK_ELEMENTS: Final = 2**17
"""Distances that are looked at together: 1 MiB at most, within a core's cache. Changes no
result."""


def pairs_are_nearest(source: FloatArray, target: FloatArray) -> bool:
    r"""Whether it is proved that no row of the target is nearer to source row i than row i is.

    Then the potentials 0 prove the pairing of row i with row i optimal. With the features split
    into P and the rest Q, the triangle inequality gives

    .. math::

        \lVert s_i - t_j \rVert^2 \ge \lVert s_{iP} - t_{jP} \rVert^2
        + \bigl(\lVert s_{iQ} \rVert - \lVert t_{jQ} \rVert\bigr)^2 ,

    a squared distance in one dimension more than P has. Where a pair is much nearer than chance,
    as before and behind most activations of many features, some of the features prove most rows.
    All looks but the last, at all features, are in single precision, whose rounding is allowed
    for. False says only that there is no such proof: a tie, within rounding, is none.

    Parameters
    ----------
    source, target : FloatArray
        Rows of the two samples, (n, k) each, with squares in the range of single precision.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((50, 40))
    >>> pairs_are_nearest(rows, 1.1 * rows), pairs_are_nearest(rows, rows[::-1])
    (True, False)
    """
    if not len(source):
        return False
    pairs = _Pairs.of(source, target)
    rows = np.arange(len(source))
    for share in SHARES:
        count = source.shape[1] // share
        if count and len(rows):
            rows = pairs.still_open(rows, count=count, last=share == SHARES[-1])
    return not len(rows)


@final
@dataclass(frozen=True, slots=True)
class _Pairs:
    """Two samples with the squared norms of their rows and the squared distances of pairs.

    ``first`` are the features that are looked at in single precision, by falling size.
    """

    source: FloatArray
    target: FloatArray
    first: tuple[Single, Single]
    leaving: FloatArray
    arriving: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, source: FloatArray, target: FloatArray) -> Self:
        order = np.argsort(-np.einsum("ij,ij->j", target, target))
        some = order[: source.shape[1] // SHARES[-2]]
        first, arrived = (
            np.take(side.astype(np.float32), some, axis=1) for side in (source, target)
        )
        return cls(
            source,
            target,
            (first, arrived),
            squares(source),
            squares(target),
            squares(source - target),
        )

    def still_open(self, rows: Indices, *, count: int, last: bool) -> Indices:
        """The rows whose own distance does not lie below the bound from so many features.

        All of them, where that is so of most rows of the first block; ``last``: where it is of one.
        """
        left, right = self._factors(rows, count=count)
        tolerance = self._tolerance(count, left.dtype)
        n = len(right)
        height = max(1, BLOCK_ELEMENTS // n)
        room = np.empty((min(height, len(rows)), n), dtype=left.dtype)
        undecided = []
        for start in range(0, len(rows), height):
            block = rows[start : start + height]
            excess = np.matmul(left[start : start + height], right.T, out=room[: len(block)])
            excess[np.arange(len(block)), block] = np.inf
            found = block[~(excess.min(axis=1) > tolerance)]
            hopeless = len(found) > HOPELESS * len(block) and not start
            if hopeless or (last and len(found)):
                return rows
            undecided.append(found)
        return np.concatenate(undecided)

    def _factors(self, rows: Indices, *, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Factors of the bounds less the own distance, ``[-2 s, u, 1] · [t, 1, v]``, transposed."""
        left: npt.NDArray[Any]
        right: npt.NDArray[Any]
        source, target = self.first
        if count > source.shape[1]:
            left, right = self.source[rows], self.target
        else:
            left, right = source[rows, :count], target[:, :count]
        leaving, arriving = self.leaving[rows], self.arriving
        return (
            _widened(-2 * left, _rest(left, leaving) * -2, leaving - self.own[rows], 1.0),
            _widened(right, _rest(right, arriving), 1.0, arriving),
        )

    def _tolerance(self, count: int, dtype: np.dtype[Any]) -> float:
        """A bound of the rounding of one such product.

        With the larger squared norm L, the terms of a product are ``8 L`` together, so that its
        rounding is at most ``8 (k + 3) u L`` for k features; those of the norms and of the own
        distance, where they are of the same precision, at most ``8 k u L`` together, and that of
        the features themselves ``8 u L``. With ``2 u`` the machine epsilon the sum is below this.
        """
        largest = max(float(self.leaving.max()), float(self.arriving.max()))
        return 8.0 * float(np.finfo(dtype).eps) * (count + 8) * largest


def _rest(kept: npt.NDArray[Any], squared: FloatArray) -> FloatArray:
    """The norm of the features that are not kept, from the squared norm of all."""
    inside = np.einsum("ij,ij->i", kept, kept, dtype=np.float64)
    return np.asarray(np.sqrt(np.maximum(squared - inside, 0.0)))


def _widened(rows: npt.NDArray[Any], *columns: FloatArray | float) -> npt.NDArray[Any]:
    """The rows with further columns, in their own type."""
    wide = np.empty((len(rows), rows.shape[1] + len(columns)), dtype=rows.dtype)
    wide[:, : rows.shape[1]] = rows
    for index, column in enumerate(columns, start=rows.shape[1]):
        wide[:, index] = column
    return wide

"""The rank rule: which directions of a set of features carry signal, and which are rounding."""

import math
from typing import Final

import numpy as np

__all__ = ["arithmetic_floor", "noise_floor"]

ROUNDINGS: Final = 2
"""Roundings to the source type behind the last product: the product itself, then bias or shift."""

CHAIN: Final = 4096
"""Longest chain of additions that one element passes through before kernels sum in blocks: a mean
over 64 x 64 positions (InstanceNorm), a dot product over 4096 inputs."""

ACCUMULATOR_EPS: Final = 2.0**-23
"""Half-precision kernels add in float32, so their chains round no more coarsely than this."""


def noise_floor(precision: float, rms: float, *, rows: int, columns: int) -> float:
    r"""Standard deviation below which a direction of the features is rounding.

    .. math::

        \tau = c\,\varepsilon\,\mathrm{rms}, \qquad
        c = \Bigl(1 + \sqrt{d/n}\Bigr)
            \sqrt{\frac{R + K \min(1, \varepsilon_{32}/\varepsilon)^2}{12}}

    with ``ε`` the ``precision``, ``n`` ``rows``, ``d`` ``columns``, ``R = 2`` and ``K = 4096``.

    Derivation. Rounding to nearest moves a value ``v`` by an error that is uniform over one unit
    in its last place, and that unit is at most ``ε |v|``: one rounding adds noise of standard
    deviation at most ``ε rms / √12`` (0.289; measured: 0.21, since the unit is on average smaller
    than its bound). An element passes ``R`` roundings to its own type and a chain of at most
    ``K`` additions in the accumulator (its own type, but float32 where that is finer); partial
    sums are no larger than the result in the mean square, and the errors are independent, so
    their variances add up to the root above. Spread over an ``n x d`` matrix such noise has no
    largest singular value above ``√n + √d`` times its standard deviation (the edge of the
    Marchenko-Pastur law), which in units of a direction's standard deviation, ``√n``, is the
    first factor. For features of 1797 x 256: c = 25.5 for float32 and float64, 0.56 for float16.

    A mean over positions shrinks signal and noise alike, but errors that positions share (those
    of a normalisation's mean) stay: the floor is that of the unpooled tensor.

    Parameters
    ----------
    precision : float
        Machine epsilon of the type the tensor was computed in.
    rms : float
        Root mean square of the unpooled tensor, mean included: rounding is relative to size.
    rows, columns : int
        Shape of the features, n and d.

    Returns
    -------
    float
        The floor, in the units of ``rms``.

    Examples
    --------
    >>> round(noise_floor(2.0**-10, 1.0, rows=1797, columns=256) * 2.0**10, 3)
    0.562
    """
    edge = 1.0 + math.sqrt(columns / rows)
    chain = min(precision, ACCUMULATOR_EPS)
    return edge * rms * math.sqrt((ROUNDINGS * precision**2 + CHAIN * chain**2) / 12.0)


def arithmetic_floor(total_deviation: float, *, size: int) -> float:
    r"""Standard deviation below which a computed direction may be the error of our own float64.

    .. math:: 2 \varepsilon \sqrt{\max(n, d)} \, \sqrt{\operatorname{Tr} \Sigma}

    Centring, QR and SVD are backward stable: their error is a small multiple of ``ε`` times the
    Frobenius norm that grows like the root of the longer side. Directions that are exactly empty
    came out at a third of this floor at most (n from 40 to 20,000, d from 4 to 4,000).

    Parameters
    ----------
    total_deviation : float
        Square root of the trace of the covariance.
    size : int
        The larger of the numbers of rows and columns.
    """
    return 2.0 * float(np.finfo(np.float64).eps) * math.sqrt(size) * total_deviation

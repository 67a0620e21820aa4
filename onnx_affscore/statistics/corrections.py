"""Correction of p values for many tests: one table."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import FloatArray

__all__ = ["CORRECTIONS", "corrected"]


def holm(p: FloatArray) -> FloatArray:
    r"""Bound the chance of any false finding, whatever the dependence of the tests [1]_.

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) \, p_{(j)})

    References
    ----------
    .. [1] S. Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    order = np.argsort(p)
    scaled = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _placed(np.minimum(scaled, 1.0), order)


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    r"""Bound the expected share of false ones among the findings [1]_.

    .. math:: \tilde p_{(i)} = \min_{j \ge i} \min(1, m \, p_{(j)} / j)

    Proved for independent and for positively dependent tests.

    References
    ----------
    .. [1] Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, 1995.
    """
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    return _placed(np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0), order)


def uncorrected(p: FloatArray) -> FloatArray:
    """Leave p values as they are: of 20 tests of nothing, one is below 0.05."""
    return p.copy()


CORRECTIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "holm": holm,
    "bh": benjamini_hochberg,
    "none": uncorrected,
}


def corrected(p: Sequence[float | None], *, method: str = "holm") -> list[float | None]:
    """Return the corrected p values; those that are None stay so and do not count as tests.

    Raises :class:`OptionError` for an unknown method.

    >>> corrected([0.01, None, 0.04])
    [0.02, None, 0.04]
    """
    if method not in CORRECTIONS:
        raise OptionError(f"no correction {method!r}; wanted one of {', '.join(CORRECTIONS)}")
    known = [i for i, value in enumerate(p) if value is not None]
    found = CORRECTIONS[method](np.array([p[i] for i in known], dtype=float))
    result: list[float | None] = [None] * len(p)
    for i, value in zip(known, found.tolist(), strict=True):
        result[i] = value
    return result


def _placed(values: FloatArray, order: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FloatArray:
    result = np.empty_like(values)
    result[order] = values
    return result

"""Which rows are used where there are more than were asked for: drawn by seed, in their order."""

from typing import TypeAlias

import numpy as np

from onnx_affscore.data.labelling import check_count
from onnx_affscore.feeds import Labels, RowNumbers

__all__ = ["Rows", "kept_rows"]

Rows: TypeAlias = RowNumbers


def kept_rows(
    count: int, *, samples: int | None, seed: int, strata: Labels | None = None
) -> Rows | None:
    """``samples`` of ``count`` rows drawn without replacement, in their order; None for all.

    With ``strata`` every class keeps its share of the rows, to the nearest whole row (largest
    remainders, Hamilton's method; ties go to the class named first).

    Raises
    ------
    DataError
        The labels are not as many as the rows.
    """
    check_count(strata, count, where="--stratify")
    if samples is None or samples >= count:
        return None
    rng = np.random.default_rng([abs(seed), seed < 0])
    if strata is None:
        drawn = rng.choice(count, samples, replace=False, shuffle=False)
        return np.sort(drawn).astype(np.int64)
    members = [np.flatnonzero(strata.codes == code) for code in range(len(strata.names))]
    shares = _shares([len(m) for m in members], samples)
    parts = [
        rng.choice(m, share, replace=False, shuffle=False)
        for m, share in zip(members, shares, strict=True)
    ]
    return np.sort(np.concatenate(parts)).astype(np.int64)


def _shares(sizes: list[int], samples: int) -> list[int]:
    """How many of ``samples`` each class gets: its quota in whole rows, the rest by remainder."""
    total = sum(sizes)
    whole = [size * samples // total for size in sizes]
    remainders = [size * samples % total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda k: (-remainders[k], k))
    for k in order[: samples - sum(whole)]:
        whole[k] += 1
    return whole

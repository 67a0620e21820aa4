"""The paper's protocol: the score of every batch, their mean and their standard deviation."""

import numpy as np

from onnx_affscore.records import PairedSample, Reading, Status
from onnx_affscore.score.headline import headline
from onnx_affscore.score.moments import Prepared, some_rows

__all__ = ["BATCH_KEYS", "batch_scores"]

BATCH_KEYS = ("batch_mean", "batch_std")


def batch_scores(sample: PairedSample, *, size: int, covariance: str) -> dict[str, Reading]:
    r"""Mean and standard deviation (ddof 0) of the scores of consecutive batches of rows.

    .. math::

        \bar\rho = \frac1B \sum_b \rho(X_b, Y_b), \qquad
        s = \sqrt{\frac1B \sum_b \bigl(\rho(X_b, Y_b) - \bar\rho\bigr)^2}

    The paper's figures are of batches of 512 [1]_. The spread is that of scores of ``size`` rows,
    not the error of one of them all. A last batch that is not full is left out; where no batch
    is full, or one has no score, there is none.

    References
    ----------
    .. [1] Q. Bouniot et al., "From Alexnet to Transformers", CVPR 2025, section 4.
    """
    rows = len(sample.x.features)
    if rows < size:
        return _none(f"{rows} rows make no batch of {size}")
    found = []
    for start in range(0, rows - size + 1, size):
        batch = Prepared(some_rows(sample, slice(start, start + size)))
        score = headline(batch, covariance=covariance)
        if score.value is None:
            return _none(f"rows {start} to {start + size - 1}: {score.reason}")
        found.append(score.value)
    return dict(
        zip(BATCH_KEYS, map(Reading, (float(np.mean(found)), float(np.std(found)))), strict=True)
    )


def _none(reason: str) -> dict[str, Reading]:
    return dict.fromkeys(BATCH_KEYS, Reading(None, Status.UNDEFINED, reason))

"""One activation scored on the rows of every class alone."""

from collections.abc import Sequence
from dataclasses import replace

from onnx_affscore.records import Array, FeatureSample, PairedSample, SiteScore
from onnx_affscore.score.site import score_sample

__all__ = ["score_classes"]


def score_classes(
    sample: PairedSample, members: Sequence[Array | None], *, covariance: str
) -> tuple[SiteScore | None, ...]:
    """Return the score of each class by the numbers of its rows, without companions.

    None where a class is not to be scored. The rounding that a side is held to is that of all its
    rows, the class's or not: they come from one tensor.
    """

    def score(rows: Array | None) -> SiteScore | None:
        if rows is None:
            return None
        part = PairedSample(_taken(sample.x, rows), _taken(sample.y, rows))
        return score_sample(part, covariance=covariance, metrics=(), drawn=False)

    return tuple(map(score, members))


def _taken(side: FeatureSample, rows: Array) -> FeatureSample:
    owners = None if side.owners is None else side.owners[rows]
    return replace(side, features=side.features[rows], owners=owners)

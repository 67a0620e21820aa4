"""Every selected site scored, several at a time."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from onnx_affscore.gather import Gathered
from onnx_affscore.options import Options
from onnx_affscore.protocols import Engine
from onnx_affscore.records import ActivationSite, FloatArray, Role, ScoredSite, SiteScore
from onnx_affscore.score import score_sample

__all__ = ["Keep", "score_sites"]

Keep: TypeAlias = Callable[[str, FloatArray], None]
"""Takes the name of a site, and the influence of every sample on its score."""


def score_sites(
    sites: Sequence[ActivationSite],
    gathered: Gathered,
    *,
    options: Options,
    engine: Engine,
    keep: Keep | None = None,
) -> tuple[ScoredSite, ...]:
    """Score every selected site; the others are listed with the reason why they are not.

    ``keep`` gets the influences of each site, where the options ask for them.
    """
    figures = partial(
        score_sample,
        covariance=options.covariance,
        metrics=options.metrics,
        influence=options.influence,
        batches=options.batches,
        drawn=options.details,
    )

    def score(site: ActivationSite) -> ScoredSite:
        reason = site.unscored
        if reason is None and not gathered.reached(site):
            reason = "no batch of the data reached it"
        if reason is not None:
            return ScoredSite.of(site, SiteScore.none(reason))
        sample = gathered.paired(site)
        before, behind = (side.features.shape for side in (sample.x, sample.y))
        if site.role is Role.PROBE and before != behind:  # its ends need not have one shape
            reason = f"tables of {before} and {behind} rows and columns: no pairs"
            return ScoredSite.of(site, SiteScore.none(reason))
        found = engine.call(figures, sample)
        if keep is not None and found.influence is not None:
            keep(site.name, found.influence)
        return ScoredSite.of(site, found)

    return tuple(engine.each_site(score, sites))

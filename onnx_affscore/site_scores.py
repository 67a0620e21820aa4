"""Every selected site scored, several at a time; one that fails does not take the others along."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from traceback import extract_tb
from typing import Final, TypeAlias, final

from onnx_affscore.errors import AffscoreError, InternalError
from onnx_affscore.gather import Gathered
from onnx_affscore.options import Options
from onnx_affscore.protocols import Engine
from onnx_affscore.records import (
    ActivationSite,
    FloatArray,
    PairedSample,
    Role,
    ScoredSite,
    SiteScore,
    Status,
)
from onnx_affscore.score import score_sample

__all__ = ["Keep", "bug_reason", "score_sites"]

Keep: TypeAlias = Callable[[str, FloatArray], None]
"""Takes the name of a site, and the influence of every sample on its score."""

_ALONE: Final = (
    "memory ran out while several sites were scored at a time: this one was scored alone;"
    " --jobs 1 does so from the start"
)


@final
class _OutOfMemory:
    """Stands for a score that memory did not bear."""


def score_sites(
    sites: Sequence[ActivationSite],
    gathered: Gathered,
    *,
    options: Options,
    engine: Engine,
    keep: Keep | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[ScoredSite, ...]:
    """Score every selected site; the others are listed with the reason why they are not.

    ``tell`` is called with the number of sites done, and of all. ``keep`` gets the influences of
    each site, where the options ask for them. A site that memory does not bear beside others is
    scored alone, once they are done; where that fails too, or the scoring has a bug, it has no
    score, and the reason. Raises :class:`InternalError` where a bug leaves no site at all.
    """
    figures = partial(
        score_sample,
        covariance=options.covariance,
        metrics=options.metrics,
        influence=options.influence,
        batches=options.batches,
        drawn=options.details,
    )

    bugs: dict[str, Exception] = {}

    def score(site: ActivationSite) -> ScoredSite | _OutOfMemory:
        try:
            return ScoredSite.of(site, _scored(site, gathered, engine, figures, keep))
        except AffscoreError:
            raise
        except MemoryError:
            return _OutOfMemory()
        except Exception as exc:  # noqa: BLE001 - hours of other sites' work are not lost to a bug
            reason = bug_reason(site, exc)
            bugs[reason] = exc
            return ScoredSite.of(site, SiteScore.none(reason))

    def alone(site: ActivationSite) -> ScoredSite:
        (found,) = engine.each_site(score, [site])
        if isinstance(found, _OutOfMemory):
            return ScoredSite.of(site, SiteScore.none(_too_large(site, gathered)))
        return replace(found, warnings=(*found.warnings, _ALONE))

    first: list[ScoredSite | _OutOfMemory] = []
    tell(0, len(sites))
    for found in engine.each_site(score, sites):
        first.append(found)
        tell(len(first), len(sites))
    scored = tuple(
        alone(site) if isinstance(found, _OutOfMemory) else found
        for site, found in zip(sites, first, strict=True)
    )
    if bugs and all(found.status == Status.UNSCORED for found in scored):
        reason, cause = next(iter(bugs.items()))
        raise InternalError(reason) from cause
    return scored


def _scored(
    site: ActivationSite,
    gathered: Gathered,
    engine: Engine,
    figures: Callable[[PairedSample], SiteScore],
    keep: Keep | None,
) -> SiteScore:
    reason = site.unscored
    if reason is None:
        reason = gathered.refusal(site)
    if reason is None and not gathered.reached(site):
        reason = "no batch of the data reached it"
    if reason is not None:
        return SiteScore.none(reason)
    sample = gathered.paired(site)
    before, behind = (side.features.shape for side in (sample.x, sample.y))
    if site.role is Role.PROBE and before != behind:  # its ends need not have one shape
        return SiteScore.none(f"tables of {before} and {behind} rows and columns: no pairs")
    found = engine.call(figures, sample)
    if keep is not None and found.influence is not None:
        keep(site.name, found.influence)
    return found


def _too_large(site: ActivationSite, gathered: Gathered) -> str:
    rows, columns = gathered.shape(site)
    return (
        f"memory ran out while it was scored, {rows} rows of {columns} features in double"
        " precision; take fewer --samples or --metrics, or another --pool"
    )


def bug_reason(site: ActivationSite, exc: Exception) -> str:
    """Say where scoring broke: the traceback is lost with the exception."""
    places = extract_tb(exc.__traceback__)
    where = f" in {Path(places[-1].filename).name}, line {places[-1].lineno}" if places else ""
    said = " ".join(str(exc).split())[:200]
    return (
        f"internal error while {site.name!r} was scored, {type(exc).__name__}: {said}{where}; this"
        " is a bug: please report it, with the model or the site's features if you can"
    )

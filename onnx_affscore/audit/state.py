"""Rules about one signature alone: the state of its sites, and where it came from."""

from collections.abc import Iterator
from typing import Final

from onnx_affscore.audit.rule import Case, Look
from onnx_affscore.fields import NOT_ASKED
from onnx_affscore.records import ScoredSite, Status

__all__ = [
    "dead_features",
    "degenerate_site",
    "few_samples",
    "nearly_linear_site",
    "other_model",
    "other_provider",
    "rows_left_out",
    "saturated_site",
    "synthetic_data",
    "unscored_site",
]

_SUFFIX: Final = "executionprovider"


def _shares(case: Case, *, score: str, what: str) -> Iterator[Look]:
    limit = case.params["max"]
    for site in case.sites:
        share = site.scores.get(score)
        if isinstance(share, float):
            trouble = f"{what} is {share:.4g}, above {limit:.4g}" if share > limit else None
            yield Look(trouble, site=site.name, value=share, limit=limit)


def dead_features(case: Case) -> Iterator[Look]:
    """Find sites where too many output features are the same for every sample."""
    return _shares(case, score="dead_share", what="the share of dead output features")


def saturated_site(case: Case) -> Iterator[Look]:
    """Find sites whose elements lie, nearly all, where the activation is flat."""
    return _shares(case, score="saturated_share", what="the share of elements at a flat end")


def nearly_linear_site(case: Case) -> Iterator[Look]:
    """Find sites that hardly bend anything on these data."""
    return _shares(case, score="affinity", what="the score")


def degenerate_site(case: Case) -> Iterator[Look]:
    """Find sites whose input or output is constant: their score is 0/0."""
    for site in case.sites:
        if site.status == Status.DEGENERATE:
            yield Look(
                f"no score, 0/0: {site.reason or 'no reason on record'}",
                site=site.name,
                value=site.status,
            )
        elif site.status == Status.OK:
            yield Look(None, site=site.name)


def unscored_site(case: Case) -> Iterator[Look]:
    """Find sites that were to be scored and could not be."""
    for site in case.sites:
        if site.status == Status.UNDEFINED or (
            site.status == Status.UNSCORED and site.reason not in NOT_ASKED
        ):
            trouble = f"no score ({site.status}): {site.reason or 'no reason on record'}"
            yield Look(trouble, site=site.name, value=site.status)
        elif site.status == Status.OK:
            yield Look(None, site=site.name)


def few_samples(case: Case) -> Iterator[Look]:
    """Find scored sites with too few samples for each direction that their features vary in."""
    least = case.params["min"]
    for site in case.sites:
        if site.affinity is None:
            continue
        load = _samples_per_direction(site)
        trouble = None
        if load < least:
            trouble = f"{site.samples} samples, {load:.3g} a direction; wanted {least:.3g}"
        yield Look(trouble, site=site.name, value=load, limit=least)


def _samples_per_direction(site: ScoredSite) -> float:
    load = site.adequacy.get("samples_per_direction")
    if isinstance(load, int | float):
        return float(load)
    ranks = [rank for rank in (site.rank.get("input"), site.rank.get("output")) if rank]
    return site.samples / max(ranks, default=site.features or 1)


def synthetic_data(case: Case) -> Iterator[Look]:
    """Find signatures on made-up input."""
    source = str(case.signature.data.get("source"))
    made_up = bool(case.signature.data.get("synthetic"))
    yield Look(f"the data were made up ({source})" if made_up else None, about="data", value=source)


def rows_left_out(case: Case) -> Iterator[Look]:
    """Find signatures of too few of the rows that were given."""
    data, limit = case.signature.data, case.params["max"]
    skipped = data.get("skipped") or {}
    lost = int(skipped.get("count", 0))
    total = lost + int(data.get("samples", 0))
    share = lost / total if lost else 0.0
    reason = next((f"; the first: {row['reason']}" for row in skipped.get("rows", ())), "")
    trouble = f"{lost} of {total} rows were left out{reason}" if share > limit else None
    yield Look(trouble, about="data", value=share, limit=limit)


def other_provider(case: Case) -> Iterator[Look]:
    """Find signatures that another execution provider computed."""
    wanted = case.params["provider"]
    providers = [str(name) for name in case.signature.run.get("providers") or ()]
    found = providers[0] if providers else "none on record"
    same = found.casefold().removesuffix(_SUFFIX) == wanted.casefold().removesuffix(_SUFFIX)
    trouble = None if same else f"the provider is {found}; wanted {wanted}"
    yield Look(trouble, about="provider", value=found, limit=wanted)


def other_model(case: Case) -> Iterator[Look]:
    """Find signatures of another model file."""
    found, wanted = case.signature.model.sha256, case.params["sha256"]
    trouble = None
    if found.casefold() != wanted.casefold():
        trouble = f"the model has sha256 {found[:12]}...; wanted {wanted[:12]}..."
    yield Look(trouble, about="model", value=found, limit=wanted)

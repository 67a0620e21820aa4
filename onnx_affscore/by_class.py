"""Every scored site once more, on the rows of each class of the data alone."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from onnx_affscore.errors import AffscoreError, DataError, InternalError
from onnx_affscore.fields import GROUP_SCORES
from onnx_affscore.gather import Gathered
from onnx_affscore.groups import Group, Groups, GroupSite
from onnx_affscore.options import Options
from onnx_affscore.protocols import DataSource, Engine
from onnx_affscore.records import (
    ActivationSite,
    Array,
    Labels,
    ScoredSite,
    SiteScore,
    Status,
)
from onnx_affscore.score.classes import score_classes
from onnx_affscore.site_scores import bug_reason
from onnx_affscore.witness import Witness

__all__ = ["by_class", "check_labels"]

LEAST: Final = 2
"""Samples of a class that is scored: one alone has no spread."""


def check_labels(source: DataSource, options: Options) -> None:
    """Raise :class:`DataError` where classes are asked for and the data tell none."""
    if options.by is not None and source.labels is None:
        raise DataError(
            f"--by {options.by}: {source.name} tells no classes; name what holds them with --label,"
            " such as an array of an .npz file, a column of a table or a field of JSON lines"
        )


def by_class(
    sites: Sequence[ActivationSite],
    scored: Sequence[ScoredSite],
    gathered: Gathered,
    *,
    source: DataSource,
    witness: Witness,
    options: Options,
    engine: Engine,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Groups | None:
    """Score each site that has been scored on the rows of each class; None where nobody asked.

    Rows are told apart by the sample that they are of, so that all positions of an image are of
    its class. A class with fewer than 2 samples is undefined; so is a site where a bug or memory
    broke the scoring, with the reason. ``tell`` is called with the sites done, and with all.
    """
    if options.by is None:
        return None
    labels, rows = source.labels, witness.rows
    if labels is None or rows is None:
        raise InternalError("the rows of the data were not counted, and classes need them")
    codes = labels.codes[rows]
    chosen = [s for s, found in zip(sites, scored, strict=True) if found.status != Status.UNSCORED]
    work = partial(_scored, gathered=gathered, labels=labels, codes=codes, options=options)
    found: list[list[GroupSite]] = []
    tell(0, len(chosen))
    for site in engine.each_site(lambda site: work(site, engine=engine), chosen):
        found.append(site)
        tell(len(found), len(chosen))
    return Groups(
        options.by,
        tuple(
            Group(name, int((codes == code).sum()), tuple(site[code] for site in found))
            for code, name in enumerate(labels.names)
        ),
    )


def _scored(
    site: ActivationSite,
    *,
    gathered: Gathered,
    labels: Labels,
    codes: Array,
    options: Options,
    engine: Engine,
) -> list[GroupSite]:
    """Return one site on each class, in the order of their names."""
    owners = gathered.samples_of(site)
    if owners is None:
        return _all_alike(site, labels, "no batch reached some of what its rows are made of")
    samples = [len(np.unique(owners[codes[owners] == c])) for c in range(len(labels.names))]
    members = [
        np.flatnonzero(codes[owners] == code) if many >= LEAST else None
        for code, many in enumerate(samples)
    ]
    score = partial(score_classes, members=members, covariance=options.covariance)
    try:
        found = engine.call(score, gathered.paired(site))
    except AffscoreError:
        raise
    except MemoryError:
        return _all_alike(site, labels, "memory ran out while its classes were scored")
    except Exception as exc:  # noqa: BLE001 - hours of other sites' work are not lost to a bug
        return _all_alike(site, labels, bug_reason(site, exc))
    return [_of(site, score, many) for score, many in zip(found, samples, strict=True)]


def _of(site: ActivationSite, score: SiteScore | None, samples: int) -> GroupSite:
    if score is None:
        reason = f"{samples} sample(s) of this class came to it; wanted at least {LEAST}"
        return GroupSite.none(site.name, status=str(Status.UNDEFINED), reason=reason)
    return GroupSite(
        site.name,
        str(score.status),
        score.reason,
        score.samples,
        {name: score.scores[name] for name in GROUP_SCORES},
        score.adequacy["verdict"] if score.status is Status.OK else None,
    )


def _all_alike(site: ActivationSite, labels: Labels, reason: str) -> list[GroupSite]:
    undefined = GroupSite.none(site.name, status=str(Status.UNDEFINED), reason=reason)
    return [undefined] * len(labels.names)

"""The story of a comparison: sites, pairs, differences, distances, clusters, associations."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from onnx_affscore.comparison import (
    Clustering,
    Comparison,
    ComparisonOptions,
    DistanceMatrix,
    Influences,
    Member,
    PairComparison,
    refuse_mixed_methods,
)
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Signature
from onnx_affscore.statistics.association import FEW, associations
from onnx_affscore.statistics.clustering import cluster
from onnx_affscore.statistics.differences import compare_pair
from onnx_affscore.statistics.distances import DISTANCES, distance_matrix
from onnx_affscore.statistics.summaries import STATISTICS, compared_sites, summary
from onnx_affscore.statistics.training import in_order, training

__all__ = ["compare", "with_influences"]


def compare(
    signatures: Sequence[Signature],
    *,
    labels: Sequence[str] | None = None,
    families: Sequence[str | None] | None = None,
    accuracies: Mapping[str, float] | None = None,
    influences: Sequence[Influences] | None = None,
    **options: Any,
) -> Comparison:
    """Compare two or more signatures.

    Parameters
    ----------
    signatures
        The first is the baseline of the differences unless ``baseline`` names another.
    labels
        A name for each, all different; by default the file names of the models.
    families
        What each belongs to, None where that is not known.
    accuracies
        By label; models without one are left out of the associations.
    influences
        Those of the samples on the scores of each signature, in order: signatures of the same
        samples are then compared in pairs.
    **options
        The fields of :class:`onnx_affscore.comparison.ComparisonOptions`: ``align``,
        ``distance``, ``linkage``, ``correction``, ``baseline``, ``roles``, ``groups``,
        ``checkpoints``, ``statistic``.

    Raises
    ------
    OptionError
        Fewer than two signatures, labels that are not unique, an option with a wrong value.
    DataError
        The signatures were made by different versions of the method, or influences are not
        those of their signatures.
    """
    chosen = ComparisonOptions(**options)
    members = _members(signatures, labels, families, chosen)
    if influences is not None:
        members = with_influences(members, influences)
    if chosen.distance not in DISTANCES:
        raise OptionError(f"no distance {chosen.distance!r}; wanted one of {', '.join(DISTANCES)}")
    if chosen.statistic not in STATISTICS:
        raise OptionError(
            f"no statistic {chosen.statistic!r}; wanted one of {', '.join(STATISTICS)}"
        )
    if chosen.checkpoints:
        members = [members[i] for i in in_order(members)]
    cut = [member.signature for member in members]
    distances = {name: distance_matrix(cut, name, align=chosen.align) for name in DISTANCES}
    clustering, no_clustering = _clustered(distances[chosen.distance], members, chosen)
    given = {} if accuracies is None else accuracies
    rated = [member for member in members if member.label in given]
    warnings = _warnings(members, chosen)
    if accuracies is not None:
        warnings += _few(len(rated), len(members))
    return Comparison(
        method_version=cut[0].method_version,
        options=chosen,
        members=tuple(members),
        pairs=_pairs(members, chosen),
        distances=distances,
        clustering=clustering,
        no_clustering=no_clustering,
        training=training(members) if chosen.checkpoints else None,
        accuracies={member.label: given[member.label] for member in rated},
        associations=associations(
            [member.summary for member in rated],
            [given[member.label] for member in rated],
            correction=chosen.correction,
        )
        if accuracies is not None
        else (),
        warnings=tuple(warnings),
    )


def _members(
    signatures: Sequence[Signature],
    labels: Sequence[str] | None,
    families: Sequence[str | None] | None,
    options: ComparisonOptions,
) -> list[Member]:
    if len(signatures) < 2:
        raise OptionError(f"found {len(signatures)} signatures; a comparison wants two or more")
    names = [s.model.path for s in signatures] if labels is None else list(labels)
    kin = [None] * len(names) if families is None else list(families)
    if not len(names) == len(kin) == len(signatures):
        raise OptionError(
            f"found {len(names)} labels and {len(kin)} families of {len(signatures)} signatures; "
            "wanted one for each"
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OptionError(f"found two signatures called {twice[0]!r}; give each its own label")
    refuse_mixed_methods(names, signatures)
    cut = [compared_sites(signature, options.roles) for signature in signatures]
    return [
        Member(name, family, signature, summary(signature))
        for name, family, signature in zip(names, kin, cut, strict=True)
    ]


def with_influences(members: Sequence[Member], influences: Sequence[Influences]) -> list[Member]:
    """Return the members with the influences of each, given in their order.

    Raises :class:`OptionError` where they are not one for each, and :class:`DataError` where they
    are of another model or other data than the signature.
    """
    if len(influences) != len(members):
        raise OptionError(
            f"found influences of {len(influences)} signatures for {len(members)}; "
            "wanted those of each, in the same order"
        )
    for member, found in zip(members, influences, strict=True):
        signature = member.signature
        for what, expected, digest in (
            ("model", signature.model.sha256, found.model_sha256),
            ("data", signature.data.get("sha256"), found.data_sha256),
        ):
            if digest != expected:
                raise DataError(
                    f"the influences given for {member.label} are of another {what} (sha256 "
                    f"{digest[:8]}, the signature says {str(expected)[:8]}); give them in "
                    "the order of the signatures"
                )
    return [replace(m, influences=i.values) for m, i in zip(members, influences, strict=True)]


def _pairs(members: Sequence[Member], options: ComparisonOptions) -> tuple[PairComparison, ...]:
    labels = [member.label for member in members]
    name = labels[0] if options.baseline is None else options.baseline
    if name not in labels:
        raise OptionError(f"no baseline {name!r}; wanted one of {', '.join(labels)}")
    base = members[labels.index(name)]
    return tuple(
        compare_pair(base, other, align=options.align, correction=options.correction)
        for other in members
        if other is not base
    )


def _clustered(
    matrix: DistanceMatrix, members: Sequence[Member], options: ComparisonOptions
) -> tuple[Clustering | None, str | None]:
    """Return the clusters, or the reason why there are none."""
    families = _real_families([member.family for member in members])
    try:
        return (
            cluster(matrix, linkage=options.linkage, groups=options.groups, families=families),
            None,
        )
    except DataError as exc:
        return None, str(exc)


def _real_families(families: Sequence[str | None]) -> Sequence[str | None]:
    """Return the families, none where each has but one member."""
    known = [family for family in families if family is not None]
    return families if len(set(known)) < len(known) else ()


def _few(known: int, members: int) -> list[str]:
    found = []
    if known < FEW:
        found.append(
            f"accuracy of {known} models: so few points prove nothing, whatever their p value"
        )
    if known < members:
        found.append(f"{members - known} of {members} models have no accuracy and are left out")
    return found


def _warnings(members: Sequence[Member], options: ComparisonOptions) -> list[str]:
    """Say what keeps the signatures from being comparable as they are."""
    found = []
    empty = [member.label for member in members if not member.signature.sites]
    if empty:
        found.append(f"no scored site to compare in: {', '.join(empty)}")
    made_up = [member.label for member in members if member.signature.data.get("synthetic")]
    if made_up:
        found.append(f"scored on made-up input, which says little: {', '.join(made_up)}")
    if len({_digest(member.signature) for member in members}) > 1:
        shown = _shown([_data(member.signature) for member in members])
        found.append(
            "not comparable as they are, the data, or the form models take it in, differs: " + shown
        )
    for what, values in (
        ("pooling", [str(member.signature.run.get("pool")) for member in members]),
        ("covariance", [str(member.signature.run.get("covariance")) for member in members]),
    ):
        if len(set(values)) > 1:
            found.append(f"not comparable as they are, the {what} differs: {_shown(values)}")
    if options.linkage == "ward" and options.distance != "l2":
        found.append(
            f"ward's linkage is meant for Euclidean distances, which {options.distance} is not"
        )
    return found


def _digest(signature: Signature) -> tuple[object, object]:
    """What says that data are the same, wherever they lie."""
    return signature.data.get("sha256"), signature.data.get("samples")


def _data(signature: Signature) -> str:
    data = signature.data
    digest = str(data.get("sha256"))[:8]
    return f"{data.get('source')} ({data.get('samples')} samples, sha256 {digest})"


def _shown(values: Collection[str]) -> str:
    different = list(dict.fromkeys(values))
    more = len(different) - 3
    return ", ".join(different[:3]) + (f" and {more} more" if more > 0 else "")

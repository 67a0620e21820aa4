"""A signature beside its baseline: which site is which, and how far each score has moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, final

from onnx_affscore.comparison import Difference, Influences, Member
from onnx_affscore.errors import OptionError
from onnx_affscore.records import ScoredSite, Signature
from onnx_affscore.statistics.alignment import ALIGNMENTS, by_name, chosen_way
from onnx_affscore.statistics.compare import with_influences
from onnx_affscore.statistics.differences import compare_pair

__all__ = ["Against", "Pair", "held_against"]

Sites: TypeAlias = Sequence[ScoredSite]
Pairs: TypeAlias = Sequence[tuple[int, int]]

_BY_VALUE = "dtw"  # pairs whatever scores alike: of no use to tell what is missing or has moved


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """A site and its partner in the baseline; ``drift`` is None where one has no score."""

    site: ScoredSite
    base: ScoredSite
    drift: Difference | None = None


@final
@dataclass(frozen=True, slots=True)
class Against:
    """What a baseline tells of a signature.

    ``missing`` are sites of the baseline without a partner, ``new`` those of the signature.
    ``notes`` say how sites found their partners, and what intervals are worth.
    """

    baseline: Signature
    pairs: tuple[Pair, ...]
    missing: tuple[ScoredSite, ...]
    new: tuple[ScoredSite, ...]
    notes: tuple[str, ...]

    @property
    def former_names(self) -> Mapping[str, str]:
        """Names in the baseline, by those in the signature."""
        return {pair.site.name: pair.base.name for pair in self.pairs}


def held_against(
    signature: Signature,
    baseline: Signature,
    *,
    influences: tuple[Influences | None, Influences | None] = (None, None),
) -> Against:
    """Pair the sites of a signature with those of its baseline, and compare their scores.

    Sites are paired as :func:`~onnx_affscore.statistics.alignment.chosen_way` has it, but never
    by their values: then by name. Where names are in common, what is left over between two paired
    sites, and of the same activations, is paired by order.
    ``influences`` are those of the samples on the scores of both, for paired comparison: both or
    none. Raises :class:`OptionError` where one is missing and :class:`DataError` where they are
    of another model or other data.
    """
    pairs, how = _partners(baseline.sites, signature.sites)
    places = [
        (i, j)
        for i, j in pairs
        if baseline.sites[i].affinity is not None and signature.sites[j].affinity is not None
    ]
    drifts, remarks = _drifts(signature, baseline, places, influences)
    known = dict(zip(places, drifts, strict=True))
    left, right = ({pair[side] for pair in pairs} for side in (0, 1))
    return Against(
        baseline=baseline,
        pairs=tuple(
            Pair(signature.sites[j], baseline.sites[i], known.get((i, j))) for i, j in pairs
        ),
        missing=tuple(site for i, site in enumerate(baseline.sites) if i not in left),
        new=tuple(site for j, site in enumerate(signature.sites) if j not in right),
        notes=(f"sites are paired with those of the baseline by {how}", *remarks),
    )


def _partners(a: Sites, b: Sites) -> tuple[Pairs, str]:
    way, reason = chosen_way(a, b)
    if way not in ("name", _BY_VALUE):
        return ALIGNMENTS[way](a, b), f"{way}: {reason}"
    named = by_name(a, b)
    filled = sorted({*named, *_between(named, a, b)})
    more = f", {len(filled) - len(named)} by order between them" if len(filled) > len(named) else ""
    return filled, f"name: {reason.split(',', 1)[0]}{more}"


def _between(named: Pairs, a: Sites, b: Sites) -> Pairs:
    """Pair by order what lies between two named pairs, where the activations are the same."""
    found: list[tuple[int, int]] = []
    last = (-1, -1)
    taken = {j for _, j in named}  # names that swapped places lie between others
    for end in (*named, (len(a), len(b))):
        lost = range(last[0] + 1, end[0])
        fresh = [j for j in range(last[1] + 1, end[1]) if j not in taken]
        kinds = ([a[i].activation for i in lost], [b[j].activation for j in fresh])
        if kinds[0] and kinds[0] == kinds[1]:
            found += zip(lost, fresh, strict=True)
            taken |= set(fresh)
        last = end
    return found


def _drifts(
    signature: Signature,
    baseline: Signature,
    places: Pairs,
    influences: tuple[Influences | None, Influences | None],
) -> tuple[Sequence[Difference], Sequence[str]]:
    """Differences of the paired and scored sites, and what is to be said of all of them."""
    twins = [_alike(baseline.sites[i], signature.sites[j]) for i, j in places]
    members = [
        Member(label, None, cut, summary={})
        for label, cut in (
            ("baseline", replace(baseline, sites=tuple(a for a, _ in twins))),
            ("signature", replace(signature, sites=tuple(b for _, b in twins))),
        )
    ]
    given = [found for found in influences if found is not None]
    if len(given) == 1:
        raise OptionError(
            "found the influences of one signature; a paired comparison wants those of both, "
            "--influence and --baseline-influence"
        )
    if given:
        members = with_influences(members, given[::-1])
    compared = compare_pair(members[0], members[1], align="order", correction="none")
    return compared.differences, compared.warnings


def _alike(a: ScoredSite, b: ScoredSite) -> tuple[ScoredSite, ScoredSite]:
    """Compare one estimate with the same one: which is the headline may hang on rounding."""
    estimates = {site.scores.get("covariance") for site in (a, b)}
    empirical = [site.scores.get("affinity_empirical") for site in (a, b)]
    if len(estimates) == 1 or None in empirical:
        return a, b
    first, second = (
        replace(s, scores={**s.scores, "affinity": value, "covariance": "empirical"})
        for s, value in zip((a, b), empirical, strict=True)
    )
    return first, second

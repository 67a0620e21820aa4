"""Which site of one signature is compared with which of another: one table of ways."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from onnx_affscore.comparison import Alignment
from onnx_affscore.errors import OptionError
from onnx_affscore.records import ScoredSite, Signature
from onnx_affscore.statistics.dtw import dtw_path
from onnx_affscore.statistics.structure import by_structure

__all__ = ["ALIGNMENTS", "align", "chosen_way"]

Sites: TypeAlias = Sequence[ScoredSite]
Pairs: TypeAlias = tuple[tuple[int, int], ...]

_NAMED = 0.9  # of all names: below it a site that was renamed has its partner left over
_ALIKE = 0.5  # of all sites: below it two networks have layers in common by chance


def by_name(a: Sites, b: Sites) -> Pairs:
    """Pair the sites that have the same name, in the order of ``a``."""
    place = {site.name: j for j, site in enumerate(b)}
    return tuple((i, place[site.name]) for i, site in enumerate(a) if site.name in place)


def by_order(a: Sites, b: Sites) -> Pairs:
    """Pair the first with the first, and so on until one signature ends."""
    return tuple((i, i) for i in range(min(len(a), len(b))))


def by_warping(a: Sites, b: Sites) -> Pairs:
    """Pair the sites on the path of dynamic time warping: a site may have several partners."""
    if not (a and b):
        return ()
    x, y = ([site.scores["affinity"] for site in sites] for sites in (a, b))
    return dtw_path(np.array(x, dtype=float), np.array(y, dtype=float))


ALIGNMENTS: Mapping[str, Callable[[Sites, Sites], Pairs]] = {
    "name": by_name,
    "order": by_order,
    "structure": by_structure,
    "dtw": by_warping,
}


def align(a: Signature, b: Signature, *, method: str = "auto") -> Alignment:
    """Return the pairs of sites of two signatures, and the sites left over.

    ``auto`` is :func:`chosen_way`. Raises :class:`OptionError` for an unknown method.
    """
    if method == "auto":
        chosen, reason = chosen_way(a.sites, b.sites)
        return replace(align(a, b, method=chosen), reason=reason)
    if method not in ALIGNMENTS:
        raise OptionError(f"no alignment {method!r}; wanted one of auto, {', '.join(ALIGNMENTS)}")
    pairs = ALIGNMENTS[method](a.sites, b.sites)
    left, right = ({pair[side] for pair in pairs} for side in (0, 1))
    return Alignment(
        method=method,
        pairs=pairs,
        unpaired_a=tuple(i for i in range(len(a.sites)) if i not in left),
        unpaired_b=tuple(j for j in range(len(b.sites)) if j not in right),
        reason="asked for",
    )


def chosen_way(a: Sites, b: Sites) -> tuple[str, str]:
    """Return the row of the table that fits two signatures, and why.

    ``name`` where nearly all names are in both, else ``order`` where the activations are the same
    in number, kind and order, else ``structure`` where at least half of all sites find a partner,
    else ``dtw``.
    """
    shared = len(by_name(a, b))
    union = len(a) + len(b) - shared
    if shared and shared >= _NAMED * union:
        return "name", f"{shared} of {union} names are in both"
    found = f"only {shared} of {union} names are in both"
    if [site.activation for site in a] == [site.activation for site in b]:
        return "order", f"{found}, and the activations are the same"
    alike = len(by_structure(a, b))
    sites = len(a) + len(b) - alike
    if alike >= _ALIKE * sites:
        return "structure", f"{found}, {alike} of {sites} sites are alike"
    return "dtw", f"{found}, and the activations differ"

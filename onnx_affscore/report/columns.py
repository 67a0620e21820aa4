"""The order in which scores, ranks and transport figures appear, the same in every format."""

from collections.abc import Iterable

from onnx_affscore.fields import ADEQUACY, RANKS, SCORES, TRANSPORT
from onnx_affscore.records import ScoredSite

__all__ = ["ADEQUACY", "RANKS", "SCORES", "TRANSPORT", "ordered", "score_names"]


def ordered(keys: Iterable[str], first: tuple[str, ...]) -> list[str]:
    """Return ``first``, then every other key in alphabetical order."""
    return [*first, *sorted(set(keys) - set(first))]


def score_names(sites: Iterable[ScoredSite]) -> list[str]:
    """Return the contract's scores, then those that further metrics added."""
    return ordered({name for site in sites for name in site.scores}, SCORES)

"""Which sites of a signature are compared, and one table of the statistics that stand for them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import FloatArray, Role, Signature

__all__ = ["STATISTICS", "affinities", "compared_sites", "summary"]

# The paper's statistics of a signature, in the order of the contract; of at least one value.
STATISTICS: Mapping[str, Callable[[FloatArray], float]] = {
    "mean": lambda values: float(values.mean()),
    "std": lambda values: float(values.std()),
    "min": lambda values: float(values.min()),
    "max": lambda values: float(values.max()),
    "median": lambda values: float(np.median(values)),
    "max_over_mean": lambda values: float(values.max()) / float(values.mean()),
}


def compared_sites(signature: Signature, roles: Collection[str] | None = None) -> Signature:
    """Return the signature with its scored sites alone: of ``roles``, or all but the probes.

    A probe is a block or a pair of tensors, no activation; by default probes are compared only
    where nothing else was scored. Raises :class:`OptionError` for an unknown role.
    """
    unknown = sorted(set(roles or ()) - set(Role))
    if unknown or (roles is not None and not roles):
        raise OptionError(
            f"no role {', '.join(map(repr, unknown)) or 'at all'}; wanted some of {', '.join(Role)}"
        )
    scored = [site for site in signature.sites if site.affinity is not None]
    if roles is None:
        chosen = [site for site in scored if site.role != Role.PROBE] or scored
    else:
        chosen = [site for site in scored if site.role in roles]
    return replace(signature, sites=tuple(chosen))


def affinities(signature: Signature) -> FloatArray:
    """Return the scores of all sites, in execution order; each must have one."""
    return np.array([site.scores["affinity"] for site in signature.sites], dtype=float)


def summary(signature: Signature) -> Mapping[str, float | None]:
    """Return :data:`STATISTICS` of the scores of all sites, None where they are not finite."""
    values = affinities(signature)
    if not values.any():  # no site, or a mean of 0: the last statistic has no value
        return dict.fromkeys(STATISTICS) | {
            name: 0.0 for name in STATISTICS if len(values) and name != "max_over_mean"
        }
    return {name: compute(values) for name, compute in STATISTICS.items()}

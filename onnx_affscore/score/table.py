"""The one table of companion metrics: to add one, write a file and add a row."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from onnx_affscore import plugins
from onnx_affscore.errors import OptionError
from onnx_affscore.fields import SCORES
from onnx_affscore.records import Reading, Status
from onnx_affscore.score.cka import linear_cka
from onnx_affscore.score.cka_rbf import rbf_cka
from onnx_affscore.score.cka_unbiased import unbiased_cka
from onnx_affscore.score.dead import dead_share
from onnx_affscore.score.effective_rank import effective_rank
from onnx_affscore.score.entropy import histogram_entropy
from onnx_affscore.score.held_out import held_out_r2
from onnx_affscore.score.linearity import linearity
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.norm import norm_difference
from onnx_affscore.score.r2 import in_sample_r2
from onnx_affscore.score.saturation import saturated_share
from onnx_affscore.score.sparsity import sparsity

__all__ = ["METRICS", "Metric", "added_metrics", "companions"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A row: the function, the names of the scores that it gives, and a line about it.

    The function takes a :class:`Prepared` sample, which it must not change, and returns a
    :class:`Reading` for each of ``keys``. It never raises for bad numbers.
    """

    measure: Callable[[Prepared], Mapping[str, Reading]]
    keys: tuple[str, ...]
    about: str


METRICS: Final[Mapping[str, Metric]] = MappingProxyType(
    {
        "cka": Metric(linear_cka, ("cka",), "linear centred kernel alignment, biased HSIC"),
        "r2": Metric(in_sample_r2, ("r2",), "R² of the in-sample least-squares fit of Y on X"),
        "sparsity": Metric(
            sparsity,
            ("sparsity_before", "sparsity_after"),
            "share of elements of at most 1e-3, unpooled",
        ),
        "entropy": Metric(
            histogram_entropy,
            ("entropy_before", "entropy_after"),
            "entropy of the histogram of a sample's features, mean over the samples",
        ),
        "norm": Metric(norm_difference, ("norm_diff",), "Frobenius norm of Y − X"),
        "r2_heldout": Metric(
            held_out_r2, ("r2_heldout",), "R² of each sample by a fit on all the others"
        ),
        "linearity": Metric(
            linearity,
            ("linearity", "linearity_residual"),
            "share of the variance of Y, and of Y − X, that is linear in X",
        ),
        "cka_unbiased": Metric(
            unbiased_cka, ("cka_unbiased",), "linear CKA with the unbiased estimate of HSIC"
        ),
        "cka_rbf": Metric(
            rbf_cka, ("cka_rbf",), "CKA with Gaussian kernels as wide as the median distance"
        ),
        "dead": Metric(dead_share, ("dead_share",), "share of output features that are constant"),
        "saturated": Metric(
            saturated_share,
            ("saturated_share",),
            "share of elements where the activation is flat, unpooled",
        ),
        "effective_rank": Metric(
            effective_rank,
            ("effective_rank_before", "effective_rank_after"),
            "exponential of the entropy of the covariance's eigenvalues",
        ),
    }
)
"""Companion metrics by the name that ``--metrics`` takes; affinity itself is always measured."""


def added_metrics() -> plugins.Plugins[Metric]:
    """The metrics of other installed packages, by the names of their entry points."""
    return plugins.load(plugins.METRICS, Metric, builtin=METRICS, guard=_guarded)


def companions(wanted: Collection[str] | None) -> Mapping[str, Metric]:
    """The table to measure by: the package's own metrics, and added ones where they are wanted.

    None wants all. Raises :class:`OptionError` for a name that nobody adds, and
    :class:`~onnx_affscore.errors.PluginError` for one whose plug-in cannot be used.
    """
    if wanted is not None and set(wanted) <= set(METRICS):
        return METRICS
    added = added_metrics()
    table = {**METRICS, **added.rows}
    for name in wanted or ():
        added.refuse(name)
    if unknown := sorted(set(wanted or ()) - set(table)):
        raise OptionError(f"no metric {', '.join(unknown)}; wanted some of {', '.join(table)}")
    return table


def _guarded(who: str, metric: Metric) -> Metric:
    """The metric of another package: whatever it does wrong costs its own scores alone."""

    def measure(sample: Prepared) -> Mapping[str, Reading]:
        try:
            found = dict(metric.measure(sample))
            missing = [key for key in metric.keys if not isinstance(found.get(key), Reading)]
            reason = f"it gives no Reading for {', '.join(missing)}" if missing else ""
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - other people's code raises anything
            found, reason = {}, f"{type(exc).__name__}: {exc}"
        if reason:
            failed = Reading(None, Status.UNDEFINED, f"{who} failed: {reason}")
            return dict.fromkeys(metric.keys, failed)
        return {key: found[key] for key in metric.keys}

    taken = sorted(set(metric.keys) & set(SCORES))
    if taken:
        reason = f"{who} failed: {', '.join(taken)} is a score of onnx-affscore itself"
        failed = Reading(None, Status.UNDEFINED, reason)
        own = tuple(key for key in metric.keys if key not in taken)
        return replace(metric, measure=lambda _sample: dict.fromkeys(own, failed), keys=own)
    return replace(metric, measure=measure)

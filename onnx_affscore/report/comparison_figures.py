"""The figures of a comparison: each takes its part of the record and draws it."""

from typing import TYPE_CHECKING

from onnx_affscore.comparison import Comparison
from onnx_affscore.errors import OptionError
from onnx_affscore.report import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves", "dendrogram", "heat_map", "overlay", "scatter"]

_CURVES = ("mean", "median", "min", "max")


def overlay(comparison: Comparison) -> "Figure":
    """Draw all signatures over relative depth."""
    signatures = [member.signature for member in comparison.members]
    return figures.comparison(signatures, labels=comparison.labels)


def dendrogram(comparison: Comparison) -> "Figure":
    """Draw the tree; leaves are marked by family, by group where there are no families."""
    found = comparison.clustering
    if found is None:
        raise OptionError(f"no dendrogram: {comparison.no_clustering}")
    families = [member.family for member in comparison.members]
    groups = (
        [f"group {number}" for number in found.groups]
        if None in families
        else [str(family) for family in families]
    )
    return figures.dendrogram(
        found.merges,
        comparison.labels,
        groups=groups,
        title=f"{found.linkage} linkage",
        distance=f"{found.distance} distance",
    )


def heat_map(comparison: Comparison) -> "Figure":
    """Draw the matrix of distances, rows and columns as in the tree."""
    matrix, found = comparison.distance, comparison.clustering
    return figures.heat_map(
        matrix.values,
        comparison.labels,
        order=None if found is None else found.order,
        unit=f"{matrix.name} distance",
    )


def curves(comparison: Comparison) -> "Figure":
    """Draw statistics of the signatures over the steps of a training."""
    training = comparison.training
    if training is None:
        raise OptionError("no curves: the signatures are one training only with --checkpoints")
    return figures.curves(
        training.steps,
        {name: training.statistics[name] for name in _CURVES},
        x_label="step" if training.source.startswith("the numbers") else "checkpoint",
        y_label="affinity score",
    )


def scatter(comparison: Comparison) -> "Figure":
    """Draw the accuracy of each model over one statistic of its signature."""
    if not comparison.accuracies:
        raise OptionError("no scatter plot: it needs accuracies, given with --accuracy")
    statistic = comparison.options.statistic
    rated = [m for m in comparison.members if m.label in comparison.accuracies]
    families = [member.family for member in rated]
    return figures.scatter(
        [member.summary[statistic] for member in rated],
        [comparison.accuracies[member.label] for member in rated],
        [member.label for member in rated],
        x_label=f"{statistic.replace('_over_', ' / ')} of the signature",
        y_label="accuracy",
        note=_note(comparison, statistic),
        groups=None if None in families else [str(family) for family in families],
    )


def _note(comparison: Comparison, statistic: str) -> str:
    rows = [row for row in comparison.associations if row.statistic == statistic]
    shown = [f"n = {rows[0].n}"]
    for row in rows:
        if row.value is not None:
            shown.append(f"{row.coefficient} {row.value:.2f} (corrected p {row.p_corrected:.2g})")
    return ", ".join(shown)

"""Distances between signatures as plain numbers, and their tree as a figure."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from onnx_affscore.paper.outcome import Figure
from onnx_affscore.records import FloatArray
from onnx_affscore.statistics.dtw import dtw_distances

__all__ = ["between", "tree"]

LINKAGE: Final = "average"  # the paper does not say which


def between(values: Mapping[str, FloatArray]) -> FloatArray:
    """Return the matrix of DTW distances of all signatures."""
    rows = list(values.values())
    return np.stack([dtw_distances(row, rows) for row in rows])


def tree(values: Mapping[str, FloatArray], *, title: str) -> Figure:
    """Return the dendrogram of signatures, joined by the mean distance of their members."""
    from scipy.cluster import hierarchy

    distances = between(values)
    condensed = distances[np.triu_indices(len(distances), 1)]
    merges = hierarchy.linkage(condensed, method=LINKAGE, optimal_ordering=True)
    return Figure(
        title,
        "Hierarchical clustering, linkage average (the paper does not state its linkage).",
        "dendrogram",
        {"linkage_matrix": merges.tolist(), "labels": list(values)},
    )

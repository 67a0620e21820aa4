"""One call for every kind of figure, on made-up data; the table is held against it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onnx_affscore.records import Signature
from onnx_affscore.report import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXAMPLES", "LABELS"]

LABELS = ("alexnet", "vgg16", "vit_b_32")
_TREE = [[0.0, 1.0, 0.17, 2.0], [2.0, 3.0, 1.4, 3.0]]
_MATRIX = [[0.0, 0.17, 1.4], [0.17, 0.0, 1.2], [1.4, 1.2, 0.0]]

EXAMPLES: Mapping[str, Callable[[Signature], "Figure"]] = {
    "depth": lambda s: figures.depth([s] * 3, labels=LABELS),
    "histogram": lambda s: figures.histogram([s] * 3, labels=LABELS),
    "comparison": lambda s: figures.comparison([s] * 3, labels=LABELS),
    "dendrogram": lambda s: figures.dendrogram(_TREE, LABELS, groups=["plain", "plain", "vit"]),
    "heat_map": lambda s: figures.heat_map(_MATRIX, LABELS, unit="DTW distance"),
    "scatter": lambda s: figures.scatter(
        [0.56, 0.71, 0.76], [0.53, 0.52, 0.39], LABELS, x_label="accuracy", y_label="median"
    ),
    "curves": lambda s: figures.curves(
        [1, 2, 4],
        {name: [0.5, 0.6, 0.7 + k] for k, name in enumerate(LABELS)},
        x_label="epoch",
        y_label="affinity",
        references={"alexnet": {4: 0.7}, "population": 0.6211},
    ),
    "agreement": lambda s: figures.agreement(
        LABELS, [0.5, 0.6, None], [0.5, 0.7, 0.8], [0.01, 0.01, 0.01]
    ),
}

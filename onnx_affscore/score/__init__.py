"""The score engine: pure functions on paired rows of features, float64, NumPy and SciPy only."""

from onnx_affscore.score.affinity import Affinity, affinity
from onnx_affscore.score.headline import affinity_score
from onnx_affscore.score.moments import Prepared
from onnx_affscore.score.site import score_sample
from onnx_affscore.score.table import METRICS, Metric

__all__ = [
    "METRICS",
    "Affinity",
    "Metric",
    "Prepared",
    "affinity",
    "affinity_score",
    "score_sample",
]

"""The non-linearity signature of ONNX models: one affine optimal-transport score per activation.

Bouniot et al., "From Alexnet to Transformers: Measuring the Non-linearity of Deep Neural Networks
with Affine Optimal Transport", CVPR 2025. Names are resolved when they are first used, so that
importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx_affscore.api import signature, sites
    from onnx_affscore.errors import AffscoreError, DegenerateScoreError
    from onnx_affscore.records import ActivationSite, ScoredSite, Signature
    from onnx_affscore.score import affinity_score
    from onnx_affscore.several import signatures
    from onnx_affscore.statistics.compare import compare

__version__ = "0.1.0"

_PLACES = {
    "ActivationSite": "onnx_affscore.records",
    "AffscoreError": "onnx_affscore.errors",
    "DegenerateScoreError": "onnx_affscore.errors",
    "ScoredSite": "onnx_affscore.records",
    "Signature": "onnx_affscore.records",
    "affinity_score": "onnx_affscore.score",
    "compare": "onnx_affscore.statistics.compare",
    "signature": "onnx_affscore.api",
    "signatures": "onnx_affscore.several",
    "sites": "onnx_affscore.api",
}

__all__ = [
    "ActivationSite",
    "AffscoreError",
    "DegenerateScoreError",
    "ScoredSite",
    "Signature",
    "__version__",
    "affinity_score",
    "compare",
    "signature",
    "signatures",
    "sites",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

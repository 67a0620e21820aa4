"""Fits a scikit-learn classifier on the flat digits and exports it through skl2onnx."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.pipeline import Pipeline

from tools.export.manifest import Site
from tools.export.publish import Origin, publish
from tools.train.split import load_part

__all__ = ["Recipe", "build"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A classifier made from a seed, the opset, and the sites its architecture implies."""

    name: str
    net: Callable[[int], Pipeline]
    sites: Sequence[Site]
    opset: int
    seed: int = 0


def build(recipe: Recipe) -> None:
    """Fit, export and publish one classifier; its outputs are `label` and `probabilities`."""
    train, test = load_part("pixels", "train"), load_part("pixels", "test")
    net = recipe.net(recipe.seed).fit(train.x, train.y)
    model = to_onnx(
        net,
        initial_types=[("pixels", FloatTensorType([None, train.x.shape[1]]))],
        target_opset=recipe.opset,
        options={"zipmap": False},
    )
    origin = Origin(
        name=recipe.name,
        framework="scikit-learn",
        exporter="skl2onnx",
        route="skl2onnx",
        seed=recipe.seed,
        input="pixels",
        output="probabilities",
        sites=recipe.sites,
    )
    publish(model, origin, wanted=net.predict_proba(test.x))

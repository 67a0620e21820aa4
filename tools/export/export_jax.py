"""Trains a Flax network and exports it through jax2onnx."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from flax import nnx
from jax2onnx import to_onnx

from tools.export.manifest import Site
from tools.export.publish import Origin, publish
from tools.train.jax_loop import train
from tools.train.split import load_part

__all__ = ["Recipe", "build"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network made from random numbers, the opset, and the sites its architecture implies."""

    name: str
    net: Callable[[nnx.Rngs], nnx.Module]
    sites: Sequence[Site]
    opset: int
    seed: int = 0


def build(recipe: Recipe) -> None:
    """Train, export and publish one network that takes `image`."""
    net = recipe.net(nnx.Rngs(recipe.seed))
    train(net, seed=recipe.seed)
    net.eval()
    x = load_part("image", "test").x
    model = to_onnx(
        net,
        [("batch", *x.shape[1:])],
        model_name=recipe.name,
        opset=recipe.opset,
        input_names=["image"],
        output_names=["logits"],
    )
    origin = Origin(
        name=recipe.name,
        framework="jax",
        exporter="jax2onnx",
        route="jax2onnx",
        seed=recipe.seed,
        input="image",
        output="logits",
        sites=recipe.sites,
    )
    publish(model, origin, wanted=np.asarray(net(x)))

"""Trains a Keras network on TensorFlow and exports it through tf2onnx."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
import tf2onnx

from tools.export.manifest import Site
from tools.export.publish import Origin, publish
from tools.train.keras_loop import train
from tools.train.split import load_part

__all__ = ["Recipe", "build"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, the opset, and the sites its architecture implies."""

    name: str
    net: Callable[[], keras.Model]
    sites: Sequence[Site]
    opset: int
    seed: int = 0


def build(recipe: Recipe) -> None:
    """Train, export and publish one network that takes `image_nhwc`."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(recipe.seed)
    net = recipe.net()
    train(net, seed=recipe.seed)
    x = load_part("image_nhwc", "test").x

    @tf.function(input_signature=[tf.TensorSpec((None, *x.shape[1:]), name="image_nhwc")])
    def forward(image_nhwc: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": net(image_nhwc, training=False)}

    model, _ = tf2onnx.convert.from_function(
        forward, input_signature=forward.input_signature, opset=recipe.opset
    )
    origin = Origin(
        name=recipe.name,
        framework="keras",
        exporter="tf2onnx",
        route="tf2onnx",
        seed=recipe.seed,
        input="image_nhwc",
        output="logits",
        sites=recipe.sites,
    )
    publish(model, origin, wanted=np.asarray(net(x, training=False)))

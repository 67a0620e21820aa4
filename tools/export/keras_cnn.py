"""A channels-last CNN in Keras whose five activations have negative sides of five kinds."""

import keras
from keras import layers

from tools.export.export_keras import Recipe, build
from tools.export.manifest import Site

CONVOLUTIONS = (24, 32, 48)
DENSE = (64, 32)
FAMILIES = ("LeakyRelu", "Elu", "PRelu", "Mish", "Tanh")
SITES = tuple(
    Site(family, "hidden", width)
    for family, width in zip(FAMILIES, CONVOLUTIONS + DENSE, strict=True)
)


def cnn() -> keras.Model:
    """Return the untrained network; Functional, since tf2onnx fails on a Sequential."""
    c1, c2, c3 = CONVOLUTIONS
    d1, d2 = DENSE
    image = keras.Input((8, 8, 1), name="image_nhwc")
    x = layers.Conv2D(c1, 3, padding="same")(image)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Conv2D(c2, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ELU()(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(c3, 3, padding="same")(x)
    x = layers.PReLU(alpha_initializer=keras.initializers.Constant(0.25), shared_axes=[1, 2])(x)
    x = layers.MaxPooling2D()(x)
    x = layers.Flatten()(x)
    x = layers.Dense(d1, activation="mish")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(d2, activation="tanh")(x)
    return keras.Model(image, layers.Dense(10, name="logits")(x))


if __name__ == "__main__":
    build(Recipe("keras_cnn", cnn, SITES, opset=15))

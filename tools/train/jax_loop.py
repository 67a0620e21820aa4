"""Trains a Flax network on the digits: AdamW, cosine rate, small random affine shifts."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.scipy.ndimage import map_coordinates

from tools.train.split import load_part

__all__ = ["train"]

EPOCHS = 60
BATCH = 64
RATE = 3e-3
ROTATION = math.radians(10)
SCALING = 0.1
SHIFT = 0.4  # pixels


def _jitter(image: jax.Array, dice: jax.Array) -> jax.Array:
    """Turn, scale and shift one image (1, h, w) a little."""
    turn, scale, down, right = jax.random.uniform(dice, (4,), minval=-1, maxval=1)
    angle, size = ROTATION * turn, 1 + SCALING * scale
    middle = (image.shape[1] - 1) / 2
    row, column = jnp.mgrid[: image.shape[1], : image.shape[2]] - middle
    rows = size * (jnp.cos(angle) * row - jnp.sin(angle) * column) + middle + SHIFT * down
    columns = size * (jnp.sin(angle) * row + jnp.cos(angle) * column) + middle + SHIFT * right
    return map_coordinates(image[0], [rows, columns], order=1)[None]


@nnx.jit
def _step(
    net: nnx.Module, optimiser: nnx.Optimizer, x: jax.Array, y: jax.Array, key: jax.Array
) -> None:
    moved = jax.vmap(_jitter)(x, jax.random.split(key, len(x)))

    def loss(net: nnx.Module) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(net(moved), y).mean()

    optimiser.update(net, nnx.grad(loss)(net))


def train(net: nnx.Module, *, seed: int) -> None:
    """Train ``net`` in place on the training part."""
    part = load_part("image", "train")
    dice, key = np.random.default_rng(seed), jax.random.key(seed)
    steps = EPOCHS * (len(part.x) // BATCH)
    rates = optax.warmup_cosine_decay_schedule(0.0, RATE, steps // 10, steps)
    optimiser = nnx.Optimizer(net, optax.adamw(rates, weight_decay=1e-2), wrt=nnx.Param)
    for _ in range(EPOCHS):
        order = dice.permutation(len(part.x))
        # A last, smaller batch is dropped: another shape would be compiled anew.
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            key, now = jax.random.split(key)
            _step(net, optimiser, part.x[rows], part.y[rows], now)

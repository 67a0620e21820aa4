"""Trains a Keras classifier on the channels-last digits with small random affine shifts."""

from collections.abc import Iterator

import keras
import numpy as np
from numpy.typing import NDArray

from tools.train.split import Part, load_part

__all__ = ["train"]

EPOCHS = 60
BATCH = 64
RATE = 3e-3


def train(net: keras.Model, *, seed: int) -> None:
    """Train ``net``, which gives logits, in place; `keras.utils.set_random_seed` comes first."""
    part = load_part("image_nhwc", "train")
    steps = len(part.x) // BATCH
    rates = keras.optimizers.schedules.CosineDecay(
        0.1 * RATE, EPOCHS * steps, warmup_target=RATE, warmup_steps=5 * steps
    )
    net.compile(
        optimizer=keras.optimizers.AdamW(rates, weight_decay=1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    net.fit(_batches(part, seed), epochs=EPOCHS, steps_per_epoch=steps, verbose=0)


def _batches(part: Part, seed: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield shuffled batches for ever, every image turned, scaled and shifted a little."""
    dice = np.random.default_rng(seed)
    jitter = keras.Sequential(
        [
            keras.layers.RandomRotation(10 / 360, fill_mode="constant", seed=seed),
            keras.layers.RandomZoom(0.1, fill_mode="constant", seed=seed + 1),
            keras.layers.RandomTranslation(0.05, 0.05, fill_mode="constant", seed=seed + 2),
        ]
    )
    while True:
        order = dice.permutation(len(part.x))
        # A last, smaller batch is dropped: batch statistics of a few rows only add noise.
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            yield np.asarray(jitter(part.x[rows], training=True)), part.y[rows]

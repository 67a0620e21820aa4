"""Trains a small ReLU perceptron on the flat digits, one pass at a time, with a copy on the way."""

import copy
from collections.abc import Collection, Iterator

import numpy as np
from sklearn.neural_network import MLPClassifier

from tools.train.split import load_part

__all__ = ["HIDDEN", "train"]

HIDDEN = (48, 32, 16)


def train(*, seed: int, epochs: Collection[int]) -> Iterator[tuple[int, MLPClassifier]]:
    """Yield the network after each of ``epochs`` passes over the training part, in order."""
    part = load_part("pixels", "train")
    net = MLPClassifier(HIDDEN, activation="relu", alpha=1e-3, batch_size=32, random_state=seed)
    for epoch in range(1, max(epochs) + 1):
        net.partial_fit(part.x, part.y, classes=np.arange(10))
        if epoch in epochs:
            yield epoch, copy.deepcopy(net)

"""Frozen records of what is fetched from a model, and how it becomes rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from onnx_affscore.records import Array

__all__ = ["Combined", "Derived", "Tap", "TapKey"]

TapKey: TypeAlias = tuple[str, str]
"""A tensor, and what is measured of it."""


@dataclass(frozen=True, slots=True)
class Tap:
    """A recipe: tensors to fetch from the instrumented model, and how to read them.

    ``read`` takes the fetched arrays by name and the number of samples of the batch, and returns
    an array whose first axis is the rows.
    """

    key: str
    fetches: tuple[str, ...]
    read: Callable[[Mapping[str, Array], int], Array]


@dataclass(frozen=True, slots=True)
class Combined:
    """Rows that are made from those of taps, many samples at a time.

    ``compute`` takes the rows of each of ``taps``, and returns as many rows.
    """

    taps: tuple[TapKey, ...]
    compute: Callable[[Mapping[TapKey, Array]], Array]


@dataclass(frozen=True, slots=True)
class Derived:
    """A tensor that no operator puts out, computed outside the graph from tensors that exist.

    ``compute`` takes the fetched arrays by name and returns samples by positions by features,
    (n, s, d); a masked array where some positions are padding. ``dtype`` is the type of the
    tensors that it is computed from.
    """

    name: str
    fetches: tuple[str, ...]
    compute: Callable[[Mapping[str, Array]], Array]
    features: int
    dtype: str = "float32"

"""Short ways to say what a model's inputs are and to read a source to its end."""

from collections.abc import Mapping

import numpy as np

from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, InputHint, TensorSpec

Shape = tuple[int | str | None, ...] | None


def hint(
    name: str,
    shape: Shape,
    dtype: str = "float32",
    *,
    axis: int | None = 0,
    below: int | None = None,
    optional: bool = False,
) -> InputHint:
    return InputHint(TensorSpec(name, dtype, shape), axis, below, optional)


def read(source: DataSource, size: int = 3, *, axes: Mapping[str, int] | None = None) -> Array:
    """All rows of the only input."""
    (rows,) = read_all(source, size, axes=axes).values()
    return rows


def read_all(
    source: DataSource, size: int = 3, *, axes: Mapping[str, int] | None = None
) -> dict[str, Array]:
    """Every input's rows, the batches put together again along the sample axis."""
    parts: dict[str, list[Array]] = {}
    for batch in source.batches(size):
        for name, array in batch.feeds.items():
            parts.setdefault(name, []).append(array)
    return {n: np.concatenate(p, (axes or {}).get(n, 0)) for n, p in parts.items()}

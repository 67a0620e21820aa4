"""ONE table of poolings: which axes are averaged inside the graph, and how rows are read outside.

Every pooling turns a tensor into rows by columns (n, d). What is left of the tensor after the
averaging inside the graph is fetched; ``read`` moves its axes and folds windows or heads, which
count as positions of their sample (the sample axis is batch-major: sample i owns its i-th block).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.taps import Derived

__all__ = [
    "POOLINGS",
    "Read",
    "derived_reader",
    "patch_reader",
    "raw_reader",
    "reader",
    "reference_axes",
]

Read: TypeAlias = Callable[[Mapping[str, Array], int], Array]
_Rows: TypeAlias = Callable[[Array, int], Array]

# `positions` keeps at most this many positions of a sample.
_KEPT_POSITIONS = 16


def reader(layout: TensorLayout, pool: str, seed: int) -> tuple[list[int], Read]:
    """Return the axes to average inside the graph, and what to do with the fetched array.

    Axes that count iterations of a loop are averaged outside; inside, axes count from behind them.
    Raises :class:`OptionError` for a pooling that is not in the table.
    """
    if pool not in POOLINGS:
        raise OptionError(f"no pooling {pool!r}; wanted one of {', '.join(sorted(POOLINGS))}")
    axes, rows = POOLINGS[pool](layout, seed)
    outside = tuple(a for a in axes if a < layout.stacked)

    def read(fetched: Mapping[str, Array], samples: int) -> Array:
        (array,) = fetched.values()
        if array.size == 0:  # its branch did not run, or its loop made no turn
            return np.empty((0, 1))
        wide = np.asarray(array)
        return rows(np.mean(wide, axis=outside) if outside else wide, samples)

    return [a - layout.stacked for a in axes if a >= layout.stacked], read


def raw_reader(
    layout: TensorLayout, pool: str, seed: int, *, of: Callable[[Array], Array] = np.asanyarray
) -> Read:
    """Return what makes rows of a whole fetched tensor, averaging outside the graph.

    ``of`` is applied to the elements first. Masked elements do not count.
    """
    axes, rows = POOLINGS[pool](layout, seed)

    def read(fetched: Mapping[str, Array], samples: int) -> Array:
        (array,) = fetched.values()
        if array.size == 0:
            return np.empty((0, 1))
        values = of(np.asanyarray(array).astype(np.float64))
        return rows(np.mean(values, axis=tuple(axes)) if axes else values, samples)

    return read


def derived_reader(
    derived: Derived,
    outputs: Mapping[str, str],
    layout: TensorLayout,
    pool: str,
    seed: int,
    *,
    of: Callable[[Array], Array] = np.asanyarray,
) -> Read:
    """Return what makes rows of a tensor that is computed outside the graph.

    ``outputs``: the model's output that holds each tensor that it is computed from.
    """
    whole = raw_reader(layout, pool, seed, of=of)

    def read(fetched: Mapping[str, Array], samples: int) -> Array:
        computed = derived.compute({name: fetched[output] for name, output in outputs.items()})
        return whole({derived.name: computed}, samples) if computed.size else np.empty((0, 1))

    return read


def patch_reader(fetched: Mapping[str, Array], samples: int) -> Array:
    """Return patches of a tensor's planes, (samples, channels, ends ...)."""
    (array,) = fetched.values()
    if len(array) == samples:
        return array
    wide = array.astype(np.float64).reshape(samples, -1, *array.shape[1:])
    return np.asarray(wide.mean(axis=1))


def _mean(layout: TensorLayout, seed: int) -> tuple[list[int], _Rows]:
    kept = [a for a in (layout.sample_axis, layout.feature_axis) if a is not None]
    axes = [a for a in range(layout.rank) if a not in kept]

    def rows(array: Array, samples: int) -> Array:
        left = [a for a in range(layout.rank) if a not in axes]
        return _folded(_samples_first(array, layout, left), samples)

    return axes, rows


def _row_means(layout: TensorLayout, seed: int) -> tuple[list[int], _Rows]:
    """One number a sample: the mean over everything else."""
    axes = [a for a in range(layout.rank) if a != layout.sample_axis]
    return axes, lambda array, samples: _folded(array.reshape(-1, 1), samples)


def _flatten(layout: TensorLayout, seed: int) -> tuple[list[int], _Rows]:
    def rows(array: Array, samples: int) -> Array:
        # Features before positions, so that both sides of an activation have the same columns
        # whatever their layouts.
        moved = _samples_first(array, layout, list(range(layout.rank)))
        return np.moveaxis(moved, -1, 1).reshape(samples, -1)

    return [], rows


def _positions(layout: TensorLayout, seed: int) -> tuple[list[int], _Rows]:
    def rows(array: Array, samples: int) -> Array:
        moved = _samples_first(array, layout, list(range(layout.rank)))
        columns = moved.shape[-1]
        table = moved.reshape(samples, -1, columns)
        kept = _strata(table.shape[1], seed)
        return table[:, kept].reshape(-1, columns)

    return [], rows


def _strata(count: int, seed: int) -> Array:
    """One position drawn from each of equally long stretches, the same for every tensor."""
    if count <= _KEPT_POSITIONS:
        return np.arange(count)
    edges = np.linspace(0, count, _KEPT_POSITIONS + 1)
    draw = np.random.default_rng(seed).uniform(size=_KEPT_POSITIONS)
    return np.floor(edges[:-1] + draw * np.diff(edges)).astype(np.intp)


def reference_axes(layout: TensorLayout) -> list[int]:
    """Return the axes that the published code averages: the last two of four, the last of three."""
    return {4: [2, 3], 3: [2]}.get(layout.rank, [])


def _reference(layout: TensorLayout, seed: int) -> tuple[list[int], _Rows]:
    """The published code's axes; axis 0 counts the rows."""
    axes = reference_axes(layout)
    return axes, lambda array, samples: array.reshape(array.shape[0] if array.ndim else 1, -1)


def _samples_first(array: Array, layout: TensorLayout, left: Sequence[int]) -> Array:
    """Move the sample axis to the front and the feature axis to the end; add what is missing."""
    names = list(left)
    if layout.sample_axis is not None and layout.sample_axis in names:
        at = names.index(layout.sample_axis)
        array = np.moveaxis(array, at, 0)
        names.insert(0, names.pop(at))
    else:
        array = array[np.newaxis]
        names.insert(0, -1)
    if layout.feature_axis is not None and layout.feature_axis in names:
        array = np.moveaxis(array, names.index(layout.feature_axis), -1)
    else:
        array = array[..., np.newaxis]
    return array


def _folded(table: Array, samples: int) -> Array:
    """Average the blocks of rows that belong to one sample, in float64."""
    if len(table) == samples:
        return table
    wide = table.astype(np.float64)
    return np.asarray(wide.reshape(samples, -1, wide.shape[-1]).mean(axis=1))


POOLINGS: Mapping[str, Callable[[TensorLayout, int], tuple[list[int], _Rows]]] = {
    "mean": _mean,
    "reference": _reference,
    "positions": _positions,
    "flatten": _flatten,
    "rows": _row_means,
}

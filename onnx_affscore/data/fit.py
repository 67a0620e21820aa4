"""Whether arrays suit the model's inputs: names, ranks, sizes, types; the cure where not."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import permutations
from math import prod

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype, cast
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint, TensorSpec

__all__ = ["check_complete", "find_input", "fit", "fit_array", "required", "shown"]


def required(hints: Iterable[InputHint]) -> tuple[InputHint, ...]:
    """The inputs that no initialiser gives a default."""
    return tuple(h for h in hints if not h.optional)


def find_input(name: str, hints: Sequence[InputHint], *, where: str) -> InputHint:
    """The hint of that name; DataError with the nearest name where there is none."""
    for hint in hints:
        if hint.spec.name == name:
            return hint
    names = [h.spec.name for h in hints]
    near = get_close_matches(name, names, n=1)
    cure = f"did you mean '{near[0]}'?" if near else "use one of these names"
    have = ", ".join(f"'{n}'" for n in names) or "none"
    raise DataError(f"{where}: found input '{name}', but the model's inputs are {have}; {cure}")


def check_complete(names: Iterable[str], hints: Sequence[InputHint], *, where: str) -> None:
    """Raise DataError where an input without default gets no data."""
    given = set(names)
    missing = [h.spec for h in required(hints) if h.spec.name not in given]
    if missing:
        wanted = ", ".join(f"'{s.name}' ({shown(s)})" for s in missing)
        found = ", ".join(f"'{n}'" for n in sorted(given)) or "none"
        first = missing[0].name
        raise DataError(
            f"{where}: found data for {found}, but the model also wants {wanted}; "
            f"give it, on the command line as --data {first}=FILE or --data {first}=random"
        )


def shown(spec: TensorSpec) -> str:
    """Type and shape of an input as people write them: ``float32 (batch, 3, ?, ?)``."""
    if spec.shape is None:
        return f"{spec.dtype} of any shape"
    return f"{spec.dtype} {_tuple('?' if d is None else str(d) for d in spec.shape)}"


def fit_array(values: object, hint: InputHint, *, where: str) -> Column:
    """The column of an array in memory or mapped from a file, or of what NumPy makes one of."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as exc:
        raise DataError(
            f"{where}: found {type(values).__name__} of which NumPy makes no array ({exc}); "
            f"give an array of {hint.spec.dtype}"
        ) from exc
    return fit(array.shape, array.dtype, hint, load=lambda: array, where=where)


def fit(
    shape: tuple[int, ...],
    dtype: Dtype,
    hint: InputHint,
    *,
    load: Callable[[], Array],
    where: str,
) -> Column:
    """The column of an array of which only ``shape`` and ``dtype`` are known yet.

    One sample without its sample axis is taken as a batch of one, with a note. ``load`` is called
    at the first rows that are read.

    Raises
    ------
    DataError
        Rank, a fixed size or the type does not suit the input.
    """
    change = cast(dtype, hint.spec, where=where)
    axis = hint.sample_axis
    declared = hint.spec.shape
    notes: tuple[str, ...] = () if change.note is None else (change.note,)
    lone = axis is not None and declared is not None and len(shape) == len(declared) - 1
    whole = shape
    if lone and axis is not None:
        whole = (*shape[:axis], 1, *shape[axis:])
        if not _suits(whole, hint):
            raise _misfit(shape, hint, where)
        notes += (f"{where}: shape {_tuple(shape)} taken as one sample",)
    elif not _suits(whole, hint):
        raise _misfit(shape, hint, where)

    def read(rows: Rows) -> Array:
        array = load()
        if axis is None:
            found = np.asarray(array)
        else:
            found = _along(np.expand_dims(array, axis) if lone else array, rows, axis)
        return found if change.numbers else change.apply(found)

    later = change.apply if change.numbers else None
    if axis is None:
        return Column(whole, None, read, notes, later)
    return Column((*whole[:axis], 1, *whole[axis + 1 :]), whole[axis], read, notes, later)


def _along(array: Array, rows: Rows, axis: int) -> Array:
    """Rows of an array along an axis; neighbours as a view, so that a mapped file stays one."""
    first, last = int(rows[0]), int(rows[-1])
    upright = np.moveaxis(array, axis, 0)
    picked = upright[first : last + 1] if last - first + 1 == len(rows) else upright[rows]
    return np.moveaxis(picked, 0, axis)


def _suits(shape: Sequence[int], hint: InputHint) -> bool:
    """Whether the rank and every fixed size but that of the sample axis agree."""
    declared = hint.spec.shape
    if declared is None:
        return hint.sample_axis is None or len(shape) > hint.sample_axis
    return len(shape) == len(declared) and all(
        axis == hint.sample_axis or not isinstance(want, int) or want == have
        for axis, (have, want) in enumerate(zip(shape, declared, strict=True))
    )


def _misfit(shape: tuple[int, ...], hint: InputHint, where: str) -> DataError:
    return DataError(
        f"{where}: found shape {_tuple(shape)}, but input '{hint.spec.name}' wants "
        f"{shown(hint.spec)}; {_cure(shape, hint)}"
    )


def _cure(shape: tuple[int, ...], hint: InputHint) -> str:
    """The NumPy expression that would make an array suit, where one is likely meant."""
    rank = len(shape)
    for axis in range(rank + 1):
        if _suits((*shape[:axis], 1, *shape[axis:]), hint):
            return f"add an axis: np.expand_dims(x, {axis})"
    for axis in (a for a in range(rank) if shape[a] == 1):
        if _suits((*shape[:axis], *shape[axis + 1 :]), hint):
            return f"drop an axis: np.squeeze(x, {axis})"
    if 2 < rank <= 5:
        for order in permutations(range(rank)):
            if _suits([shape[a] for a in order], hint):
                return f"reorder the axes: np.transpose(x, {order})"
    declared = hint.spec.shape
    if declared is not None and hint.sample_axis == 0 and rank:
        tail = [d for d in declared[1:] if isinstance(d, int)]
        if len(tail) == len(declared) - 1 and prod(tail) == prod(shape[1:]):
            return f"reshape it: x.reshape({', '.join(map(str, (-1, *tail)))})"
    return "give an array of that shape"


def _tuple(items: Iterable[object]) -> str:
    parts = [str(i) for i in items]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

"""Token ids that were given as arrays: how long they are, and which of them are real."""

from collections.abc import Mapping, Sequence

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.meanings import known_meaning, side_of
from onnx_affscore.data.opening import Tokens
from onnx_affscore.records import Array, InputHint

__all__ = ["tokens_given"]


def tokens_given(
    hint: InputHint, hints: Sequence[InputHint], given: Mapping[str, Column]
) -> Tokens:
    """Tokens of ids or embeddings among ``given``, with a mask beside them or without."""
    name = hint.spec.name
    column = given[name]
    length = next(s for axis, s in enumerate(column.shape) if axis != hint.sample_axis)
    side = side_of(hint, hints)
    mask = next(
        (
            h
            for h in hints
            if h.spec.name in given and len(given[h.spec.name].shape) == 2
            if known_meaning(h) in ("mask", "padding") and side_of(h, hints) == side
        ),
        None,
    )
    if mask is None:
        every = lambda rows: np.ones((len(rows), length), bool)  # noqa: E731
        return Tokens(name, length, column.count, every, told=False)
    found, inverse = given[mask.spec.name], known_meaning(mask) == "padding" or mask.added

    def real(rows: Rows) -> Array:
        seen = np.asarray(found.take(rows))[:, -length:]
        return np.asarray(seen == 0 if inverse else seen != 0)

    return Tokens(name, length, column.count, real)

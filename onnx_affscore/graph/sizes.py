"""Concrete sizes for a model's open dimensions, chosen so that they can be told apart.

They are for shape inference alone: with numbers in the place of symbols it follows the shapes that
a graph computes for its own Reshapes, and a batch of 13 is recognised wherever it went.
"""

from collections.abc import Mapping, Sequence

from onnx_affscore.records import InputHint

__all__ = ["representative_sizes"]

_BATCH = 13
# Sides of images survive being halved often; other open dimensions are primes of their own.
_SIDES = (224, 192, 160)
_PRIMES = (11, 17, 19, 23, 29, 31, 37, 41, 43, 47)


def representative_sizes(hints: Sequence[InputHint]) -> Mapping[str, tuple[int, ...]]:
    """Return a concrete shape for every input of known rank; equal symbols have equal sizes."""
    symbols: dict[str, int] = {}
    primes, sides = iter(_PRIMES), iter(_SIDES)
    sizes = {}
    for hint in hints:
        shape = hint.spec.shape
        if shape is None:
            continue
        concrete = []
        for axis, dim in enumerate(shape):
            if isinstance(dim, int):
                concrete.append(dim)
            elif axis == hint.sample_axis:
                concrete.append(_BATCH)
            else:
                fresh = next(sides if len(shape) >= 4 and axis >= 2 else primes, _PRIMES[-1])
                concrete.append(symbols.setdefault(dim, fresh) if dim is not None else fresh)
        sizes[hint.spec.name] = tuple(concrete)
    return sizes

"""Sizes for dimensions that a model leaves open, most plausible first, to be tried in turn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnx_affscore.data.dims import OpenDims, canonical, terms
from onnx_affscore.records import InputHint

__all__ = ["Assignment", "shape_candidates"]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One guess: the shape of each input with one sample, the sequence length, a bound for ids.

    ``below`` bounds integers of which the graph does not tell what table they index.
    """

    shapes: Mapping[str, tuple[int, ...]]
    length: int = 1
    below: int = 16

    def __str__(self) -> str:
        return ", ".join(f"{name} {list(shape)}" for name, shape in self.shapes.items())


# What people's models accept: powers of two survive halving, 224 and 299 are ImageNet's crops.
_SIZES: Mapping[str, tuple[int, ...]] = {
    "image": (64, 224, 32, 256, 128, 28, 299, 512, 640),
    "channels": (3, 1, 4, 64),
    "audio": (16000, 512, 576, 4096, 1024, 80),
    "sequence": (8, 16, 1, 128, 32, 512, 64, 2, 256),
    "past": (8, 1, 16, 0),
    "other": (8, 16, 4, 1, 32, 10, 64, 128),
}
# The axes after the batch, of inputs whose rank is not declared.
_TAILS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "float": ((8,), (3, 64, 64), (), (8, 8), (64, 64, 3), (3, 224, 224), (1, 28, 28)),
    "int": ((8,), (), (8, 8), (1,)),
}
_BELOW = (16, 16, 2)  # the first twice, so that other sizes are tried before another bound


@dataclass(frozen=True, slots=True)
class _Sizes:
    """One choice of a size per kind of dimension, and the sizes that data has settled."""

    dims: OpenDims
    chosen: Mapping[str, int]
    known: Mapping[str, int]

    def of_kind(self, kind: str) -> int:
        if kind == "total":
            return self.chosen.get("past", 0) + self.chosen.get("sequence", _SIZES["sequence"][0])
        return self.chosen[kind]

    def of_symbol(self, symbol: str) -> int:
        """A known size, a sum of such as in ``past_seq_len + 1``, or the kind's choice."""
        parts = terms(symbol)
        name = canonical(symbol)
        if symbol in self.known or len(parts) <= 1:
            known = self.known.get(symbol, self.known.get(name))
            return self.of_kind(self.dims.symbols[name]) if known is None else known
        total, sign = 0, 1
        for part in parts:
            if part in ("+", "-"):
                sign = 1 if part == "+" else -1
            else:
                total += sign * (int(part) if part.isdecimal() else self.of_symbol(part))
        return max(total, 0)


def shape_candidates(
    hints: Sequence[InputHint], *, known: Mapping[str, int] | None = None
) -> Iterator[Assignment]:
    """Yield guesses of all open sizes of the inputs without default, best first.

    The same symbol has the same size in every input, and dimensions of one kind (image sides,
    sequence lengths, ...) vary together. The sample axis has size 1. ``known`` gives sizes of
    symbols that are settled.

    Examples
    --------
    >>> from onnx_affscore.records import TensorSpec
    >>> ids = InputHint(TensorSpec("ids", "int64", ("batch", "seq")), below=100)
    >>> print(next(shape_candidates([ids])))
    ids [1, 8]
    """
    wanted = [h for h in hints if not h.optional]
    dims = OpenDims.of(wanted)
    settled = dict(known or {}) | {canonical(k): v for k, v in (known or {}).items()}
    kinds = [k for k in dims.kinds if k in _SIZES]
    tails = _tails(wanted)
    bounds = _BELOW if any(_is_free_integer(h) for h in wanted) else _BELOW[:1]
    seen = set()
    for *picks, tail, bound in _by_sum([*(len(_SIZES[k]) for k in kinds), len(tails), len(bounds)]):
        chosen = {k: _SIZES[k][i] for k, i in zip(kinds, picks, strict=True)}
        sizes = _Sizes(dims, chosen, settled)
        shapes = {h.spec.name: _shape(h, sizes, tails[tail]) for h in wanted}
        key = (*shapes.values(), bounds[bound])
        if key not in seen:
            seen.add(key)
            yield Assignment(shapes, _length(wanted, shapes), bounds[bound])


def _by_sum(lengths: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """All index tuples below ``lengths``, those with the smallest sum first."""
    for total in range(sum(lengths) - len(lengths) + 1):
        yield from _of_sum(lengths, total)


def _of_sum(lengths: Sequence[int], total: int) -> Iterator[tuple[int, ...]]:
    if not lengths:
        yield from [()] if total == 0 else []
        return
    for first in range(min(lengths[0] - 1, total) + 1):
        for rest in _of_sum(lengths[1:], total - first):
            yield (first, *rest)


def _tails(hints: Sequence[InputHint]) -> Sequence[tuple[int, ...]]:
    unknown = [h for h in hints if h.spec.shape is None]
    if not unknown:
        return ((),)
    return _TAILS["int" if all("int" in h.spec.dtype for h in unknown) else "float"]


def _is_free_integer(hint: InputHint) -> bool:
    return "int" in hint.spec.dtype and hint.below is None and hint.sample_axis is not None


def _shape(hint: InputHint, sizes: _Sizes, tail: tuple[int, ...]) -> tuple[int, ...]:
    name, declared = hint.spec.name, hint.spec.shape
    if declared is None:
        return (1, *tail) if hint.sample_axis is not None else tail
    shape = []
    for axis, dim in enumerate(declared):
        if axis == hint.sample_axis:
            shape.append(1)
        elif isinstance(dim, int):
            shape.append(dim)
        elif dim is None:
            shape.append(sizes.of_kind(sizes.dims.places[name, axis]))
        else:
            shape.append(sizes.of_symbol(dim))
    return tuple(shape)


def _length(hints: Sequence[InputHint], shapes: Mapping[str, tuple[int, ...]]) -> int:
    """The size that an input called ``lengths`` would state: the first open one, else the last."""
    for h in hints:
        for axis, dim in enumerate(h.spec.shape or ()):
            if axis != h.sample_axis and not isinstance(dim, int):
                return shapes[h.spec.name][axis]
    return next((s[-1] for s in shapes.values() if len(s) > 1), 1)

"""Made-up values by the meaning that an input's name and type suggest, one rule table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from onnx_affscore.data.elements import element_type, kind_of
from onnx_affscore.data.meanings import meaning_of
from onnx_affscore.data.shapes import Assignment
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["Recipe", "recipe"]

Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...]], Array]

_WORDS = np.array("the cat sat on a mat and saw no dog".split(), dtype=object)  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make the rows of an input: ``draw`` gets a generator and (rows, *row shape).

    ``random`` tells whether rows differ from one another.
    """

    words: str
    draw: Draw
    random: bool = True


def recipe(hint: InputHint, guess: Assignment, *, distribution: str) -> Recipe:
    """The first rule that applies to the input; ``distribution`` is for floats only.

    Raises
    ------
    DataError
        The elements are of a type that no rule makes.
    """
    wanted = element_type(hint.spec)
    kind = kind_of(wanted)
    made = (
        _by_meaning(hint, guess)
        or _INTEGERS_AND_FLAGS.get(kind, _none)(hint, guess)
        or (_floats(distribution) if kind == "float" else None)
    )
    if made is None:
        raise DataError(
            f"input '{hint.spec.name}' wants {hint.spec.dtype}, for which no values can be made "
            f"up; give data for it: --data {hint.spec.name}=FILE"
        )
    if wanted == np.dtype(object):
        return made
    return Recipe(made.words, lambda rng, s: made.draw(rng, s).astype(wanted), made.random)


def _same(value: float, words: str) -> Recipe:
    return Recipe(words, lambda _rng, shape: np.full(shape, value), random=False)


# By meaning; what is not here is made by its type alone.
_BY_MEANING: Mapping[str, Callable[[InputHint, Assignment], Recipe]] = {
    "padding": lambda _hint, _guess: _same(0, "zeros"),
    "mask": lambda _hint, _guess: _same(1, "ones"),
    "positions": lambda hint, _guess: _positions(hint.below),
    "segments": lambda _hint, _guess: _same(0, "zeros"),
    "rate": lambda _hint, _guess: _same(16000, "the sampling rate 16000"),
    "length": lambda _hint, guess: _same(guess.length, f"the length {guess.length}"),
    "bytes": lambda _hint, _guess: _ids(256, "bytes"),
    "lower": lambda _hint, _guess: _same(-1, "the bound -1"),
    "upper": lambda _hint, _guess: _same(1, "the bound 1"),
    "scale": lambda _hint, _guess: _same(1, "ones"),
}


def _by_meaning(hint: InputHint, guess: Assignment) -> Recipe | None:
    made = _BY_MEANING.get(meaning_of(hint) or "")
    return None if made is None else made(hint, guess)


def _positions(below: int | None) -> Recipe:
    def draw(_rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        steps = np.arange(shape[-1] if len(shape) > 1 else 1)
        return np.broadcast_to(steps if below is None else steps % below, shape)

    return Recipe("0, 1, 2, ... along the last axis", draw, random=False)


def _ids(below: int, what: str = "ids") -> Recipe:
    return Recipe(
        f"uniform {what} below {below}", lambda rng, shape: rng.integers(below, size=shape)
    )


def _integers(hint: InputHint, guess: Assignment) -> Recipe:
    if hint.below is not None:
        return _ids(hint.below)
    if hint.sample_axis is None:
        scalar = hint.spec.shape is not None and len(hint.spec.shape) == 0
        return _same(2, "the count 2") if scalar else _same(1, "ones")
    if hint.spec.dtype == "uint8":
        return _ids(256, "bytes")
    return _ids(guess.below, "integers")


def _flags(hint: InputHint, _guess: Assignment) -> Recipe:
    if hint.sample_axis is None:
        return _same(1, "true")
    return Recipe("true or false by chance", lambda rng, shape: rng.integers(2, size=shape))


def _text(_hint: InputHint, _guess: Assignment) -> Recipe:
    return Recipe("common words", lambda rng, shape: rng.choice(_WORDS, size=shape))


def _none(_hint: InputHint, _guess: Assignment) -> Recipe | None:
    return None


_INTEGERS_AND_FLAGS: dict[str, Callable[[InputHint, Assignment], Recipe | None]] = {
    "int": _integers,
    "bool": _flags,
    "Python objects": _text,
}


def _floats(distribution: str) -> Recipe:
    if distribution == "uniform":
        return Recipe("uniform in [0, 1)", lambda rng, shape: rng.random(shape, dtype=np.float32))
    return Recipe(
        "standard normal", lambda rng, shape: rng.standard_normal(shape, dtype=np.float32)
    )

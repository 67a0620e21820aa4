"""What an input is for, by its name and type: one table, for made-up and for real values."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onnx_affscore.data.elements import element_type, kind_of
from onnx_affscore.errors import DataError
from onnx_affscore.records import InputHint

__all__ = [
    "MEANINGS",
    "SIDES",
    "Meaning",
    "carriers",
    "known_meaning",
    "meaning_of",
    "side_of",
    "token_ids",
]

SIDES = ("source", "target")
"""The two texts of a model that has an encoder and a decoder; others have the source alone."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row of MEANINGS: the kinds of elements that it can have, and the words of its name."""

    name: str
    kinds: frozenset[str]
    says: Callable[[frozenset[str], InputHint], bool]


def _kinds(*names: str) -> frozenset[str]:
    return frozenset(names)


def _constant(hint: InputHint) -> bool:
    return hint.sample_axis is None


_INT, _FLOAT = _kinds("int"), _kinds("float")
_MASK = {"mask", "masks", "attentionmask"}

# First match wins.
MEANINGS: tuple[Meaning, ...] = (
    Meaning(
        "padding",
        _kinds("bool", "int", "float"),
        lambda w, _: bool(w & _MASK and w & {"pad", "padding"}),
    ),
    Meaning("mask", _kinds("bool", "int", "float"), lambda w, _: bool(w & _MASK)),
    Meaning("positions", _INT, lambda w, _: bool(w & {"position", "positions", "pos"})),
    Meaning(
        "segments", _INT, lambda w, _: bool(w & {"segment", "segments"} or w >= {"token", "type"})
    ),
    Meaning(
        "rate",
        _INT,
        lambda w, _: "sr" in w or ("rate" in w and bool(w & {"sample", "sampling"})),
    ),
    Meaning(
        "length",
        _INT,
        lambda w, _: bool(w & {"length", "lengths", "len", "lens", "seqlen", "seqlens"}),
    ),
    Meaning("bytes", _INT, lambda w, h: bool(w & {"byte", "bytes"}) and h.below is None),
    Meaning("lower", _FLOAT, lambda w, h: _constant(h) and bool(w & {"min", "lower"})),
    Meaning("upper", _FLOAT, lambda w, h: _constant(h) and bool(w & {"max", "upper"})),
    Meaning(
        "scale",
        _FLOAT,
        lambda w, h: (
            _constant(h) and bool(w & {"scale", "scales", "temperature", "speed", "sigma", "std"})
        ),
    ),
    Meaning("types", _INT, lambda w, _: w >= {"type", "ids"}),
    Meaning("past", _FLOAT, lambda w, h: "past" in w and len(h.spec.shape or ()) >= 4),
    Meaning("cache", _kinds("bool"), lambda w, _: w >= {"use", "cache"}),
    Meaning("kept", _INT, lambda w, _: w >= {"logits", "keep"}),
)


def meaning_of(hint: InputHint) -> str | None:
    """The name of the first row of MEANINGS that suits the input, None where none does.

    Examples
    --------
    >>> from onnx_affscore.records import TensorSpec
    >>> meaning_of(InputHint(TensorSpec("bert/tokenTypeIds:0", "int64", ("n", "t"))))
    'segments'
    """
    kind = kind_of(element_type(hint.spec))
    words = _words(hint.spec.name)
    return next((m.name for m in MEANINGS if kind in m.kinds and m.says(words, hint)), None)


def known_meaning(hint: InputHint) -> str | None:
    """Like :func:`meaning_of`, and None for an input of a type that cannot be fed."""
    try:
        return meaning_of(hint)
    except DataError:
        return None


def _words(name: str) -> frozenset[str]:
    """``tokenTypeIds:0`` and ``token_type_ids`` as words in lower case, the last scope only."""
    last = name.rsplit("/", 1)[-1].rsplit("::", 1)[-1].rsplit(":", 1)[0]
    return frozenset(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", last).lower()))


_TARGET = {"decoder", "target", "tgt"}
_SOURCE = {"encoder", "source", "src"}


def side_of(hint: InputHint, hints: Sequence[InputHint]) -> str:
    """Which of SIDES an input belongs to.

    ``attention_mask`` beside ``decoder_input_ids`` is of the source, and beside
    ``encoder_hidden_states``, where no name speaks of a decoder, of the target.
    """
    own = _words(hint.spec.name)
    if own & _TARGET:
        return "target"
    if own & _SOURCE:
        return "source"
    every = [_words(h.spec.name) for h in hints if not h.optional]
    alone = any(w & _SOURCE for w in every) and not any(
        w & _TARGET and not w & {"past"} for w in every
    )
    return "target" if alone else "source"


def token_ids(hints: Sequence[InputHint]) -> dict[str, InputHint]:
    """The inputs that take token ids, by side: integers (samples, tokens) of no other meaning.

    Where several of one side could be, those are left whose names speak of ids or tokens; where
    there are still several, none is.
    """
    found: dict[str, list[InputHint]] = {}
    for hint in hints:
        if not hint.optional and _is_ids(hint):
            found.setdefault(side_of(hint, hints), []).append(hint)
    chosen = {}
    for side, several in found.items():
        named = [h for h in several if _words(h.spec.name) & {"ids", "tokens"}]
        if len(several) == 1 or len(named) == 1:
            chosen[side] = (named or several)[0]
    return chosen


def carriers(hints: Sequence[InputHint]) -> dict[str, InputHint]:
    """The input of each side that has a value for every token: its ids, else its embeddings."""
    found = {
        side_of(h, hints): h
        for h in hints
        if not h.optional
        and h.sample_axis is not None
        and len(h.spec.shape or ()) == 3
        and (_words(h.spec.name) & {"embeds", "embeddings"} or "hidden" in _words(h.spec.name))
    }
    return found | token_ids(hints)


def _is_ids(hint: InputHint) -> bool:
    return (
        hint.sample_axis is not None
        and len(hint.spec.shape or ()) == 2
        and "int" in hint.spec.dtype
        and meaning_of(hint) is None
        and not _words(hint.spec.name) & {"byte", "bytes"}
    )

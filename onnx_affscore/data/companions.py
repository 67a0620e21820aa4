"""What goes with token ids, one table: masks, positions, segments, an empty past."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import Dtype, element_type, kind_of
from onnx_affscore.data.fit import fit
from onnx_affscore.data.given_tokens import tokens_given
from onnx_affscore.data.meanings import carriers, known_meaning, side_of, token_ids
from onnx_affscore.data.opening import Tokens
from onnx_affscore.data.past import Past
from onnx_affscore.records import Array, InputHint

__all__ = ["COMPANIONS", "Companion", "companions", "lone_ids"]

FAR_BELOW = -1e4
"""What an additive mask adds where nobody shall look: enough for a softmax, little for float16."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An input to be made beside tokens that have ``past`` tokens before them.

    ``dims`` are the sizes of a row, None where open. ``causal``: a token sees none behind it.
    """

    hint: InputHint
    dims: tuple[int | None, ...]
    past: int
    causal: bool


@dataclass(frozen=True, slots=True)
class Companion:
    """One row of COMPANIONS: how to make inputs of a meaning, and the words for it.

    ``make`` gets which tokens are real, (n, tokens), and which text of a pair each is of, and
    returns (n, *row).
    """

    meaning: str
    words: str
    make: Callable[[_Wanted, Array, Array], Array]


def _mask(wanted: _Wanted, real: Array, _types: Array) -> Array:
    """1 for a real token, 0 for padding and for a past of zeros; or what is added to scores."""
    keys = np.pad(real, ((0, 0), (wanted.past, 0)))
    seen = keys if len(wanted.dims) <= 1 else _pairs(wanted, keys)
    if wanted.hint.added:
        return np.where(seen, 0.0, FAR_BELOW)
    return np.asarray(seen)


def _pairs(wanted: _Wanted, keys: Array) -> Array:
    """Which token sees which, (n, [heads,] tokens or 1, past + tokens)."""
    *_heads, queries, width = wanted.dims
    if width is not None:
        keys = np.pad(keys, ((0, 0), (0, max(width - keys.shape[1], 0))))
    if queries == 1:
        seen = keys[:, None, :]
    else:
        # A square of the full width is cut by the graph, behind the past.
        steps = np.arange(queries or keys.shape[1] - wanted.past)
        last = steps if queries is not None and queries == width else steps + wanted.past
        before = np.arange(keys.shape[1]) <= last[:, None]
        seen = keys[:, None, :] & (before if wanted.causal else np.ones_like(before))
    heads = [size or 1 for size in wanted.dims[:-2]]
    return np.broadcast_to(
        np.asarray(seen).reshape(len(seen), *(1 for _ in heads), *seen.shape[1:]),
        (len(seen), *heads, *seen.shape[1:]),
    )


def _padding(wanted: _Wanted, real: Array, types: Array) -> Array:
    return np.asarray(~_mask(wanted, real, types).astype(bool))


def _positions(wanted: _Wanted, real: Array, _types: Array) -> Array:
    """0, 1, ... over the real tokens; those of all samples, where it has no sample axis."""
    if wanted.hint.sample_axis is None:
        return np.broadcast_to(np.arange(real.shape[1]) + wanted.past, real.shape)
    places = np.maximum(np.cumsum(real, axis=1) - 1, 0)
    lead = tuple(size or 1 for size in wanted.dims[:-1])
    return np.broadcast_to(
        places.reshape(len(places), *(1 for _ in lead), -1), (len(places), *lead, real.shape[1])
    )


def _types(_wanted: _Wanted, _real: Array, types: Array) -> Array:
    return types


def _length(wanted: _Wanted, real: Array, _types: Array) -> Array:
    return np.asarray(real.sum(axis=1)).reshape(-1, *(1 for _ in wanted.dims))


def _past(wanted: _Wanted, real: Array, _types: Array) -> Array:
    dims = (wanted.past if size is None else size for size in wanted.dims)
    return np.zeros((len(real), *dims), np.float32)


def _off(wanted: _Wanted, real: Array, _types: Array) -> Array:
    return np.zeros((len(real), *(size or 1 for size in wanted.dims)), np.int64)


COMPANIONS: tuple[Companion, ...] = (
    Companion("mask", "tells the tokens from padding", _mask),
    Companion("padding", "tells padding from the tokens", _padding),
    Companion("positions", "places of the tokens, from 0", _positions),
    Companion("segments", "which text of a pair a token is of", _types),
    Companion("types", "which text of a pair a token is of", _types),
    Companion("length", "number of tokens without padding", _length),
    Companion("past", "{past} tokens before the first, zeros", _past),
    Companion("cache", "false: nothing is cached yet", _off),
    Companion("kept", "0: logits of all tokens", _off),
)


def companions(
    hints: Sequence[InputHint],
    given: Mapping[str, Column],
    tokens: Mapping[str, Tokens],
    *,
    leave: Collection[str] = (),
) -> tuple[dict[str, Column], tuple[str, ...]]:
    """Make the inputs that nobody gave and whose meaning is known beside token ids.

    ``tokens`` tells of the ids by input; where it does not, they are taken from ``given``: what
    a mask there says is real, else all. Inputs in ``leave`` and those of no known meaning are not
    made. Returns the columns, and a note for each kind.

    Raises
    ------
    DataError
        An input has sizes that nothing tells.
    """
    by_side = {
        side: tokens.get(hint.spec.name) or tokens_given(hint, hints, given)
        for side, hint in carriers(hints).items()
        if hint.spec.name in given
    }
    missing = [
        h for h in hints if not h.optional and h.spec.name not in given and h.spec.name not in leave
    ]
    made: dict[str, Column] = {}
    told: dict[str, list[str]] = {}
    rules = {c.meaning: c for c in COMPANIONS}
    past = Past.of(hints, given)
    for hint in missing if by_side else ():
        rule = rules.get(known_meaning(hint) or "")
        if rule is None:
            continue
        beside = by_side.get(side_of(hint, hints)) if len(by_side) > 1 else _only(by_side)
        if beside is None:
            continue
        wanted = _Wanted(hint, past.dims(hint), past.length, past.causal)
        made[hint.spec.name] = _column(rule, wanted, beside)
        assumed = rule.meaning in ("mask", "padding") and not beside.told
        words = f"all of '{beside.name}' taken as real tokens" if assumed else rule.words
        told.setdefault(words.format(past=past.length or "no"), []).append(hint.spec.name)
    return made, tuple(f"{_some(names)}: made, {words}" for words, names in told.items())


def lone_ids(hints: Sequence[InputHint]) -> InputHint | None:
    """The one input for token ids where all others can be made beside it, else None."""
    ids = list(token_ids(hints).values())
    made = {c.meaning for c in COMPANIONS}
    others = [h for h in hints if not h.optional and h not in ids]
    return ids[0] if len(ids) == 1 and all(known_meaning(h) in made for h in others) else None


def _some(names: Sequence[str]) -> str:
    """The names, of many alone the first: a past has two inputs a layer."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"


def _only(by_side: Mapping[str, Tokens]) -> Tokens:
    return next(iter(by_side.values()))


def _column(rule: Companion, wanted: _Wanted, tokens: Tokens) -> Column:
    hint = wanted.hint
    axis = hint.sample_axis
    dtype = element_type(hint.spec)
    read_as: Dtype = np.dtype(
        {"bool": "bool", "int": "int64"}.get(kind_of(dtype), "float32")
    )  # whatever the model's type, so that its copy in another has the same data

    def made(real: Array, types: Array) -> Array:
        found: Array = rule.make(wanted, real, types).astype(read_as)
        if axis is not None:
            return np.asarray(np.moveaxis(found, 0, axis))
        missing = max(len(hint.spec.shape or ()) - found.ndim + 1, 0)
        return np.asarray(found[0].reshape((1,) * missing + found.shape[1:]))

    def read(rows: Rows) -> Array:
        real = tokens.real(rows)
        types = np.zeros(real.shape, np.int64) if tokens.types is None else tokens.types(rows)
        return made(real, types)

    one = np.ones((1, tokens.length), bool)
    shape = made(one, np.zeros(one.shape, np.int64)).shape
    fit(shape, read_as, hint, load=lambda: one, where=f"what was made beside '{tokens.name}'")
    change = None if read_as == dtype else partial(_converted, dtype)
    return Column(shape, None if axis is None else tokens.count, read, (), change)


def _converted(dtype: Dtype, array: Array) -> Array:
    changed: Array = array.astype(dtype)
    return changed

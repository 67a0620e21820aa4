"""What an open dimension counts, image sides or a sequence's steps, by its name or its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnx_affscore.records import InputHint

__all__ = ["OpenDims", "canonical", "terms"]

# First match wins; tried on the last part of a dotted name.
_NAMES = (
    ("total", re.compile(r"total|max_?seq|kv_?(seq|len)")),
    ("past", re.compile(r"past|cache|prev|history")),
    ("image", re.compile(r"height|width|^[hw]$|image|spatial")),
    ("channels", re.compile(r"channel|^c$")),
    ("audio", re.compile(r"audio|wave|sample|signal|num_?points")),
    ("sequence", re.compile(r"seq|len|time|frame|token|step|word|^[tsl]$")),
)
_AUDIO_INPUT = re.compile(r"audio|wav|speech|signal|pcm|input_values", re.IGNORECASE)
_RATES = ("sr", "sample_rate", "sampling_rate")
_FEW_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, slots=True)
class OpenDims:
    """One kind for each symbol, however often it occurs, and for each dimension without name."""

    symbols: Mapping[str, str]
    places: Mapping[tuple[str, int], str]

    @classmethod
    def of(cls, hints: Sequence[InputHint]) -> "OpenDims":
        """Go through the inputs; where a symbol occurs twice its first place counts."""
        symbols: dict[str, str] = {}
        places: dict[tuple[str, int], str] = {}
        for hint in hints:
            for axis, dim in _open(hint):
                if dim is None:
                    places[hint.spec.name, axis] = _kind_of_place(hint, axis, hints)
                elif len(terms(dim)) == 1:
                    symbols.setdefault(canonical(dim), _kind(dim, hint, axis, hints))
        for hint in hints:
            for _axis, dim in _open(hint):
                for term in terms(dim or ""):
                    symbols.setdefault(canonical(term), _kind_of_name(term))
        return cls(symbols, places)

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds that occur, each once."""
        return tuple(dict.fromkeys((*self.symbols.values(), *self.places.values())))


def terms(symbol: str) -> list[str]:
    """The names, numbers and signs of ``past_seq_len + 1``; one term where it is no sum."""
    return [t.strip() for t in re.findall(r"[+-]|[^+-]+", symbol) if t.strip()]


def canonical(symbol: str) -> str:
    """One spelling for sequence_length, seq_len and talker.sequence_len."""
    name = _last_part(symbol).replace("sequence", "seq").replace("length", "len")
    return re.sub(r"[\W_]", "", name).removesuffix("len")


def _open(hint: InputHint) -> Iterator[tuple[int, str | None]]:
    for axis, dim in enumerate(hint.spec.shape or ()):
        if axis != hint.sample_axis and not isinstance(dim, int):
            yield axis, dim


def _kind(symbol: str, hint: InputHint, axis: int, hints: Sequence[InputHint]) -> str:
    named = _kind_of_name(symbol)
    if named == "sequence" and _is_waveform(hint, hints):
        return "audio"
    return _kind_of_place(hint, axis, hints) if named == "other" else named


def _kind_of_name(symbol: str) -> str:
    last = _last_part(symbol)
    return next((kind for kind, pattern in _NAMES if pattern.search(last)), "other")


def _kind_of_place(hint: InputHint, axis: int, hints: Sequence[InputHint]) -> str:
    shape = hint.spec.shape or ()
    rank = len(shape)
    floats = "float" in hint.spec.dtype or hint.spec.dtype == "uint8"
    if rank >= 4 and floats:
        last = isinstance(shape[-1], int) and shape[-1] in _FEW_CHANNELS and shape[1] != 1
        return "channels" if axis == (rank - 1 if last else 1) else "image"
    if _is_waveform(hint, hints):
        return "audio"
    return "sequence" if not floats or (rank == 3 and axis == 1) else "other"


def _is_waveform(hint: InputHint, hints: Sequence[InputHint]) -> bool:
    """A float input (batch, time), named like sound or beside a sampling rate."""
    if "float" not in hint.spec.dtype or len(hint.spec.shape or ()) > 2:
        return False
    beside = any(h.spec.name.lower() in _RATES for h in hints)
    return beside or _AUDIO_INPUT.search(hint.spec.name) is not None


def _last_part(symbol: str) -> str:
    return symbol.strip().lower().rsplit(".", 1)[-1]

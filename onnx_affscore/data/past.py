"""The past of a model that goes on with what it has seen: its length, and the sizes of a row."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from onnx_affscore.data.columns import Column
from onnx_affscore.data.dims import OpenDims, canonical
from onnx_affscore.data.meanings import known_meaning
from onnx_affscore.errors import DataError
from onnx_affscore.records import InputHint

__all__ = ["Past"]


@dataclass(frozen=True, slots=True)
class Past:
    """How many tokens come before those that are fed; with a past, a model is causal."""

    kinds: OpenDims
    length: int
    causal: bool

    @classmethod
    def of(cls, hints: Sequence[InputHint], given: Mapping[str, Column]) -> "Past":
        """Go through the inputs; those that are given tell the length before declared sizes do."""
        dims = OpenDims.of(hints)
        pasts = [h for h in hints if known_meaning(h) == "past"]
        unknown = cls(dims, 0, bool(pasts))
        for hint in pasts:
            axes = unknown.open_axes(hint, among=("past", "total"))
            if hint.spec.name in given and len(axes) == 1:
                return cls(dims, given[hint.spec.name].shape[axes[0]], causal=True)
        fixed = [h.spec.shape[-2] for h in pasts if h.spec.shape and not unknown.open_axes(h)]
        lengths = [size for size in fixed if isinstance(size, int)]
        return cls(dims, max(lengths, default=0), bool(pasts))

    def open_axes(self, hint: InputHint, *, among: Collection[str] = ()) -> list[int]:
        """The axes without size, samples apart; where several, those of the kinds ``among``."""
        axes = [
            axis
            for axis, size in enumerate(hint.spec.shape or ())
            if axis != hint.sample_axis and not isinstance(size, int)
        ]
        return axes if len(axes) < 2 else [a for a in axes if self._kind(hint, a) in among]

    def _kind(self, hint: InputHint, axis: int) -> str:
        size = (hint.spec.shape or ())[axis]
        if isinstance(size, str):
            return self.kinds.symbols.get(canonical(size), "other")
        return self.kinds.places.get((hint.spec.name, axis), "other")

    def dims(self, hint: InputHint) -> tuple[int | None, ...]:
        """The sizes of a row, None where open; DataError where a past has several such."""
        shape = hint.spec.shape
        if shape is None:
            return ()
        row = tuple(
            size if isinstance(size, int) else None
            for axis, size in enumerate(shape)
            if axis != hint.sample_axis
        )
        if known_meaning(hint) == "past" and row.count(None) > 1:
            raise DataError(
                f"input '{hint.spec.name}' is a past of which the model leaves {row.count(None)}"
                f" sizes open; give it: --data {hint.spec.name}=FILE.npy, without tokens in it"
            )
        return row

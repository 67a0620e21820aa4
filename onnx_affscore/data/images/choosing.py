"""From what the user and the model say to the preparation of pictures, and what is told of it."""

from dataclasses import dataclass
from typing import Final, final

from onnx_affscore.data.images.geometry import Size
from onnx_affscore.data.images.preparing import CROPPED_FROM, Preparation, preparation
from onnx_affscore.data.images.presets import find_preset
from onnx_affscore.data.images.wanted import COLOURS, Wanted, picture_input
from onnx_affscore.data.items import fit_items
from onnx_affscore.data.opening import Reader, Request, Table
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import InputHint, Labels

__all__ = ["Chosen", "choose"]

_HEEDED: Final = frozenset({"preset", "image_size", "channels"})


@final
@dataclass(frozen=True, slots=True)
class Chosen:
    """The input that pictures are for, and how they become its rows; ``guess`` says if by guess."""

    hint: InputHint
    prepare: Preparation
    name: str
    guess: str | None

    def table(
        self, read: Reader, *, count: int, what: str, where: str, labels: Labels | None,
        notes: tuple[str, ...] = (),
    ) -> Table:  # fmt: skip
        """The table of ``count`` pictures, of which ``what`` tells the kind."""
        column = fit_items(
            read,
            self.hint,
            count=count,
            shape=self.prepare.shape,
            dtype=self.prepare.dtype,
            where=where,
        )
        warnings = () if self.guess is None else (f"{where}: {self.guess}",)
        told = f"{where}: {count} {what}: {self.prepare} (preset {self.name})"
        return Table(
            {self.hint.spec.name: column},
            notes=(told, *notes),
            labels=labels,
            heeded=_HEEDED,
            warnings=warnings,
        )


def choose(request: Request, *, native: Size | None = None) -> Chosen:
    """Settle the preparation; ``native`` is the size of the pictures where all have the same.

    Raises
    ------
    DataError
        The model takes no pictures, or what was said contradicts itself.
    """
    said, where = request.feeding, f"--data {request.text}"
    hint, wanted = picture_input(request.hints, where=where)
    name, reason = (said.preset, None) if said.preset else _guessed(wanted, native)
    size = _sides(said)
    try:
        made = preparation(
            find_preset(name),
            wanted,
            size=size,
            otherwise=native or (224, 224),
            order=said.channels,
        )
    except DataError as exc:
        raise DataError(f"{where}: {exc}") from exc
    guess = None
    if reason is not None:
        guess = (
            f"no --preset was given: took '{name}', as {reason}; scores mean little where the model"
            " was trained on other numbers"
        )
    return Chosen(hint, made, name, guess)


def _guessed(wanted: Wanted, native: Size | None) -> tuple[str, str | None]:
    """The preset that most likely suits, and why; no reason where there is no other."""
    if wanted.whole:
        return "raw", None
    if wanted.channels != 3:
        return "unit", f"the model takes {COLOURS[wanted.channels]} images"
    fixed = [s for s in (wanted.height, wanted.width) if s is not None]
    sides = fixed or list(native or ())
    if sides and min(sides) < CROPPED_FROM:
        who = "the model takes small images" if fixed else "the images are small"
        return "unit", f"{who} ({min(sides)} pixels)"
    return "imagenet", "the model takes photographs of 3 channels"


def _sides(said: Feeding) -> Size | None:
    if said.image_size is None:
        return None
    high, _, wide = said.image_size.partition("x")
    return int(high), int(wide or high)

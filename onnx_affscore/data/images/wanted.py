"""What an input wants of a picture, taken from its declaration: layout, channels, size."""

import re
from dataclasses import dataclass
from math import isqrt
from typing import Final, final

import numpy as np

from onnx_affscore.data.fit import required, shown
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint

__all__ = ["COLOURS", "Wanted", "picture_input", "wanted"]

COLOURS: Final = {1: "grey", 3: "RGB", 4: "RGBA"}
"""What so many channels are."""

_DTYPES: Final = re.compile(r"u?int\d+|b?float\d+")
# In flat rows these are tokens, or bytes of other files.
_IDS: Final = ("int32", "int64")
_NAMED_CHANNELS: Final = re.compile(r"channel|^c$", re.IGNORECASE)


@final
@dataclass(frozen=True, slots=True)
class Wanted:
    """Pictures as an input takes them.

    ``layout`` is the order of a batch's axes: NCHW, NHWC, NHW where there is no axis of channels,
    or ND where a picture is one row of numbers, channels first. Sides are None where the model
    leaves them open.
    """

    layout: str
    channels: int
    height: int | None
    width: int | None
    dtype: str

    @property
    def whole(self) -> bool:
        """Whether the input takes integers."""
        return "int" in self.dtype

    def laid_out(self, pixels: Array) -> Array:
        """An array (height, width, channels) in the input's order, without the axis of samples."""
        if self.layout == "NHWC":
            return pixels
        if self.layout == "NHW":
            return pixels[:, :, 0]
        first = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        return first.reshape(-1) if self.layout == "ND" else first


def picture_input(hints: tuple[InputHint, ...], *, where: str) -> tuple[InputHint, Wanted]:
    """The input that pictures are for, and what it wants of them.

    Raises
    ------
    DataError
        No input takes pictures, or several do.
    """
    reasons: list[str] = []
    found: list[tuple[InputHint, Wanted]] = []
    for hint in required(hints):
        try:
            found.append((hint, wanted(hint, where=where)))
        except DataError as exc:
            reasons.append(str(exc))
    upright = [one for one in found if one[1].layout in ("NCHW", "NHWC")]
    if len(upright) == 1:
        return upright[0]  # beside it, (n, 16) may be anything
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"'{hint.spec.name}'" for hint, _ in found)
        raise DataError(
            f"{where}: found pictures, and {names} take them; say which one gets these: --data"
            f" {found[0][0].spec.name}={where}"
        )
    raise DataError(reasons[0] if reasons else f"{where}: the model wants no further input")


def wanted(hint: InputHint, *, where: str) -> Wanted:
    """What an input wants of a picture.

    Raises
    ------
    DataError
        It takes no pictures, or does not say enough.
    """
    spec = hint.spec
    shape = spec.shape
    if shape is None or hint.sample_axis is None or _DTYPES.fullmatch(spec.dtype) is None:
        raise _no_picture(hint, where)
    rest = [dim for axis, dim in enumerate(shape) if axis != hint.sample_axis]
    fixed = [dim if isinstance(dim, int) else None for dim in rest]
    if len(rest) == 3:
        last = _channels_last(rest)
        channels, *sides = [fixed[i] for i in ((2, 0, 1) if last else (0, 1, 2))]
        layout = "NHWC" if last else "NCHW"
        many = 3 if channels is None else channels
        if many not in COLOURS:
            raise _no_picture(hint, where)
        return Wanted(layout, many, sides[0], sides[1], spec.dtype)
    if len(rest) == 2 and shape[hint.sample_axis] not in (3, 4):  # (3, H, W) may be one picture
        return Wanted("NHW", 1, fixed[0], fixed[1], spec.dtype)
    if len(rest) == 1 and fixed[0] is not None and spec.dtype not in _IDS:
        for channels in (1, 3):
            side = isqrt(fixed[0] // channels)
            if channels * side * side == fixed[0] and side > 1:
                return Wanted("ND", channels, side, side, spec.dtype)
    raise _no_picture(hint, where)


def _channels_last(dims: list[int | str | None]) -> bool:
    """Whether three dimensions are (H, W, C): by a number of channels, else by names."""
    first, _, last = dims
    if first in COLOURS:
        return last in (3, 4) and first == 1  # (1, W, 3): one line of colours
    if last in COLOURS:
        return True
    if isinstance(first, int) or isinstance(last, int):
        return isinstance(first, int)  # a side, so that the open one counts channels
    return isinstance(last, str) and _NAMED_CHANNELS.search(last) is not None


def _no_picture(hint: InputHint, where: str) -> DataError:
    return DataError(
        f"{where}: found pictures, but input '{hint.spec.name}' is {shown(hint.spec)}, which takes"
        " none: wanted is a batch of 1, 3 or 4 channels, first or last; prepare arrays and give"
        f" them: --data {hint.spec.name}=FILE.npy"
    )

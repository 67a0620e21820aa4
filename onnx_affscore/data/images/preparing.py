"""Pictures become rows of a model: the geometry and the numbers of a preset, in its layout."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np

from onnx_affscore.data.images.decoding import read_picture
from onnx_affscore.data.images.geometry import Geometry, Size
from onnx_affscore.data.images.presets import Preset
from onnx_affscore.data.images.wanted import COLOURS, Wanted
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Preparation", "preparation"]

CROPPED_FROM = 128
"""Below this side a preset's margin is not cut away: it is meant for photographs."""


@final
@dataclass(frozen=True, slots=True)
class Preparation:
    """A preset made out for one input: calling it with a picture gives a row."""

    wanted: Wanted
    preset: Preset
    geometry: Geometry
    order: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a row, without the axis of samples."""
        high, wide = self.geometry.crop
        return self.wanted.laid_out(np.empty((high, wide, self.wanted.channels), np.uint8)).shape

    @property
    def dtype(self) -> type[np.generic]:
        """Of a row: pixels stay bytes where nothing is done to them."""
        return np.uint8 if _untouched(self.preset) else np.float32

    def of_file(self, file: Path | bytes, where: str | None = None) -> Array:
        """The row of a file or of its bytes; DataError, with its name, where it is no picture.

        ``where`` is what it is called, None for its path.
        """
        picture = read_picture(file, self.wanted.channels, where=where)
        try:
            return self(picture)
        except DataError as exc:
            raise DataError(f"{where or file!s}: {exc}") from exc

    def __call__(self, picture: "Image.Image") -> Array:
        """The row of a picture that has as many channels as the model wants."""
        pixels = np.atleast_3d(np.asarray(self.geometry(picture)))
        if not _untouched(self.preset):
            pixels = pixels.astype(np.float32) / np.float32(self.preset.divisor)
            if self.preset.mean:
                pixels -= np.asarray(self.preset.mean, np.float32)
            if self.preset.std:
                pixels /= np.asarray(self.preset.std, np.float32)
        if self.order == "bgr":
            pixels = np.concatenate([pixels[..., 2::-1], pixels[..., 3:]], axis=2)
        return self.wanted.laid_out(pixels)

    def __str__(self) -> str:
        colours = COLOURS[self.wanted.channels]
        parts = [colours.replace("RGB", "BGR") if self.order == "bgr" else colours]
        parts.append(str(self.geometry))
        if _untouched(self.preset):
            parts.append("0 to 255")
        else:
            parts.append(f"/{self.preset.divisor:.6g}")
        parts += [
            f"{name} {' '.join(f'{v:.4g}' for v in values)}"
            for name, values in (("mean", self.preset.mean), ("std", self.preset.std))
            if values
        ]
        return ", ".join([*parts, f"{self.wanted.dtype} {self.wanted.layout}"])


def preparation(
    preset: Preset,
    wanted: Wanted,
    *,
    size: Size | None = None,
    otherwise: Size = (224, 224),
    order: str = "rgb",
) -> Preparation:
    """Make a preset out for an input.

    ``size`` is what the user said of that of the pictures. Where neither model nor preset nor user
    say it, it is ``otherwise``.

    Raises
    ------
    DataError
        Preset, input and size contradict one another.
    """
    colours = preset.colours
    if colours not in (None, wanted.channels):
        raise DataError(
            f"the preset normalises {colours} channels, but the model takes {wanted.channels}"
            f" ({COLOURS[wanted.channels]}); give another one, such as --preset unit"
        )
    if order == "bgr" and wanted.channels == 1:
        raise DataError("found --channels bgr for a model that takes one channel; leave it out")
    if wanted.whole and not _untouched(preset):
        raise DataError(
            f"the preset makes fractions, but the model takes {wanted.dtype}: give --preset raw"
        )
    if wanted.whole and not np.can_cast(np.uint8, wanted.dtype):
        raise DataError(
            f"the model takes {wanted.dtype}, which does not hold 0 to 255; prepare arrays: .npy"
        )
    crop = _settled(wanted, preset, size, otherwise)
    return Preparation(wanted, preset, _geometry(preset, crop), order)


def _untouched(preset: Preset) -> bool:
    return preset.divisor == 1 and not preset.mean and not preset.std


def _settled(wanted: Wanted, preset: Preset, size: Size | None, otherwise: Size) -> Size:
    """The size of the pictures, on which model, preset and user must agree."""
    made = preset.size if preset.resized is not None else None
    sides: list[int | None] = []
    for axis, fixed in enumerate((wanted.height, wanted.width)):
        named = {
            "the model takes": fixed,
            "the preset makes": made[axis] if made else None,
            "--image-size is": size[axis] if size else None,
        }
        said = {who: side for who, side in named.items() if side is not None}
        if len(set(said.values())) > 1:
            both = ", ".join(f"{who} {side}" for who, side in said.items())
            name = ("height", "width")[axis]
            raise DataError(f"sizes contradict one another in {name}: {both}; leave one out")
        sides.append(next(iter(said.values()), None))
    high, wide = sides
    default = preset.size or otherwise
    return high or wide or default[0], wide or high or default[1]


def _geometry(preset: Preset, crop: Size) -> Geometry:
    if preset.resized is not None:
        resized = preset.resized
    else:
        ratio = preset.ratio if min(crop) >= CROPPED_FROM else 1.0
        resized = round(crop[0] / ratio), round(crop[1] / ratio)
    return Geometry(
        fit=preset.fit,
        resample=preset.resample,
        resized=resized,
        crop=crop,
        floors=preset.floors,
    )

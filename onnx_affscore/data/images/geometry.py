"""From pictures of any size to one size: resized, then cropped in the middle."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, final

from onnx_affscore.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["FITS", "RESAMPLES", "Geometry", "Size", "shown_size"]

Size: TypeAlias = tuple[int, int]
"""Height and width."""

FITS: Final = ("cover", "stretch", "as-is")
"""Resized, with its proportions kept, until it covers a size; to that very size; not at all."""

RESAMPLES: Final = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")
"""Pillow's filters, each at the place of its number there."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Resize a picture to ``resized`` by one of :data:`FITS`, then cut the middle ``crop`` out.

    Where half a pixel would be left over, torchvision rounds and Hugging Face (``floors``) cuts.
    """

    fit: str
    resample: str
    resized: Size
    crop: Size
    floors: bool = False

    def __call__(self, picture: "Image.Image") -> "Image.Image":
        """Return the picture in the size of ``crop``; where it is smaller, with black around it.

        Raises
        ------
        DataError
            It is not to be resized and has another size.
        """
        from PIL import Image

        wide, high = picture.size
        if self.fit == "as-is":
            if (high, wide) != self.crop:
                raise DataError(
                    f"found {high}x{wide} pixels, wanted {shown_size(self.crop)}: the preset"
                    " resizes nothing"
                )
            return picture
        size = self.resized if self.fit == "stretch" else self._covering(high, wide)
        if size != (high, wide):
            resample = Image.Resampling(RESAMPLES.index(self.resample))
            picture = picture.resize((size[1], size[0]), resample)
        if size == self.crop:
            return picture
        top, left = (self._half(have - want) for have, want in zip(size, self.crop, strict=True))
        return picture.crop((left, top, left + self.crop[1], top + self.crop[0]))

    def _half(self, pixels: int) -> int:
        return pixels // 2 if self.floors else round(pixels / 2)

    def _covering(self, high: int, wide: int) -> Size:
        """The smallest size of these proportions that covers ``resized``, rounded down."""
        tall, broad = self.resized
        if wide * tall >= high * broad:
            return tall, max(broad, int(tall * wide / high))
        return max(tall, int(broad * high / wide)), broad

    def __str__(self) -> str:
        if self.fit == "as-is":
            return "not resized"
        if self.fit == "stretch":
            text = f"stretched to {shown_size(self.resized)}"
        elif self.resized[0] == self.resized[1]:
            text = f"shorter side to {self.resized[0]}"
        else:
            text = f"resized to cover {shown_size(self.resized)}"
        text += f" ({self.resample})"
        same = self.fit == "stretch" and self.resized == self.crop
        return text if same else f"{text}, centre crop {shown_size(self.crop)}"


def shown_size(size: Size) -> str:
    """Height and width as ``--image-size`` takes them."""
    return f"{size[0]}x{size[1]}"

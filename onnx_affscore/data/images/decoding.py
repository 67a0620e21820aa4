"""Picture files as 8-bit pictures of so many channels, by Pillow; damaged ones are refused."""

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from onnx_affscore.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MODES", "as_picture", "needs_pillow", "read_picture"]

MODES: Final = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's word for so many channels."""

_SIXTEEN_BIT: Final = 257
"""65535 / 255: the full scale of 16 bits over that of 8."""


def needs_pillow() -> None:
    """Raise MissingExtraError where Pillow is not installed."""
    try:
        import PIL.Image  # noqa: F401
    except ImportError as exc:
        raise MissingExtraError("Pillow", extra="images", purpose="reading images") from exc


def read_picture(file: Path | bytes, channels: int, *, where: str | None = None) -> "Image.Image":
    """The first frame of a file, upright as its EXIF data say, with 8 bits a channel.

    ``file`` may be its bytes; errors call it ``where``, or by its path.

    Grey becomes colour by repetition and colour grey by its luma (ITU-R 601); transparency is
    dropped where the model takes none, as is done in training.

    Raises
    ------
    DataError
        It is no picture, is cut short, has more pixels than Pillow takes for harmless, or has
        numbers that are no brightness.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = where or str(file)
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with _quiet(), Image.open(stream) as opened:
            ImageOps.exif_transpose(opened, in_place=True)
            return _converted(opened, MODES[channels])
    except DataError as exc:
        raise DataError(f"{path}: {exc}") from exc
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise DataError(f"{path}: found a picture that may be a bomb ({exc}); scale it") from exc
    except UnidentifiedImageError as exc:
        raise DataError(f"{path}: found no picture that Pillow knows") from exc
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error) as exc:
        raise DataError(f"{path}: found a picture that cannot be read ({exc})") from exc


@contextmanager
def _quiet() -> Iterator[None]:
    """Make an error of Pillow's warning of a bomb; its remarks on damaged tags change no pixel."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def as_picture(
    pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", channels: int
) -> "Image.Image":
    """Pixels (height, width) or (height, width, 3) as a picture of so many channels."""
    from PIL import Image

    return Image.fromarray(pixels).convert(MODES[channels])


def _converted(picture: "Image.Image", mode: str) -> "Image.Image":
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits; Pillow's own conversion would cut them at 255
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise DataError(
                f"found whole numbers from {values.min()} to {values.max()}, no 16 bits"
            )
        grey = (values + _SIXTEEN_BIT // 2) // _SIXTEEN_BIT
        return Image.fromarray(grey.astype(np.uint8)).convert(mode)
    if picture.mode == "F":
        raise DataError("found floats, whose range is not known; give them as .npy")
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")
    return picture.convert(mode)

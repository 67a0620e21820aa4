"""The table of presets: how pictures become the numbers that networks were trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from onnx_affscore.data.images.geometry import Size
from onnx_affscore.errors import DataError, OptionError

__all__ = ["PRESETS", "Preset", "find_preset"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Pixels become ``(pixel / divisor - mean) / std``, by channel; no mean and no std: 0 and 1.

    ``fit`` is a way of :mod:`onnx_affscore.data.images.geometry`. ``ratio`` is the side that is
    cropped over the side that a picture is resized to. ``size`` is that of the pictures where the
    model leaves it open; None: that of the pictures, or 224. ``resized`` is what they are resized
    to where a file says so: then ``size`` is no default, but what the file makes. ``floors`` as of
    :class:`~onnx_affscore.data.images.geometry.Geometry`.
    """

    help: str
    divisor: float = 255.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fit: str = "cover"
    resample: str = "bilinear"
    ratio: float = 1.0
    size: Size | None = None
    resized: Size | None = None
    floors: bool = False

    @property
    def colours(self) -> int | None:
        """The number of channels that mean and deviation are of, None for any."""
        many = {len(values) for values in (self.mean, self.std)} - {0, 1}
        return max(many) if many else None


PRESETS: Final[Mapping[str, Preset]] = {
    "imagenet": Preset(
        help="torchvision's: shorter side to 256, crop 224, ImageNet's mean and deviation",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        ratio=0.875,
        size=(224, 224),
    ),
    "inception": Preset(
        help="-1 to 1, crop 299 of 342, bicubic",
        mean=(0.5,),
        std=(0.5,),
        resample="bicubic",
        ratio=0.875,
        size=(299, 299),
    ),
    "clip": Preset(
        help="CLIP's mean and deviation, crop 224 of 224, bicubic",
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        resample="bicubic",
        size=(224, 224),
    ),
    "mnist": Preset(
        help="the mean .1307 and deviation .3081 of MNIST's grey values from 0 to 1",
        mean=(0.1307,),
        std=(0.3081,),
    ),
    "unit": Preset(help="0 to 1"),
    "raw": Preset(help="0 to 255, as the pixels are", divisor=1.0),
}
"""One row for each preset; ``--preset`` takes its name, or a file of Hugging Face."""


def find_preset(text: str) -> Preset:
    """The preset of that name, or of that preprocessor_config.json.

    Raises
    ------
    OptionError
        It is neither.
    DataError
        The file cannot be read, or asks for what is not known here.
    """
    if text in PRESETS:
        return PRESETS[text]
    path = Path(text)
    if not path.is_file():
        raise OptionError(
            f"--preset {text}: found neither a preset nor a file; give one of"
            f" {', '.join(PRESETS)}, or a preprocessor_config.json"
        )
    from onnx_affscore.data.images.preprocessor import read_preprocessor

    try:
        return read_preprocessor(path)
    except DataError as exc:
        raise DataError(f"--preset {text}: {exc}") from exc

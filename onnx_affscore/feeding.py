"""What the user says of the data besides where they are: labels, and what to do with bad rows."""

import re
from dataclasses import dataclass, fields
from typing import Any, Final, final

from onnx_affscore.errors import OptionError

__all__ = ["CHANNELS", "ON_ERROR", "TEXT_UNITS", "Feeding"]

ON_ERROR: Final = ("stop", "skip")
"""What becomes of a run at a row that cannot be read: it ends, or it goes on without the row."""

TEXT_UNITS: Final = ("line", "paragraph")
"""What of a text file is one sample."""

CHANNELS: Final = ("rgb", "bgr")
"""The order of colours that a model was trained on; bgr is that of OpenCV and Caffe."""

_SIZE: Final = re.compile(r"[1-9]\d*(x[1-9]\d*)?")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Feeding:
    """How files become the rows that a model is fed, where neither of them says.

    ``label`` names what holds the class of each row (an array of an archive, a column of a table);
    ``stratify`` draws samples so that classes keep their shares. ``on_error`` is one of
    :data:`ON_ERROR`. ``columns`` names the columns of a table that are fed, by names, numbers and
    ranges of numbers. Of files in folders, the first group of the regular expression
    ``label_pattern``, found in the path, is the class. Of sound, ``sample_rate`` is how many
    moments a second has, and ``window`` how many a row has.

    Of text: ``tokenizer`` is the file or folder of the tokenizer, ``max_length`` the most tokens of
    a sample. ``text_unit`` is one of :data:`TEXT_UNITS`; of JSON lines, ``text_field`` holds the
    text, ``pair_field`` the second text of a pair, ``target_field`` what a decoder is to
    say. ``encoder`` is the file of the encoder whose states a decoder takes.

    Of images: ``preset`` is how pixels become numbers, a name or a file
    (:mod:`onnx_affscore.data.images.presets`); ``image_size`` the size where the model leaves it
    open, ``224`` or ``240x320``, height first; ``channels`` one of :data:`CHANNELS`.
    """

    label: str | None = None
    stratify: bool = False
    on_error: str = "stop"
    columns: str | None = None
    label_pattern: str | None = None
    sample_rate: int | None = None
    window: int | None = None
    tokenizer: str | None = None
    text_unit: str = "line"
    text_field: str = "text"
    pair_field: str | None = None
    target_field: str | None = None
    max_length: int | None = None
    encoder: str | None = None
    preset: str | None = None
    image_size: str | None = None
    channels: str = "rgb"

    @classmethod
    def taken(cls, options: dict[str, Any]) -> "Feeding":
        """Take what is said of the data out of ``options``, which keep the rest."""
        own = [f.name for f in fields(cls) if f.name in options]
        return cls(**{name: options.pop(name) for name in own})

    def __post_init__(self) -> None:
        """Refuse values that no option takes."""
        if self.on_error not in ON_ERROR:
            raise OptionError(f"no on_error {self.on_error!r}; wanted one of {', '.join(ON_ERROR)}")
        if self.text_unit not in TEXT_UNITS:
            raise OptionError(
                f"no text_unit {self.text_unit!r}; wanted one of {', '.join(TEXT_UNITS)}"
            )
        for name in ("max_length", "sample_rate", "window"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}; wanted at least 1")
        _check_pattern(self.label_pattern)
        if self.channels not in CHANNELS:
            raise OptionError(f"no channels {self.channels!r}; wanted one of {', '.join(CHANNELS)}")
        if self.image_size is not None and _SIZE.fullmatch(self.image_size) is None:
            raise OptionError(
                f"found the image size {self.image_size!r}; give a number of pixels or"
                " HEIGHTxWIDTH, such as 224 or 240x320"
            )


def _check_pattern(pattern: str | None) -> None:
    try:
        groups = 1 if pattern is None else re.compile(pattern).groups
    except re.error as exc:
        raise OptionError(f"label_pattern {pattern!r} is no regular expression: {exc}") from exc
    if not groups:
        raise OptionError(
            f"label_pattern {pattern!r} has no group; put the class in brackets: ^(\\d+)_"
        )

"""Numbers of bytes as people write them: ``500MB``, ``2GiB``."""

import re
from typing import Final

from onnx_affscore.errors import OptionError

__all__ = ["in_bytes", "in_words"]

_UNITS: Final = {
    "": 1,
    **{f"{p}b": 1000**i for i, p in enumerate(["", "k", "m", "g", "t"])},
    **{f"{p}ib": 1024**i for i, p in enumerate(["", "k", "m", "g", "t"]) if p},
}
_BEYOND: Final = 2**63  # what no system counts bytes to
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def in_bytes(text: str) -> int:
    """Return the bytes that ``500MB``, ``2GiB`` or ``1.5 gb`` says; a bare number counts bytes.

    MB are 1000 x 1000 bytes, MiB 1024 x 1024. Raises :class:`OptionError` for anything else.

    Examples
    --------
    >>> in_bytes("500MB"), in_bytes("0.5 KiB")
    (500000000, 512)
    """
    match = _SIZE.fullmatch(text)
    unit = None if match is None else _UNITS.get(match[2].lower())
    size = 0.0 if match is None or unit is None else float(match[1]) * unit
    if not 1 <= size < _BEYOND:
        raise OptionError(
            f"{text!r} is no amount of memory; wanted a positive number and a unit,"
            " such as 500MB or 2GiB"
        )
    return int(size)


def in_words(size: float) -> str:
    """Return bytes to three digits: ``33.6 MB``.

    Examples
    --------
    >>> in_words(33_554_432), in_words(999)
    ('33.6 MB', '999 B')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"

"""What packed files may unpack to: the one rule by which a decompression bomb is told."""

from typing import Final

from onnx_affscore.errors import DataError

__all__ = ["GUNZIP", "MOST", "PIECE", "refuse_bomb"]

_SUSPECT: Final = 1 << 28
"""Up to so many bytes, 256 MiB, nothing is taken for a bomb."""
_RATIO: Final = 200
"""So many bytes may one packed byte stand for."""
MOST: Final = 1032
"""So many can it stand for at most: deflate spends two bits on a repetition of 258 bytes."""
PIECE: Final = 1 << 22
"""Bytes to unpack between two looks at the rule."""
GUNZIP: Final = "unpack it with gunzip and give what comes out"
"""The cure for data that are no bomb, in a file packed by gzip."""


def refuse_bomb(size: int, *, packed: int, where: str, cure: str) -> None:
    """Refuse ``packed`` bytes that hold ``size`` bytes, or that many so far.

    Raises
    ------
    DataError
        No data but the emptiest are packed like this.
    """
    if size > _SUSPECT and size > _RATIO * packed:
        raise DataError(
            f"{where}: found {packed} bytes that unpack to {size} or more, as a decompression bomb"
            f" does; if it is none {cure}"
        )

"""Text files as UTF-8, also where they are packed by gzip or in UTF-16 with a byte order mark."""

import codecs
import gzip
import tempfile
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from onnx_affscore.data.unpacking import GUNZIP, PIECE, refuse_bomb
from onnx_affscore.errors import DataError

__all__ = ["plain_text"]

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def plain_text(path: Path) -> IO[bytes]:
    """The file itself, or a temporary one of what it holds as UTF-8 that is not packed.

    Raises
    ------
    DataError
        The file cannot be read, or is a decompression bomb.
    """
    packed = path.suffix.lower() == ".gz"
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            wide = file.read(2) in _UTF16
            if not packed and not wide:
                return path.open("rb")
            file.seek(0)
            text = codecs.EncodedFile(file, "utf-8", "utf-16") if wide else file
            with ExitStack() as failing:
                plain = failing.enter_context(tempfile.TemporaryFile())
                size = path.stat().st_size
                while piece := text.read(PIECE):
                    if packed:
                        refuse_bomb(file.tell(), packed=size, where=str(path), cure=GUNZIP)
                    plain.write(piece)
                plain.seek(0)
                failing.pop_all()
            return plain
    except FileNotFoundError as exc:
        raise DataError(f"{path}: found no such file; check the path") from exc
    except DataError:  # a ValueError that says it already
        raise
    except (OSError, EOFError, ValueError, zlib.error) as exc:
        raise DataError(f"{path}: cannot be read ({exc}); save it again as UTF-8") from exc

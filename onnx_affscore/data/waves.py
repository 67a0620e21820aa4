"""One WAV file: what its header says, and its sound as one channel of numbers in [-1, 1]."""

import struct
import warnings
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, gcd
from pathlib import Path

import numpy as np

from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

__all__ = ["Wave", "header_of", "sound_of"]

# WAVE_FORMAT_PCM, _IEEE_FLOAT and _EXTENSIBLE; what else there is, is compressed.
_FORMATS = {1: "PCM", 3: "float", 0xFFFE: "extensible"}
# Values of integer samples: (those of silence, those of full scale). SciPy shifts 24 bits into 32.
_SCALES = {"uint8": (128, 2.0**7), "int16": (0, 2.0**15), "int32": (0, 2.0**31)}


@dataclass(frozen=True, slots=True)
class Wave:
    """What a header says: samples a second, channels, and moments that are sampled."""

    rate: int
    channels: int
    frames: int

    def length(self, rate: int) -> int:
        """The number of moments once resampled."""
        common = gcd(rate, self.rate)
        return ceil(self.frames * (rate // common) / (self.rate // common))


def header_of(path: Path) -> Wave:
    """Read the header alone; DataError where the file is none of a kind that can be read."""
    try:
        with path.open("rb") as file:
            magic, _size, form = struct.unpack("<4sI4s", file.read(12))
            if (magic, form) != (b"RIFF", b"WAVE"):
                raise DataError(f"{path}: found no WAV file; convert it to one")
            layout: tuple[int, ...] | None = None
            while True:
                name, size = struct.unpack("<4sI", file.read(8))
                if name == b"fmt ":
                    content = file.read(size + size % 2)
                    layout = struct.unpack("<HHIIHH", content[:16])
                elif name == b"data":
                    break
                else:
                    file.seek(size + size % 2, 1)
            start = file.tell()
            left = path.stat().st_size - start
    except struct.error as exc:
        raise DataError(f"{path}: the WAV file ends too soon, or is damaged") from exc
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({exc.strerror})") from exc
    if layout is None or 0 in layout[1:3] or layout[4] == 0:
        raise DataError(f"{path}: the WAV file does not say how its sound is stored")
    kind, channels, rate, _bytes, block, bits = layout
    if kind not in _FORMATS or bits not in (8, 16, 24, 32, 64):
        raise DataError(
            f"{path}: found sound of the format {kind:#06x} with {bits} bits; convert it to PCM of"
            " 8, 16, 24 or 32 bits or to float"
        )
    if size > left:
        raise DataError(
            f"{path}: the WAV file is cut off: {left} of {size} bytes of sound are there"
        )
    return Wave(rate, channels, size // block)


@lru_cache(maxsize=2)  # the windows of a sound are read one after another
def sound_of(path: Path, rate: int) -> Array:
    """Read a file as float32 in [-1, 1]: the mean of its channels, ``rate`` samples a second.

    Integers are divided by their full scale. Another rate is reached by a polyphase filter
    (:func:`scipy.signal.resample_poly`). The array is read-only.
    """
    from scipy.io import wavfile
    from scipy.signal import resample_poly

    wave = header_of(path)
    try:
        with warnings.catch_warnings():
            # Chunks of names and pictures, which SciPy passes over.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            _rate, found = wavfile.read(path)
    except (ValueError, OSError, struct.error) as exc:
        raise DataError(f"{path}: cannot be read as WAV ({exc})") from exc
    if len(found) != wave.frames:
        raise DataError(f"{path}: found {len(found)} moments of sound, not {wave.frames}")
    if found.dtype.kind == "f":
        sound = found.astype(np.float64)
    elif found.dtype.name in _SCALES:
        silence, full = _SCALES[found.dtype.name]
        sound = (found.astype(np.float64) - silence) / full
    else:
        raise DataError(f"{path}: found sound of {found.dtype}; convert it to PCM of 16 bits")
    if not np.isfinite(sound).all():
        raise DataError(f"{path}: found values that are not finite; convert the file again")
    mono = sound if sound.ndim == 1 else sound.mean(1)
    if wave.rate != rate:
        common = gcd(rate, wave.rate)
        mono = resample_poly(mono, rate // common, wave.rate // common)
    result: Array = mono.astype(np.float32)
    result.flags.writeable = False
    return result

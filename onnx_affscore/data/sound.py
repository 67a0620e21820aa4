"""Sound files as rows: cut or padded to the model's length, or in windows for streaming models."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import element_type, kind_of
from onnx_affscore.data.fit import required, shown
from onnx_affscore.data.folders import file_labels, files_in, holds
from onnx_affscore.data.items import fit_items
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.data.waves import header_of, sound_of
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, InputHint, Labels

__all__ = ["is_sound", "open_sound"]

_SUFFIXES = (".wav", ".wave")
# What speech models take, unless one says otherwise.
_RATE = 16000
# Seconds of a row of streaming models that leave it open. Silero VAD, which is known by its state
# and its rate, takes 32 ms and the 4 ms before them, without which it hears nothing.
_WINDOW, _SILERO_WINDOW = 0.032, 0.036
_SILERO_STATE = (2, 128)
# An input of less moments takes features of a sound.
_LEAST = 64
# The longest row, in seconds, where nothing says how long one is.
_LONGEST = 10
_RATE_INPUT = re.compile(r"(sr|sampl(e|ing)_?rate)", re.IGNORECASE)


def is_sound(text: str) -> bool:
    """Whether a path is a WAV file by its name, or a folder with such files at any depth."""
    path = Path(text)
    return path.suffix.lower() in _SUFFIXES or (path.is_dir() and holds(path, _SUFFIXES))


def open_sound(request: Request) -> Table:
    """WAV files, each a row, or for a streaming model as many rows as it has whole windows.

    A model streams where it wants a state besides the sound; every row gets one of zeros.

    Raises
    ------
    DataError
        No input takes sound as it is.
    """
    path = Path(request.text)
    if not path.exists():
        raise DataError(f"{path}: found no such file; check the path")
    files = files_in(path, _SUFFIXES) if path.is_dir() else [path.name]
    folder = path if path.is_dir() else path.parent
    hints = required(request.hints)
    hint = _waveform(hints, request.text)
    rate = request.feeding.sample_rate or _RATE
    others = [h for h in hints if h is not hint]
    states = [h for h in others if _is_state(h)]
    rates = [h for h in others if h not in states and _RATE_INPUT.fullmatch(h.spec.name)]
    frame = None if not states else _SILERO_WINDOW if rates and _silero(states) else _WINDOW
    length, said = _length(hint, request, frame=frame, rate=rate)
    paths = [folder / name for name in files]
    rows = _rows(paths, rate=rate, length=length, windows=bool(states))
    if length is None:
        length, said = _longest(rows, rate)
        rows = [replace(row, length=length) for row in rows]
    column = fit_items(
        lambda i: rows[i].read(rate).reshape(_shape(hint, length)),
        hint,
        count=len(rows),
        shape=_shape(hint, length),
        dtype=np.float32,
        where=request.text,
    )
    columns = {hint.spec.name: column, **{h.spec.name: _same(h, 0) for h in states}}
    columns |= {h.spec.name: _same(h, rate) for h in rates}
    labels = file_labels(files, pattern=request.feeding.label_pattern, where=request.text)
    notes = _notes(rows, files, rate=rate, said=said, given=request.feeding.sample_rate)
    fed = [f"{request.text}: zeros for the state '{h.spec.name}' of every row" for h in states]
    fed += [f"{request.text}: {rate} for '{h.spec.name}'" for h in rates]
    return Table(
        columns,
        (*(f"{request.text}: {note}" for note in notes), *fed),
        None if labels is None else _of_rows(labels, rows),
        heeded=frozenset({"label_pattern", "sample_rate", "window"}),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """``length`` moments of one file from ``start`` on; ``whole`` is how many the file has."""

    path: Path
    file: int
    start: int
    whole: int
    length: int | None

    def read(self, rate: int) -> Array:
        length = self.length or 0
        found = sound_of(self.path, rate)[self.start : self.start + length]
        return np.pad(found, (0, length - len(found)))


def _rows(paths: Sequence[Path], *, rate: int, length: int | None, windows: bool) -> list[_Row]:
    """The rows of every file; one that cannot be read is one row, which is told when it is read."""
    rows = []
    for number, path in enumerate(paths):
        try:
            whole = header_of(path).length(rate)
        except DataError:
            whole = 0
        count = max(whole // length, 1) if windows and length else 1
        rows += [_Row(path, number, i * (length or 0), whole, length) for i in range(count)]
    return rows


def _waveform(hints: Sequence[InputHint], where: str) -> InputHint:
    """The one input that takes a sound as it is: (n, t), (n, 1, t) or (n, t, 1)."""
    suits = [h for h in hints if _time_axis(h) is not None and not _is_state(h)]
    if len(suits) == 1:
        return suits[0]
    named = [h for h in suits if re.search(r"audio|wav|input|signal|speech|pcm", h.spec.name)]
    if len(named) == 1:
        return named[0]
    wanted = ", ".join(f"'{h.spec.name}' ({shown(h.spec)})" for h in hints)
    if suits:
        raise DataError(
            f"{where}: found sound, which {len(suits)} of the model's inputs could take ({wanted});"
            f" say which one: --data {suits[0].spec.name}={where}"
        )
    raise DataError(
        f"{where}: found sound, but no input of the model takes it as it is, (n, t), (n, 1, t) or"
        f" (n, t, 1): {wanted}; make its features in a function: --data features.py:feeds"
    )


def _time_axis(hint: InputHint) -> int | None:
    """Which axis of a row counts moments, None where the input takes no sound as it is."""
    shape = hint.spec.shape
    if hint.sample_axis != 0 or shape is None or kind_of(element_type(hint.spec)) != "float":
        return None
    row = shape[1:]
    axes = [axis for axis, size in enumerate(row) if size != 1]
    if len(row) not in (1, 2) or len(axes) != 1:
        return None
    size = row[axes[0]]
    return None if isinstance(size, int) and size < _LEAST else axes[0]


def _is_state(hint: InputHint) -> bool:
    """A float input that counts samples behind another axis, or is called like a state."""
    if kind_of(element_type(hint.spec)) != "float" or hint.sample_axis is None:
        return False
    named = re.search(r"state|cache|hidden|context|memory|^[hc]\d*$", hint.spec.name.lower())
    return hint.sample_axis > 0 or named is not None


def _silero(states: Sequence[InputHint]) -> bool:
    shapes = [h.spec.shape or () for h in states]
    return [(s[0], s[-1]) for s in shapes if len(s) == 3] == [_SILERO_STATE]


def _length(
    hint: InputHint, request: Request, *, frame: float | None, rate: int
) -> tuple[int | None, str]:
    """Moments of a row and who says so; None where a row is as long as its sound.

    ``frame`` is what a streaming model takes if it does not say, in seconds.
    """
    axis = _time_axis(hint)
    size = None if axis is None or hint.spec.shape is None else hint.spec.shape[axis + 1]
    window = request.feeding.window
    if isinstance(size, int):
        if window not in (None, size):
            raise DataError(
                f"--window {window}: input '{hint.spec.name}' wants {size} moments; leave it out"
            )
        return size, "as the model wants"
    if window is not None:
        return window, "as --window says"
    if frame is not None:
        return round(frame * rate), "since the model does not say; --window N sets another"
    return None, ""


def _longest(rows: Sequence[_Row], rate: int) -> tuple[int, str]:
    longest = max(row.whole for row in rows)
    if longest > _LONGEST * rate:
        return _LONGEST * rate, f"{_LONGEST} s, since the model does not say; --window N sets it"
    return max(longest, _LEAST), "as the longest file; --window N sets another length"


def _shape(hint: InputHint, length: int) -> tuple[int, ...]:
    axis, rank = _time_axis(hint), len(hint.spec.shape or ()) - 1
    return tuple(length if a == axis else 1 for a in range(rank))


def _same(hint: InputHint, value: int) -> Column:
    """An input that has one value in every row, such as a state of zeros."""
    axis = hint.sample_axis
    shape = [1 if a == axis else size for a, size in enumerate(hint.spec.shape or ())]
    sizes = tuple(size for size in shape if isinstance(size, int))
    if len(sizes) < len(shape) or hint.spec.shape is None:
        raise DataError(
            f"found no size for input '{hint.spec.name}' ({shown(hint.spec)}); give it: --data"
            f" {hint.spec.name}=FILE.npy"
        )
    dtype = element_type(hint.spec)

    def read(rows: Rows) -> Array:
        whole = sizes if axis is None else (*sizes[:axis], len(rows), *sizes[axis + 1 :])
        return np.full(whole, value, dtype)

    return Column(sizes, None, read)


def _of_rows(labels: Labels, rows: Sequence[_Row]) -> Labels:
    return Labels(labels.names, labels.codes[[row.file for row in rows]])


def _notes(
    rows: Sequence[_Row], files: Sequence[str], *, rate: int, said: str, given: int | None
) -> list[str]:
    length = rows[0].length or 0
    source = "as --sample-rate says" if given else "since nothing says another; --sample-rate does"
    windows = len(rows) > len(files)
    cut = sum(row.whole > length for row in rows) if not windows else 0
    padded = sum(0 < row.whole < length for row in rows)
    what = f"{len(files)} {'file' if len(files) == 1 else 'files'}"
    what = f"{len(rows)} windows of {what}" if windows else what
    notes = [f"{what}, {rate} moments a second, {source}"]
    return [
        *notes,
        f"rows of {length} moments ({length / rate:.3g} s), {said}"
        + (f"; {cut} cut off" if cut else "")
        + (f"; {padded} filled up with silence" if padded else ""),
    ]

"""Where the rows of a text table begin, so that any of them can be read without those before."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np

from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.file_bytes import FileBytes, runs
from onnx_affscore.data.plain_text import plain_text
from onnx_affscore.errors import DataError

__all__ = ["Lines"]

_QUOTE, _RETURN = ord('"'), ord("\r")
# Bytes looked at together: NumPy's intermediate arrays are eight times as large.
_STEP = 4 * 2**20


@final
@dataclass(frozen=True, slots=True)
class Lines:
    """The rows of a file: row ``i`` lies in ``content[starts[i]:starts[i + 1]]``, line by line.

    ``numbers[i]`` is the number of its first line, as editors count. Empty lines are no rows; a
    line break between quotes ends none.
    """

    content: FileBytes
    starts: Rows
    numbers: Rows

    @classmethod
    def of(cls, path: Path) -> "Lines":
        """Index a file.

        Raises
        ------
        DataError
            The file cannot be read, or holds nothing.
        """
        with plain_text(path) as file:
            content = FileBytes(file, path)
        if not content.size:
            raise DataError(f"{path}: found an empty file; give at least one row")
        return cls(content, *_rows(content, path))

    def __len__(self) -> int:
        return len(self.numbers)

    def texts(self, rows: Rows) -> list[str]:
        """The text of rows, without the line break; what is no UTF-8 has U+FFFD."""
        found: list[str] = []
        for first, last in runs(rows):
            found += self._run(first, last)
        return found

    def _run(self, first: int, last: int) -> Sequence[str]:
        """Rows ``first`` to ``last``, which lie side by side."""
        start, end = int(self.starts[first]), int(self.starts[last + 1])
        content = self.content.read(start, end)
        if b'"' not in content:
            texts = content.decode("utf-8", "replace").replace("\r\n", "\n").strip("\n").split("\n")
            if len(texts) == last + 1 - first:
                return texts
        bounds = (self.starts[first : last + 2] - start).tolist()
        return [content[a:b].decode("utf-8", "replace").strip("\r\n") for a, b in pairwise(bounds)]


def _rows(content: FileBytes, path: Path) -> tuple[Rows, Rows]:
    """Where rows start, the end of the file behind them, and the lines that they start in."""
    start = content.read(0, 4)
    begin = len(codecs.BOM_UTF8) if start[:3] == codecs.BOM_UTF8 else 0
    places = range(begin, content.size, _STEP)
    fed = any(b"\n" in content.read(at, at + _STEP) for at in places)
    newline = ord("\n") if fed else _RETURN
    starts, numbers = [np.array([begin])], [np.array([1])]
    firsts = [np.frombuffer(start[begin : begin + 1], np.uint8)]
    line, inside = 1, False
    for at in places:
        ahead = np.frombuffer(content.read(at, at + _STEP + 1), np.uint8)
        piece = ahead[:_STEP]
        breaks = np.flatnonzero(piece == newline)
        following = line + 1 + np.arange(len(breaks))
        line += len(breaks)
        quotes = np.flatnonzero(piece == _QUOTE)
        if len(quotes) or inside:
            before = np.searchsorted(quotes, breaks) + inside
            ends = before % 2 == 0
            breaks, following = breaks[ends], following[ends]
            inside = bool((len(quotes) + inside) % 2)
        starts.append(at + breaks + 1)
        firsts.append(ahead[np.minimum(breaks + 1, len(ahead) - 1)])
        numbers.append(following)
    if inside:
        raise DataError(
            f'{path}: a quotation mark (") is opened and never closed; close it, or double those'
            " that are part of the text"
        )
    begins = np.concatenate(starts)
    bounds = np.r_[begins, content.size]
    # The line break of a row is part of it; a row of that alone, or of "\r\n", is an empty line.
    sizes = np.diff(bounds)
    first = np.concatenate(firsts)
    full = (sizes > 1) | ((sizes == 1) & (first != newline))
    full &= ~((sizes == 2) & (first == _RETURN))
    kept = begins[full]
    return np.r_[kept, content.size].astype(np.int64), np.concatenate(numbers)[full].astype(
        np.int64
    )

"""A text file as numbered stretches, lines or paragraphs, of which only the places are held."""

from array import array
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from onnx_affscore.data.file_bytes import FileBytes
from onnx_affscore.data.plain_text import plain_text
from onnx_affscore.errors import DataError

__all__ = ["Stretches", "index_stretches"]


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of a file: offset, size, and the number of the first line of each.

    ``empty`` lines were left out. Lines end in ``end`` or ``\\n``.
    """

    path: Path
    content: FileBytes
    end: str
    starts: Sequence[int]
    sizes: Sequence[int]
    numbers: Sequence[int]
    empty: int

    def __len__(self) -> int:
        return len(self.starts)

    def place(self, index: int) -> str:
        """Where a stretch is, for people."""
        return f"{self.path}, line {self.numbers[index]}"

    def read(self, index: int) -> str:
        """The text of a stretch, its lines separated by ``\\n``; DataError where it is no UTF-8."""
        start = self.starts[index]
        content = self.content.read(start, start + self.sizes[index])
        try:
            return content.decode().replace(self.end, "\n").rstrip("\r\n")
        except UnicodeDecodeError as exc:
            raise DataError(
                f"{self.place(index)}: found bytes that are no UTF-8 ({exc.reason} at byte"
                f" {exc.start})"
            ) from exc


def index_stretches(path: Path, *, paragraphs: bool = False) -> Stretches:
    """Find the lines of a file that are not blank, or what stands between blank ones.

    Raises
    ------
    DataError
        The file cannot be read, or holds nothing.
    """
    starts, sizes, numbers = array("q"), array("q"), array("q")
    empty, open_ = 0, False
    with plain_text(path) as file:
        content = FileBytes(file, path)
        first = file.readline().removeprefix(BOM_UTF8)
        start = file.tell() - len(first)
        # Lines end in "\r" alone where no other end is in the whole file.
        fed = first.endswith(b"\n")
        lines = chain([first], file) if fed else first.splitlines(keepends=True)
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                empty, open_ = empty + 1, False
            elif paragraphs and open_:
                sizes[-1] = start + len(line) - starts[-1]
            else:
                starts.append(start)
                sizes.append(len(line))
                numbers.append(number)
                open_ = True
            start += len(line)
    if not starts:
        raise DataError(f"{path}: found no text; give a file with at least one line")
    end = "\r\n" if fed else "\r"
    return Stretches(path, content, end, starts, sizes, numbers, empty)

"""A text file as numbered stretches, lines or paragraphs, of which only the places are held."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnx_affscore.data.file_bytes import FileBytes
from onnx_affscore.errors import DataError

__all__ = ["Stretches", "index_stretches"]

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of a file: offset, size, and the number of the first line of each.

    ``empty`` lines were left out.
    """

    path: Path
    content: FileBytes
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
            return content.decode().replace("\r\n", "\n").rstrip("\r\n")
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
        The file cannot be read, is in UTF-16, or holds nothing.
    """
    starts, sizes, numbers = array("q"), array("q"), array("q")
    empty, open_ = 0, False
    try:
        content = FileBytes.of(path)
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
    for number, start, line in _lines(path):
        if not line.strip():
            empty, open_ = empty + 1, False
        elif paragraphs and open_:
            sizes[-1] = start + len(line) - starts[-1]
        else:
            starts.append(start)
            sizes.append(len(line))
            numbers.append(number)
            open_ = True
    if not starts:
        raise DataError(f"{path}: found no text; give a file with at least one line")
    return Stretches(path, content, starts, sizes, numbers, empty)


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Number, offset and content of each line, the mark of the encoding left out."""
    with path.open("rb") as file:
        at = 0
        for number, content in enumerate(file, start=1):
            line, skip = content, 0
            if number == 1:
                if line.startswith(_UTF16_MARKS):
                    raise DataError(f"{path}: found text in UTF-16; save it as UTF-8")
                skip = len(_UTF8_MARK) * line.startswith(_UTF8_MARK)
                line = line[skip:]
            yield number, at + skip, line
            at += len(content)

"""Untrusted text made safe to show: control characters as escapes, long names cut in the middle.

Names come from model files. Widths are counted in terminal cells: East Asian wide characters
take two, combining marks none.
"""

from collections.abc import Iterable, Iterator
from unicodedata import category, east_asian_width

__all__ = ["cells", "pad", "printable", "shorten", "spans", "wrap"]

_DOTS = "..."


def printable(text: str) -> str:
    r"""Replace every character that could steer a terminal or reorder a line by its escape.

    >>> printable("relu\x1b[31m\n")
    'relu\\x1b[31m\\n'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def cells(text: str) -> int:
    """Return how many terminal cells printable ``text`` takes."""
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1


def _head(characters: Iterable[str], width: int) -> str:
    taken: list[str] = []
    for character in characters:
        width -= _cell(character)
        if width < 0:
            break
        taken.append(character)
    return "".join(taken)


def shorten(text: str, width: int) -> str:
    """Cut the middle out of ``text`` so that it takes at most ``width`` cells.

    The end of a module path tells more than its beginning and gets the odd cell.

    >>> shorten("encoder.layers.11.mlp.act", 15)
    'encode...lp.act'
    """
    if cells(text) <= width:
        return text
    room = width - len(_DOTS)
    if room < 2:
        return _head(text, max(width, 0))
    tail = _head(reversed(text), room - room // 2)[::-1]
    return _head(text, room // 2) + _DOTS + tail


def pad(text: str, width: int) -> str:
    """Fill ``text`` with blanks on the right up to ``width`` cells."""
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> Iterator[str]:
    """Break ``text`` into lines of at most ``width`` cells, at blanks where there are any."""
    line = ""
    for word in text.split():
        rest = word
        joined = f"{line} {rest}" if line else rest
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            yield line
        while cells(rest) > width:
            part = _head(rest, width) or rest[0]
            yield part
            rest = rest[len(part) :]
        line = rest
    if line:
        yield line


def spans(numbers: Iterable[int]) -> str:
    """Write a set of numbers briefly.

    >>> spans([0, 1, 2, 5, 8, 9])
    '0-2, 5, 8, 9'
    """
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs
    )

"""Untrusted text made safe to show: control characters as escapes, long names cut in the middle.

Names come from model files. Widths are counted in terminal cells: East Asian wide characters
take two, combining marks none.
"""

from collections.abc import Iterable
from unicodedata import category, east_asian_width

__all__ = ["cells", "head", "printable", "shorten"]

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


def head(characters: Iterable[str], width: int) -> str:
    """Return the first characters that fit into ``width`` cells."""
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
        return head(text, max(width, 0))
    tail = head(reversed(text), room - room // 2)[::-1]
    return head(text, room // 2) + _DOTS + tail

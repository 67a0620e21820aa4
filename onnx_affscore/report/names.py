"""Names and numbers laid out for people: padded, wrapped, and written briefly."""

from collections.abc import Iterable, Iterator

from onnx_affscore.plain_text import cells, head, printable, shorten

__all__ = ["cells", "pad", "printable", "shorten", "spans", "wrap"]


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
            part = head(rest, width) or rest[0]
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

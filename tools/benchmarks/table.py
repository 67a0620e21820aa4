"""Rows as Markdown: the table of a benchmark, and its lines in the README's summary."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tools.benchmarks.rows import Row, Spread

__all__ = ["replace_block", "replace_lines", "summary", "table"]

_MIB = 2.0**20
_HEADER = ("case", "variant", "time", "x baseline", "baseline", "peak MiB", "x", "wanted", "note")


def table(rows: Sequence[Row]) -> str:
    """Return a Markdown table; columns that are empty throughout are left out."""
    lines = [_cells(row) for row in rows]
    kept = [i for i in range(len(_HEADER)) if any(line[i] for line in lines)]
    picked = [[line[i] for i in kept] for line in (_HEADER, *lines)]
    widths = [max(len(line[i]) for line in picked) for i in range(len(kept))]
    text = [_line(line, widths) for line in picked]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def summary(name: str, rows: Sequence[Row]) -> list[str]:
    """Return a line for each variant that has an aim: the median over cases, and their range."""
    lines = []
    aimed = [row for row in rows if row.wanted and row.ratio is not None]
    for variant, baseline, wanted in dict.fromkeys(
        (r.variant, r.baseline, r.wanted) for r in aimed
    ):
        same = [
            r for r in aimed if (r.variant, r.baseline, r.wanted) == (variant, baseline, wanted)
        ]
        ratios = [r.ratio.median for r in same if r.ratio is not None]
        memory = [r.memory_ratio for r in same if r.memory_ratio is not None]
        cells = (f"{name}: {variant} / {baseline}", _range(ratios), _range(memory), wanted)
        lines.append("| " + " | ".join(cells) + f" {_end(name)}")
    return lines


def replace_block(file: Path, name: str, text: str) -> None:
    """Put text between the comments ``<!-- bench:name -->`` and ``<!-- /bench:name -->``."""
    begin, end = _mark(name), f"<!-- /bench:{name} -->"
    page = file.read_text("utf-8")
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{file} has no {begin} ... {end}; put both comments where it belongs")
    block = f"{begin}\n{text}\n{end}"
    file.write_text(pattern.sub(lambda _: block, page, count=1), "utf-8")


def replace_lines(file: Path, name: str, lines: Sequence[str]) -> None:
    """Put lines in place of the rows of a table whose last cell has ``<!-- bench:name -->``."""
    page = file.read_text("utf-8").splitlines()
    marked = [i for i, line in enumerate(page) if line.endswith(_end(name))]
    if not marked:
        raise ValueError(f"{file} has no line that ends in {_end(name)}; put one into its table")
    kept = [line for line in page if not line.endswith(_end(name))]
    kept[marked[0] : marked[0]] = lines
    file.write_text("\n".join(kept) + "\n", "utf-8")


def _mark(name: str) -> str:
    return f"<!-- bench:{name} -->"


def _end(name: str) -> str:
    """Close a row of the summary: a comment that no reader of the page sees, in its last cell."""
    return f"{_mark(name)} |"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.case,
        row.variant,
        "" if row.seconds is None else _duration(row.seconds),
        "" if row.ratio is None else _spread(row.ratio),
        row.baseline,
        "" if row.memory is None else f"{row.memory / _MIB:.0f}",
        "" if row.memory_ratio is None else f"{row.memory_ratio:.2f}",
        row.wanted,
        row.note,
    )


def _duration(seconds: Spread) -> str:
    scale, unit = (1.0, "s") if seconds.median >= 1 else (1e3, "ms")
    scaled = Spread(scale * seconds.median, scale * seconds.low, scale * seconds.high)
    return f"{_spread(scaled)} {unit}"


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} [{_number(spread.low)}, {_number(spread.high)}]"


def _number(value: float) -> str:
    """Three digits without an exponent."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    middle = _number(float(np.median(values)))
    return (
        middle
        if len(values) == 1
        else (f"{middle} ({_number(min(values))} to {_number(max(values))}, {len(values)} cases)")
    )

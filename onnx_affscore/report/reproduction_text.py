"""A reproduction for the terminal: what was the same, what was not, and the differing figures."""

from collections.abc import Iterator
from typing import Any

from onnx_affscore.comparison import Deviation, Reproduction
from onnx_affscore.report.names import cells, pad, printable, shorten, wrap

__all__ = ["reproduction_to_text"]

_WIDTH = 80
_CELL = 34
_LISTED = 40


def reproduction_to_text(done: Reproduction) -> str:
    """Render what came of scoring a signature again."""
    return "\n".join(line.rstrip() for line in _lines(done)) + "\n"


def _lines(done: Reproduction) -> Iterator[str]:
    found = done.found
    yield from wrap(printable(f"model  {found.model.path}, SHA-256 as recorded"), _WIDTH)
    samples = f"{found.data['samples']} samples, SHA-256 as recorded"
    yield from wrap(printable(f"data   {found.data['source']}, {samples}"), _WIDTH)
    if done.changed:
        yield f"Not as recorded: affinities must be within {done.tolerance:g}"
        for text in done.changed:
            yield from (f"  {line}" for line in wrap(printable(text), _WIDTH - 2))
    else:
        yield "Machine, versions, threads and batches as recorded: every figure must be the same"
    if done.deviations:
        yield ""
        yield from _table(done.deviations)
        yield ""
    sites = f"{len(found.sites)} sites"
    yield f"reproduced, {sites}" if done.reproduced else f"NOT REPRODUCED, {sites}"


def _table(deviations: tuple[Deviation, ...]) -> Iterator[str]:
    rows = [["site", "figure", "recorded", "found", "difference"]]
    for d in deviations[:_LISTED]:
        both = isinstance(d.recorded, float) and isinstance(d.found, float)
        moved = f"{d.found - d.recorded:+.2g}" if both else ""
        rows.append([d.site or "-", d.figure, _shown(d.recorded), _shown(d.found), moved])
    rows = [[shorten(printable(cell), _CELL) for cell in row] for row in rows]
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True))
    if len(deviations) > _LISTED:
        yield f"and {len(deviations) - _LISTED} more"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)

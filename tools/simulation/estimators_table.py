"""The study of estimators as Markdown."""

import math
from collections.abc import Callable, Iterator

from tools.simulation.estimators import Summary, run

__all__ = ["table", "text"]


def text(*, quick: bool = False) -> str:
    """Run the study; the tables of every size."""
    return table(run(quick=quick))


def table(found: list[Summary]) -> str:
    """Return for every number of dimensions the biases and the errors, by samples per feature."""
    return "\n\n".join(_tables(found))


def _tables(found: list[Summary]) -> Iterator[str]:
    views: tuple[tuple[str, str, Callable[[Summary], str]], ...] = (
        ("isotropic families: mean bias (worst)", "isotropic", _bias),
        ("anisotropic families: mean bias (worst)", "anisotropic", _bias),
        ("anisotropic families: root mean square error", "anisotropic", _error),
    )
    for d in dict.fromkeys(row.d for row in found):
        for title, spread, view in views:
            rows = [row for row in found if (row.d, row.spread) == (d, spread)]
            ratios = list(dict.fromkeys(row.ratio for row in rows))
            yield f"**d = {d}, {title}**"
            lines = [["n/d", *(f"{ratio:g}" for ratio in ratios)], ["---"] * (len(ratios) + 1)]
            for name in dict.fromkeys(row.candidate for row in rows):
                cells = {row.ratio: view(row) for row in rows if row.candidate == name}
                lines.append([name, *(cells[ratio] for ratio in ratios)])
            yield "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bias(row: Summary) -> str:
    if math.isnan(row.bias):
        return "–"
    if abs(row.bias) > 1.0:
        return "beyond 1"
    return f"{_signed(row.bias)} ({_signed(row.worst)})"


def _error(row: Summary) -> str:
    if math.isnan(row.rmse):
        return "–"
    return f"{row.rmse:.4f}".replace("0.", ".", 1) if row.rmse < 1.0 else "beyond 1"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".", 1) if abs(value) < 1.0 else "beyond 1"

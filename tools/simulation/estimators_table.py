"""The study of estimators as Markdown."""

from collections.abc import Iterator

from tools.simulation.estimators import Summary, run

__all__ = ["table", "text"]

HEADER = (
    "| estimator | flat: bias | size | worst | uneven: bias | size | worst | sd | rmse |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def text(*, quick: bool = False) -> str:
    """Run the study; the tables of every size."""
    return table(run(quick=quick))


def table(found: list[Summary]) -> str:
    """Return a table for every number of dimensions and of samples."""
    return "\n\n".join(_tables(found))


def _tables(found: list[Summary]) -> Iterator[str]:
    for d, ratio in dict.fromkeys((row.d, row.ratio) for row in found):
        rows = [row for row in found if (row.d, row.ratio) == (d, ratio)]
        lines = [f"d = {d}, n = {int(ratio * d)} (n/d = {ratio:g})", "", HEADER]
        for name in dict.fromkeys(row.candidate for row in rows):
            flat, other = (
                next(row for row in rows if (row.candidate, row.spread) == (name, spread))
                for spread in ("isotropic", "anisotropic")
            )
            cells = [
                name,
                _signed(flat.bias),
                _plain(flat.size),
                _signed(flat.worst),
                _signed(other.bias),
                _plain(other.size),
                _signed(other.worst),
                _plain(other.deviation),
                _plain(other.rmse),
            ]
            lines.append("| " + " | ".join(cells) + " |")
        yield "\n".join(lines)


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("0.", ".", 1) if abs(value) < 1.0 else "beyond 1"


def _plain(value: float) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1.0 else "beyond 1"

"""Several signatures in one panel, over relative depth or over sites that were aligned."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from onnx_affscore.errors import OptionError
from onnx_affscore.records import ScoredSite, Signature
from onnx_affscore.report.figures.frame import SOFT, TWO_COLUMNS, framed, legend
from onnx_affscore.report.figures.lines import Line, draw_lines, name_lines, numbers, shows_bands
from onnx_affscore.report.figures.naming import titled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["comparison"]


@framed
def comparison(
    signatures: Signature | Sequence[Signature],
    *,
    labels: Sequence[str] | None = None,
    aligned: Sequence[Sequence[int | None]] | None = None,
    width: float = TWO_COLUMNS,
) -> "Figure":
    """Draw signatures over relative depth, 0 the first scored activation and 1 the last.

    ``aligned`` draws them over aligned sites instead: a row for each place, in it for each
    signature the position in ``sites`` of what lies there, None where nothing does. Bands are the
    95 % intervals of sampling, drawn for at most four signatures; more than twelve signatures
    have a panel each.
    """
    many = titled(signatures, labels)
    if aligned is None:
        columns = [_scored(signature) for _, signature in many]
        where = "relative depth: first to last scored activation"
    else:
        columns = [_picked(aligned, k, len(many), s.sites) for k, (_, s) in enumerate(many)]
        where = "aligned activations"
    lines = [
        _line(title, sites, relative=aligned is None)
        for (title, _), sites in zip(many, columns, strict=True)
    ]
    figure, panels = draw_lines(
        lines,
        width=width,
        x_label=where,
        y_label="affinity score (1 = affine)",
        empty="no activation has a score",
    )
    if shows_bands(lines):
        band = {"patch": True, "facecolor": SOFT, "alpha": 0.3}
        legend(figure, [("95 % interval", band)], loc="outside upper left")
    name_lines(panels, lines)
    return figure


def _scored(signature: Signature) -> list[ScoredSite | None]:
    return [site for site in signature.sites if site.affinity is not None]


def _picked(
    aligned: Sequence[Sequence[int | None]], column: int, count: int, sites: Sequence[ScoredSite]
) -> list[ScoredSite | None]:
    for row in aligned:
        if len(row) != count:
            raise OptionError(f"found a row of {len(row)} aligned sites for {count} signatures")
        place = row[column]
        if place is not None and not 0 <= place < len(sites):
            raise OptionError(
                f"found the aligned site {place} of signature {column}; "
                f"wanted None or 0 to {len(sites) - 1}"
            )
    return [None if row[column] is None else sites[row[column] or 0] for row in aligned]


def _line(title: str, sites: Sequence[ScoredSite | None], *, relative: bool) -> Line:
    count = len(sites)
    if relative:
        x = np.linspace(0.0, 1.0, count) if count > 1 else np.full(count, 0.5)
    else:
        x = np.arange(count, dtype=float)
    ends = [[_score(site, name) for site in sites] for name in ("affinity_low", "affinity_high")]
    low, high = map(numbers, ends)
    known = bool(np.isfinite(low).any() and np.isfinite(high).any())
    y = numbers([None if site is None else site.affinity for site in sites])
    return Line(title, x, y, low if known else None, high if known else None)


def _score(site: ScoredSite | None, name: str) -> float:
    value = None if site is None else site.scores.get(name)
    return value if isinstance(value, float) else math.nan

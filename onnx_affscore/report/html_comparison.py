"""Several signatures on one page: their statistics, and the differences of aligned sites."""

from collections.abc import Iterator, Sequence

from onnx_affscore.comparison import Comparison, Difference, PairComparison
from onnx_affscore.records import Signature
from onnx_affscore.report.html_tables import number_cell, safe, table
from onnx_affscore.report.notes import intervals, model_name

__all__ = ["differences", "statistics_table"]

_STATISTICS = ("mean", "median", "min", "max", "std")


def statistics_table(members: Sequence[tuple[str, Signature]]) -> str:
    """Render a row of statistics for each signature."""
    header = ["#", "signature", "model", "data", "samples", "scored", "with an interval"]
    header += list(_STATISTICS)
    rows = (
        f'<td class="num">{place}</td><th scope="row"><span class="swatch" '
        f'style="--s:var(--series-{(place - 1) % 6})"></span>{safe(label)}</th>'
        f"<td>{safe(model_name(signature))}</td><td>{safe(signature.data['source'])}</td>"
        f"{number_cell(signature.data['samples'])}"
        f'<td class="num">{signature.summary["scored"]} of {signature.summary["sites"]}</td>'
        f"{number_cell(dict(intervals(signature)).get('adequate'))}"
        + "".join(number_cell(signature.summary[name], digits=4) for name in _STATISTICS)
        for place, (label, signature) in enumerate(members, start=1)
    )
    found = table("Statistics of the scores of each signature.", header, rows, left=4)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Statistics">{found}</div>'


def differences(comparison: Comparison) -> Iterator[str]:
    """Yield the section of differences: a table for each pair, and what it rests on."""
    yield "<h2>Differences, site by site</h2>"
    for pair in comparison.pairs:
        yield from _pair(pair)
    distance = comparison.distance
    if len(comparison.members) > 2:
        yield _matrix(comparison)
    elif len(distance.rows) == 2:
        value = distance.rows[0][1].value
        told = "–" if value is None else f"{value:.4g}"
        yield f"<p>Distance of the two signatures ({safe(distance.name)}): {told}.</p>"
    if comparison.warnings:
        yield "<ul>" + "".join(f"<li>{safe(text)}</li>" for text in comparison.warnings) + "</ul>"


def _pair(pair: PairComparison) -> Iterator[str]:
    header = ["#", "site", "in the other", "activation", safe(pair.a), safe(pair.b)]
    header += ["difference", "95 % interval", "p", "p corrected"]
    rows = (_row(place, found) for place, found in enumerate(pair.differences))
    caption = (
        f"{safe(pair.b)} less {safe(pair.a)}; sites paired by {safe(pair.alignment.method)}: "
        f"{safe(pair.alignment.reason)}."
    )
    yield '<div class="scroll" tabindex="0" role="region" aria-label="Differences">'
    yield table(caption, header, rows, left=4)
    yield "</div>"
    lone = len(pair.alignment.unpaired_a) + len(pair.alignment.unpaired_b)
    notes = [f"{lone} sites have no partner"] if lone else []
    reasons = dict.fromkeys(d.reason for d in pair.differences if d.reason)
    notes += [*pair.warnings, *(f"no interval: {reason}" for reason in reasons)]
    if notes:
        yield "<ul>" + "".join(f"<li>{safe(text)}</li>" for text in notes) + "</ul>"


def _row(place: int, found: Difference) -> str:
    kinds = dict.fromkeys((found.activation_a, found.activation_b))
    same = found.site_a == found.site_b
    known = found.low is not None and found.high is not None
    interval = f"{found.low:+.4f} – {found.high:+.4f}" if known else "–"
    return (
        f'<td class="num">{place}</td><th scope="row" class="name mono">{safe(found.site_a)}</th>'
        f'<td class="name mono">{"the same" if same else safe(found.site_b)}</td>'
        f"<td>{safe(' / '.join(kinds))}</td>"
        f"{number_cell(found.a, digits=4)}{number_cell(found.b, digits=4)}"
        f'<td class="num">{found.difference:+.4f}</td><td class="num">{interval}</td>'
        f"{number_cell(found.p)}{number_cell(found.p_corrected)}"
    )


def _matrix(comparison: Comparison) -> str:
    labels = [safe(label) for label in comparison.labels]
    rows = (
        f'<td class="num">{place}</td><th scope="row">{label}</th>'
        + "".join(number_cell(value) for value in values)
        for place, (label, values) in enumerate(
            zip(labels, comparison.distance.values, strict=True), start=1
        )
    )
    caption = f"Distances between the signatures ({safe(comparison.distance.name)})."
    found = table(caption, ["#", "signature", *labels], rows, left=2)
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Distances">{found}</div>'

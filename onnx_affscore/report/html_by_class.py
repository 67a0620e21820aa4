"""The section of the HTML report on classes: sites over classes, darker where a score is lower."""

from collections.abc import Iterator

from onnx_affscore.groups import GroupSite
from onnx_affscore.records import Signature
from onnx_affscore.report.by_class import class_notes, class_rows, each_class
from onnx_affscore.report.html_tables import safe, table
from onnx_affscore.report.notes import number

__all__ = ["class_section"]


def class_section(signature: Signature) -> str:
    """Return the matrix of scores by class as a coloured table; empty where there is none."""
    rows, groups = class_rows(signature), signature.groups
    if groups is None or not rows:
        return ""
    known = [s.affinity for row in rows for s in row.classes if s.affinity is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    header = ["#", "name", *(safe(group.name) for group in groups.classes)]
    means = [number(own.summary["mean"]) for _, own in each_class(signature)]
    body = [
        f'<td class="num">{row.site.index}</td>'
        f'<th scope="row" class="name mono">{safe(row.site.name)}</th>'
        + "".join(_cell(site, low, high) for site in row.classes)
        for row in rows
    ]
    body.append(_line("mean", means))
    body.append(_line("samples", [str(group.samples) for group in groups.classes]))
    caption = "Affinity of each activation on the data of each class alone; coloured from"
    caption += f" {number(low)} (full) to {number(high)} (none)."
    return "\n".join(
        [
            f"<h2>By {safe(groups.by)}</h2>",
            '<div class="scroll" tabindex="0" role="region" aria-label="Scores by class">',
            table(caption, header, body, left=2),
            "</div>",
            *_notes(signature),
        ]
    )


def _cell(site: GroupSite, low: float, high: float) -> str:
    reason = safe(site.reason or site.verdict or "")
    if site.affinity is None:
        return f'<td class="num none" title="{reason}">{safe(site.status)}</td>'
    share = (high - site.affinity) / (high - low) if high > low else 0.0
    return f'<td class="num heat" style="--v:{share:.0%}" title="{reason}">{site.affinity:.4f}</td>'


def _line(name: str, values: list[str]) -> str:
    cells = "".join(f'<td class="num">{safe(value)}</td>' for value in values)
    return f'<td></td><th scope="row">{name}</th>{cells}'


def _notes(signature: Signature) -> Iterator[str]:
    notes = class_notes(signature)
    if notes:
        yield "<ul>"
        for note in notes:
            yield f"<li><strong>{safe(note.heading)}</strong>: {safe(note.text)}</li>"
        yield "</ul>"

"""One self-contained page for a person: summary, drawing, table, details, notes, provenance.

Nothing is loaded from elsewhere. Without its script the page is whole, with drawings that stand
still; ``page/`` holds template, style and script.
"""

from collections.abc import Iterator, Sequence

from onnx_affscore.comparison import Comparison
from onnx_affscore.records import Signature
from onnx_affscore.report import html_assets, html_sections
from onnx_affscore.report.html_by_class import class_section
from onnx_affscore.report.html_comparison import differences, statistics_table
from onnx_affscore.report.html_data import page_data
from onnx_affscore.report.html_tables import place_table, safe, site_table
from onnx_affscore.report.notes import count, model_name
from onnx_affscore.report.svg import signature_svg

__all__ = ["several_to_html", "to_html"]

Members = Sequence[tuple[str, Signature]]


def to_html(signature: Signature) -> str:
    """Render a signature as one HTML page."""
    name = model_name(signature)
    tiles = "\n".join(
        f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in html_sections.tiles(signature)
    )
    return _rendered(
        [(name, signature)],
        title=f"Non-linearity signature of {safe(name)}",
        subtitle=html_sections.subtitle(signature),
        summary=f'<dl class="tiles">\n{tiles}\n</dl>',
    )


def several_to_html(members: Members, comparison: Comparison | None = None) -> str:
    """Render labelled signatures as one page, overlaid, with the differences of a comparison."""
    names = ", ".join(safe(label) for label, _ in members)
    return _rendered(
        members,
        title=f"{count(len(members), 'non-linearity signature')} compared",
        subtitle=names,
        summary=statistics_table(members),
        compared="" if comparison is None else "\n".join(differences(comparison)),
    )


def _rendered(
    members: Members, *, title: str, subtitle: str, summary: str, compared: str = ""
) -> str:
    several = len(members) > 1
    return html_assets.page().substitute(
        digest=html_assets.script_digest(),
        style=html_assets.style(),
        script=html_assets.script(),
        data=page_data(members),
        title=title,
        subtitle=subtitle,
        alerts="\n".join(_alerts(members)),
        summary=summary,
        drawings="\n".join(_drawing(label, signature, several) for label, signature in members),
        compared=compared,
        sites=site_table([(label, signature.sites) for label, signature in members]),
        members="\n".join(_member(label, signature, several) for label, signature in members),
    )


def _alerts(members: Members) -> Iterator[str]:
    for label, signature in members:
        which = f"{safe(label)}: " if len(members) > 1 else ""
        for alert in html_sections.alerts(signature):
            yield f'<p class="alert">{which}{alert}</p>'


def _drawing(label: str, signature: Signature, several: bool) -> str:
    entries = "\n".join(f"<li>{entry}</li>" for entry in html_sections.legend(signature))
    named = f"<figcaption>{safe(label)}</figcaption>\n" if several else ""
    return (
        f'<figure>\n{named}<ul class="legend">\n{entries}\n</ul>\n'
        '<div class="scroll" tabindex="0" role="region" aria-label="Plot">\n'
        f"{signature_svg(signature)}\n</div>\n</figure>"
    )


def _member(label: str, signature: Signature, several: bool) -> str:
    """Everything that is told of one signature below the scores."""
    facts = "\n".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in html_sections.facts(signature))
    classes = class_section(signature)
    parts = [
        *([classes] if classes else []),
        *html_sections.notes(signature),
        html_sections.judged(signature),
        "<details>\n<summary>Where the activations are in the graph, and how they were solved"
        '</summary>\n<div class="scroll" tabindex="0" role="region" aria-label="Places">',
        place_table(signature.sites),
        "</div>\n</details>",
        f'<h2>Provenance</h2>\n<dl class="facts">\n{facts}\n</dl>',
    ]
    body = "\n".join(parts)
    return f"<details>\n<summary>{safe(label)}</summary>\n{body}\n</details>" if several else body

"""The tables of the HTML report: sites with their scores, what n is worth, place in the graph."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from onnx_affscore.records import ScoredSite, Status
from onnx_affscore.report.columns import ADEQUACY, ordered, score_names
from onnx_affscore.report.html_labels import LABELS
from onnx_affscore.report.marks import is_filled
from onnx_affscore.report.names import printable
from onnx_affscore.report.notes import activation_label, adequacy, lacking
from onnx_affscore.report.svg import marker

__all__ = [
    "adequacy_table",
    "legend_mark",
    "number_cell",
    "place_table",
    "safe",
    "site_table",
    "table",
]

# What is said of n in words; the reason stands below the verdict.
_WORDS: Mapping[str, str] = {
    "verdict": "verdict on n",
    "plan": "plan",
    "estimand": "interval of",
}
_MISSING = "–"


def safe(value: object) -> str:
    """Return text that is neither markup nor a control character."""
    return escape(printable(str(value)))


def legend_mark(activation: str, *, filled: bool) -> str:
    """Draw the mark of an activation in a line of text."""
    inner = marker(activation, filled=filled, radius=6)
    return f'<svg viewBox="-8 -8 16 16" aria-hidden="true">{inner}</svg>'


def table(caption: str, header: Sequence[str], rows: Iterable[str], *, left: int = 0) -> str:
    """Assemble a table; headers stand over numbers in column 0 and from ``left`` on."""
    heads = "".join(
        f'<th scope="col"{" class=num" if column == 0 or column >= left else ""}>{title}</th>'
        for column, title in enumerate(header)
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def site_table(members: Sequence[tuple[str, Sequence[ScoredSite]]]) -> str:
    """Render all scores of all sites; a score that no site has gets no column.

    The two ends of the interval share a column, with the verdict where there is none. Of several
    signatures the second column is the label.
    """
    sites = [site for _, own in members for site in own]
    labels = [label for label, own in members for _ in own]
    known = any(adequacy(site) or site.scores.get("affinity_low") is not None for site in sites)
    first = ["affinity", "affinity_low"] if known else ["affinity"]
    names = [
        name
        for name in score_names(sites)
        if name not in ("affinity", "affinity_low", "affinity_high")
        and any(site.scores.get(name) is not None for site in sites)
    ]
    titles = {name: LABELS.get(name, safe(name.replace("_", " "))) for name in (*first, *names)}
    several = len(members) > 1
    header = ["#", *(["signature"] if several else []), "name", "activation", "role"]
    header += [titles[name] for name in first]
    header += ["n", "d", "rank in", "rank out", *(titles[name] for name in names)]
    rows = (
        f'<td class="num">{site.index}</td>'
        + (f"<td>{safe(label)}</td>" if several else "")
        + f'<th scope="row" class="name mono">{safe(site.name)}</th>'
        f"<td>{legend_mark(site.activation, filled=is_filled(site))}"
        f"{safe(activation_label(site))}</td><td>{safe(site.role)}</td>"
        + "".join(_score(site, name) for name in first)
        + f"{number_cell(site.samples)}{number_cell(site.features)}"
        f"{number_cell(site.rank.get('input'))}{number_cell(site.rank.get('output'))}"
        + "".join(_score(site, name) for name in names)
        for label, site in zip(labels, sites, strict=True)
    )
    return table("Scores of every activation.", header, rows, left=4 + several)


def place_table(sites: Sequence[ScoredSite]) -> str:
    """Render what locates a site in its file, and how its transport problem was solved."""
    header = ["#", "scope", "feature axis", "input", "output", "nodes", "noise floor"]
    header += ["solver", "certificate", "paired", "lower", "upper"]
    rows = (
        f'<td class="num">{site.index}</td><td class="mono">{safe(site.scope) or _MISSING}</td>'
        f"{number_cell(site.feature_axis)}"
        f'<td class="name mono">{safe(site.input)}</td>'
        f'<td class="name mono">{safe(site.output)}</td>'
        f'<td class="name mono">{safe(" ".join(site.nodes))}</td>'
        f"{number_cell(site.rank.get('noise_floor'))}"
        + "".join(
            number_cell(site.transport.get(name))
            for name in ("solver", "certificate", "paired", "lower", "upper")
        )
        for site in sites
    )
    return table("Tensors and operators of each activation.", header, rows, left=12)


def _score(site: ScoredSite, name: str) -> str:
    value = site.scores.get(name)
    if name == "affinity_low":
        return _interval(site)
    if name != "affinity":
        return number_cell(value, digits=4)
    if site.status != Status.OK or not isinstance(value, float):
        return f'<td class="num none">{safe(site.status)}</td>'
    share = min(max(value, 0.0), 1.0)
    return f'<td class="num bar" style="--v:{share:.1%}">{value:.4f}</td>'


def _interval(site: ScoredSite) -> str:
    ends = [site.scores.get(name) for name in ("affinity_low", "affinity_high")]
    numbers = [f"{end:.4f}" for end in ends if isinstance(end, float)]
    if site.affinity is not None and len(numbers) == len(ends):
        return f'<td class="num">{" – ".join(numbers)}</td>'
    judged = lacking(site)
    if judged is None:
        return number_cell(None)
    reason = safe(site.adequacy.get("reason") or judged)
    return f'<td class="num"><span class="verdict" title="{reason}">{safe(judged)}</span></td>'


def adequacy_table(sites: Sequence[ScoredSite]) -> str:
    """Render what n is worth at every scored site; empty where the file does not judge it."""
    judged = [site for site in sites if adequacy(site) is not None]
    if not judged:
        return ""
    found = {*ADEQUACY, *(name for site in judged for name in site.adequacy)}
    numbers = ordered(found - {*_WORDS, "reason"}, ("bias", "ceiling"))
    titles = [safe(name.replace("_", " ")) for name in numbers]
    header = ["#", "name", *_WORDS.values(), *titles]
    rows = (
        f'<td class="num">{site.index}</td>'
        f'<th scope="row" class="name mono">{safe(site.name)}</th>'
        + "".join(f"<td>{_words(site, name)}</td>" for name in _WORDS)
        + "".join(number_cell(site.adequacy.get(name)) for name in numbers)
        for site in judged
    )
    caption = (
        "What the samples are worth at each score. Bias: the empirical score less the corrected"
        " one. Ceiling: no pairing of the rows could give a higher score."
    )
    return table(caption, header, rows, left=2 + len(_WORDS))


def _words(site: ScoredSite, name: str) -> str:
    told = safe(site.adequacy.get(name) or _MISSING)
    reason = site.adequacy.get("reason") if name == "verdict" else None
    return f"{told}<br><small>{safe(reason)}</small>" if reason else told


def number_cell(value: Any, *, digits: int | None = None) -> str:
    """Render a cell with a number, or a dash."""
    if value is None:
        shown = _MISSING
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    elif isinstance(value, float) and digits is not None and abs(value) < 1e4:
        shown = f"{value:.{digits}f}"
    elif isinstance(value, float):
        shown = f"{value:.4g}"
    else:
        shown = safe(value)
    return f'<td class="num">{shown}</td>'

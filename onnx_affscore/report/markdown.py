"""A signature as Markdown, for pull requests and notebooks: figures, what to know, a table.

Names go into code spans, where neither markup nor mentions work; other text is escaped.
"""

import re
from collections.abc import Iterator
from itertools import islice

from onnx_affscore.records import ScoredSite, Signature
from onnx_affscore.report.by_class import class_notes, class_rows, each_class
from onnx_affscore.report.names import printable, spans
from onnx_affscore.report.notes import (
    Note,
    activation_label,
    count,
    interval_notes,
    intervals,
    lacking,
    model_name,
    model_warnings,
    number,
    unscored,
)

__all__ = ["code_span", "escaped", "to_markdown"]

_CLASSES = 12  # shown of a matrix; a wider one is not read
_FOLDED = 20  # rows from which the table is folded away
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$])")
_TICKS = re.compile(r"`+")


def to_markdown(signature: Signature) -> str:
    """Render a signature for a pull request; GitHub and GitLab fold a long table away."""
    data, summary = signature.data, signature.summary
    lines = [
        f"### Non-linearity signature of {code_span(model_name(signature))}",
        "",
        f"{count(data['samples'], 'sample')} of {code_span(data['source'])}"
        f"{', **made up**: these scores describe no real data' if data['synthetic'] else ''}; "
        f"{summary['scored']} of {count(len(signature.sites), 'activation')} scored.",
        "",
        *_figures(signature),
        "",
        *_notes("No score", unscored(signature)),
        *_notes("Intervals", interval_notes(signature)),
        *_notes("Warnings", model_warnings(signature)),
        *_table(signature),
        *_classes(signature),
        "Affinity is 1 where an activation is affine in use; the lower, the more it bends. "
        f"Model {code_span(signature.model.sha256[:12])}, "
        f"data {code_span((data['sha256'] or '–')[:12])}, "
        f"method {code_span(signature.method_version)}.",
    ]
    return "\n".join(lines) + "\n"


def _figures(signature: Signature) -> Iterator[str]:
    names = ("mean", "median", "min", "max", "std")
    heads, values = list(names), [number(signature.summary[name]) for name in names]
    counted = intervals(signature)
    if counted:
        heads.append("with an interval")
        values.append(f"{counted[0][1]} of {sum(many for _, many in counted)}")
    yield f"| {' | '.join(heads)} |"
    yield "|" + "--:|" * len(heads)
    yield f"| {' | '.join(values)} |"


def _notes(title: str, notes: list[Note]) -> Iterator[str]:
    if not notes:
        return
    yield f"**{title}**"
    yield ""
    for note in notes:
        head = f"{escaped(note.heading)}: " if note.heading else ""
        where = f" ({'site' if len(note.sites) == 1 else 'sites'} {spans(note.sites)})"
        yield f"- {head}{escaped(note.text)}{where if note.sites else ''}"
    yield ""


def _table(signature: Signature) -> Iterator[str]:
    sites = signature.sites
    if not sites:
        return
    folded = len(sites) > _FOLDED
    if folded:
        yield "<details>"
        yield f"<summary>Scores of all {len(sites)} activations</summary>"
        yield ""
    yield "| # | name | activation | role | affinity | 95 % interval |"
    yield "|--:|---|---|---|--:|---|"
    for site in sites:
        cells = (code_span(site.name), code_span(activation_label(site)), escaped(site.role))
        yield f"| {site.index} | {' | '.join(cells)} | {_score(site)} | {_interval(site)} |"
    yield ""
    if folded:
        yield "</details>"
        yield ""


def _classes(signature: Signature) -> Iterator[str]:
    """The matrix of sites and classes, always folded away."""
    rows, groups = class_rows(signature), signature.groups
    if groups is None or not rows:
        return
    shown = groups.classes[:_CLASSES]
    left = len(groups.classes) - len(shown)
    means = [number(own.summary["mean"]) for _, own in islice(each_class(signature), _CLASSES)]
    yield "<details>"
    yield f"<summary>Scores by {groups.by}, {len(groups.classes)} classes</summary>"
    yield ""
    yield f"| # | name | {' | '.join(code_span(group.name) for group in shown)} |"
    yield "|--:|---|" + "--:|" * len(shown)
    for row in rows:
        values = (number(s.affinity) if s.affinity is not None else escaped(s.status)
                  for s in row.classes[:_CLASSES])  # fmt: skip
        yield f"| {row.site.index} | {code_span(row.site.name)} | {' | '.join(values)} |"
    yield f"| | mean | {' | '.join(means)} |"
    yield f"| | samples | {' | '.join(str(group.samples) for group in shown)} |"
    yield ""
    if left:
        yield f"{left} more in the signature file."
        yield ""
    yield from _notes("By class", class_notes(signature))
    yield "</details>"
    yield ""


def _score(site: ScoredSite) -> str:
    return escaped(site.status) if site.affinity is None else number(site.affinity)


def _interval(site: ScoredSite) -> str:
    ends = [site.scores.get(name) for name in ("affinity_low", "affinity_high")]
    known = [f"{end:.4f}" for end in ends if isinstance(end, float)]
    if site.affinity is not None and len(known) == len(ends):
        return " – ".join(known)
    return escaped(lacking(site) or "–")


def code_span(text: str) -> str:
    """A code span, which also a table's row leaves whole."""
    shown = printable(str(text)).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(shown)), default=0))
    room = " " if shown[:1] in ("`", "", " ") or shown[-1:] in ("`", " ") else ""
    return f"{fence}{room}{shown}{room}{fence}"


def escaped(text: str) -> str:
    """Text in which nothing is markup, a link or a mention."""
    shown = _MARKUP.sub(r"\\\1", printable(str(text)))
    return shown.replace("@", "@&#8203;").replace("://", ":&#8203;//")

"""The outcomes as one self-contained HTML page: no script, figures as SVG inside."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Template

from onnx_affscore import __version__
from onnx_affscore.errors import MissingExtraError
from onnx_affscore.paper.drawing import svg
from onnx_affscore.paper.outcome import Cell, Check, Claim, Figure, Outcome, Table, Verdict
from onnx_affscore.paper.text import cell, score_line, tolerance
from onnx_affscore.report.html_tables import safe

__all__ = ["to_html"]

_MANY = 12  # checks beyond which they are folded away


@cache
def _page() -> Template:
    return Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))


def to_html(
    outcomes: Sequence[Outcome],
    *,
    places: Mapping[str, tuple[str, str]] | None = None,
    draw: Callable[[Figure], str] = svg,
) -> str:
    """Render all outcomes; ``places`` says by experiment what it shows, and where in the paper."""
    known = places or {}
    return _page().substitute(
        counts=safe(score_line(outcomes).strip()) + ".",
        version=safe(__version__),
        seconds=f"{sum(outcome.seconds for outcome in outcomes):.0f}",
        overview="\n".join(_row(o, known.get(o.experiment, ("", ""))[0]) for o in outcomes),
        experiments="\n".join(
            line
            for o in outcomes
            for line in _experiment(o, known.get(o.experiment, ("", ""))[1], draw)
        ),
    )


def _badge(word: str) -> str:
    return f'<span class="badge {word.replace(" ", "-")}">{word}</span>'


def _row(outcome: Outcome, shows: str) -> str:
    passed = sum(found.passed for found in outcome.checks)
    checks = f"{passed} of {len(outcome.checks)}" if outcome.checks else "–"
    name = safe(outcome.experiment)
    return (
        f'<tr><td><a href="#{name}">{name}</a></td><td class="word">{safe(shows)}</td>'
        f'<td>{checks}</td><td class="word">{_badge(outcome.verdict)}</td></tr>'
    )


def _experiment(outcome: Outcome, where: str, draw: Callable[[Figure], str]) -> Iterator[str]:
    title = f"{safe(outcome.title)} {_badge(outcome.verdict)}"
    yield f'<h2 id="{safe(outcome.experiment)}">{title}</h2>'
    if where:
        yield f'<p class="where">In the paper: {safe(where)}.</p>'
    yield f"<p>{safe(outcome.about)}</p>"
    for needed in outcome.missing:
        yield f'<p class="needed"><strong>Not run.</strong> {safe(needed)}</p>'
    yield from _claims(outcome.claims)
    for figure in outcome.figures:
        yield _figure(figure, draw)
    for table in outcome.tables:
        yield from _table(table)
    yield from _checks(outcome.checks)
    for note in outcome.notes:
        yield f'<p class="note">{safe(note)}</p>'


def _claims(claims: Sequence[Claim]) -> Iterator[str]:
    if claims:
        yield '<ul class="claims">'
        for claim in claims:
            word = "seen" if claim.holds else "not seen"
            text = f"{safe(claim.sentence)}. <span class='soft'>{safe(claim.evidence)}</span>"
            yield f"<li>{_badge(word)}{text}</li>"
        yield "</ul>"


def _figure(figure: Figure, draw: Callable[[Figure], str]) -> str:
    caption = f"<strong>{safe(figure.title)}.</strong> {safe(figure.caption)}"
    try:
        data = base64.b64encode(draw(figure).encode()).decode()
    except MissingExtraError as exc:
        return f'<p class="needed">{caption}<br>Not drawn: {safe(exc)}</p>'
    image = f'<img alt="{safe(figure.title)}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table(table: Table) -> Iterator[str]:
    yield f"<h3>{safe(table.title)}</h3>"
    yield from _rows(table.columns, [[safe(cell(value)) for value in row] for row in table.rows])
    if table.note:
        yield f'<p class="soft">{safe(table.note)}</p>'


def _rows(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    head = "".join(f"<th>{safe(name)}</th>" for name in columns)
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in rows:
        yield "<tr>" + "".join(f"<td>{value}</td>" for value in row) + "</tr>"
    yield "</tbody></table></div>"


def _checks(checks: Sequence[Check]) -> Iterator[str]:
    if not checks:
        return
    failed = [found for found in checks if not found.passed]
    if failed:
        yield f"<h3>Checks that failed ({len(failed)})</h3>"
        yield from _check_table(failed)
    opened = " open" if len(checks) <= _MANY and not failed else ""
    many = f"All {len(checks)} checks" if len(checks) > 1 else "The check"
    yield f"<details{opened}><summary>{many}</summary>"
    yield from _check_table(checks)
    yield "</details>"


def _check_table(checks: Sequence[Check]) -> Iterator[str]:
    columns = ("check", "ours", "published", "difference", "tolerance", "", "note")
    yield '<div class="checks">'
    yield from _rows(columns, [_check_row(found) for found in checks])
    yield "</div>"


def _check_row(found: Check) -> list[str]:
    verdict: str = Verdict.PASS if found.passed else Verdict.FAIL
    ours = "none" if found.ours is None else f"{found.ours:.6f}"
    apart = "–" if found.ours is None else f"{found.ours - found.published:+.1e}"
    numbers = [ours, f"{found.published:.6f}", apart, tolerance(found.tolerance)]
    return [safe(found.name), *numbers, _badge(verdict), safe(found.note)]

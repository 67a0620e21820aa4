"""Outcomes as text: ours, published, tolerance, pass or fail."""

from collections.abc import Iterator, Sequence

from onnx_affscore.paper.outcome import Cell, Check, Outcome, Verdict
from onnx_affscore.report.names import pad

__all__ = ["cell", "score_line", "to_text", "tolerance"]


def to_text(outcomes: Sequence[Outcome]) -> str:
    """Return every check in one table per experiment, with claims, notes and what did not run."""
    return "\n".join(line for outcome in outcomes for line in _outcome(outcome)) + "\n"


def score_line(outcomes: Sequence[Outcome]) -> str:
    """Return how many checks passed and which experiments did not run."""
    checks = [found for outcome in outcomes for found in outcome.checks]
    passed = sum(found.passed for found in checks)
    skipped = [o.experiment for o in outcomes if o.verdict is Verdict.NOT_RUN]
    tail = f"; not run: {', '.join(skipped)}" if skipped else ""
    counted = f"{passed} of {len(checks)} checks passed" if checks else "nothing to check"
    return f"{counted}{tail}\n"


def _outcome(outcome: Outcome) -> Iterator[str]:
    yield f"{outcome.experiment}: {outcome.verdict} ({outcome.seconds:.1f} s)"
    if outcome.checks:
        yield from _rows(
            [("", "ours", "published", "tolerance", "", ""), *map(_check, outcome.checks)]
        )
    for claim in outcome.claims:
        yield f"  {'seen' if claim.holds else 'not seen'}: {claim.sentence} ({claim.evidence})"
    for note in outcome.notes:
        yield f"  note: {note}"
    for needed in outcome.missing:
        yield f"  not run: {needed}"
    yield ""


def _check(found: Check) -> tuple[str, ...]:
    verdict = "pass" if found.passed else "FAIL"
    ours = "none" if found.ours is None else f"{found.ours:.6f}"
    width = tolerance(found.tolerance)
    return found.name, ours, f"{found.published:.6f}", width, verdict, found.note


def _rows(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(pad(word, width) for word, width in zip(row, widths, strict=True))
        yield f"  {line}".rstrip()


def tolerance(value: float) -> str:
    """Return a tolerance in few digits.

    >>> tolerance(1e-5), tolerance(0.002)
    ('1e-05', '0.002')
    """
    return f"{value:.2g}"


def cell(value: Cell) -> str:
    """Return a table's cell: four decimals, a dash for nothing.

    >>> cell(0.5), cell(None), cell(7)
    ('0.5000', '–', '7')
    """
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)

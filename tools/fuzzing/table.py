"""What a campaign came to, as a table."""

from collections.abc import Mapping, Sequence

from tools.fuzzing.cases import KINDS
from tools.fuzzing.outcome import CLASSES

__all__ = ["summary"]


def summary(
    counts: Mapping[tuple[str, str], int],
    kept: Mapping[str, int],
    *,
    seconds: float,
    contained: Sequence[bool],
    crashes: int,
) -> str:
    """Return a Markdown table of kinds and outcomes, and what was found."""
    rows = [
        [kind, *(counts.get((kind, name), 0) for name in CLASSES)]
        for kind in KINDS
        if any(counts.get((kind, name)) for name in CLASSES)
    ]
    rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, len(CLASSES) + 1))])  # type: ignore[misc]
    total = sum(counts.values())
    lines = [
        f"| damaged | mutants | {' | '.join(CLASSES)} |",
        "|---|" + "--:|" * (len(CLASSES) + 1),
    ]
    lines += [f"| {r[0]} | {sum(r[1:])} | {' | '.join(map(str, r[1:]))} |" for r in rows]  # type: ignore[arg-type]
    lines += ["", f"{total} mutants in {seconds:.0f} s, {total / max(seconds, 1e-9):.1f} a second"]
    if crashes:
        held = f"{sum(contained)} of {len(contained)} run again with --isolate were contained"
        lines.append(f"{crashes} crashes of the runtime; {held}")
    lines += [f"{many} x {what}" for what, many in sorted(kept.items(), key=lambda i: -i[1])]
    return "\n".join(lines)

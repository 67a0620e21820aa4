"""A comparison for the terminal: statistics, distances, tree, differing sites, and notes."""

import re
from collections.abc import Iterable, Iterator, Sequence

from onnx_affscore.comparison import (
    Clustering,
    Comparison,
    Difference,
    PairComparison,
    Training,
)
from onnx_affscore.records import Reading
from onnx_affscore.report.names import cells, pad, printable, shorten, wrap
from onnx_affscore.report.notes import count, number

__all__ = ["comparison_to_text"]

_WIDTH = 80
_MATRIX = 11  # signatures whose matrix fits the width; of more, the nearest of each is shown
_TREE = 16  # signatures whose tree fits the width; of more, the groups are listed
_LABEL = 40  # cells of a label outside tables
_LISTED = 12  # largest differences
_LEAST = 8  # cells that a column of words keeps
_LEVEL = 0.05
_SMALL = 5e-5  # below it a difference would be shown as 0
_WORDS = (
    "signature",
    "family",
    "checkpoint",
    "nearest",
    "paired by",
    "errors",
    "site",
    "p value",
    "statistic",
)
_DIGITS = re.compile(r"[0-9]+(\.[0-9]+)?")


def comparison_to_text(comparison: Comparison) -> str:
    """Render a comparison; the files hold what is left out here for want of room."""
    lines = [
        *_statistics(comparison),
        *_training(comparison.training),
        *_distances(comparison),
        *_tree(comparison),
        *_pairs(comparison),
        *_largest(comparison),
        *_associations(comparison),
        *_notes(comparison),
    ]
    return "\n".join(line.rstrip() for line in lines).lstrip("\n") + "\n"


def _statistics(comparison: Comparison) -> Iterator[str]:
    members = comparison.members
    families = any(member.family is not None for member in members)
    statistics = [name.replace("_over_", "/") for name in members[0].summary]
    header = ["#", "signature", *(["family"] if families else []), "sites", *statistics]
    rows = [
        [
            str(place),
            member.label,
            *([member.family or "-"] if families else []),
            str(len(member.signature.sites)),
            *("-" if value is None else f"{value:.3f}" for value in member.summary.values()),
        ]
        for place, member in enumerate(members, start=1)
    ]
    yield from _section("Statistics")
    yield from _table(header, rows)


def _training(training: Training | None) -> Iterator[str]:
    if training is not None:
        yield from _section(f"Training, steps from {training.source}")
        shown = ["mean", "min", "max", "median"]
        rows = [
            [str(step), label, *(number(training.statistics[name][i]) for name in shown)]
            for i, (step, label) in enumerate(zip(training.steps, training.labels, strict=True))
        ]
        yield from _table(["step", "checkpoint", *shown], rows)


def _distances(comparison: Comparison) -> Iterator[str]:
    matrix, labels = comparison.distance, comparison.labels
    yield from _section(f"Distances ({matrix.name})")
    if len(labels) <= _MATRIX:
        header = ["#", *(str(i) for i, _ in enumerate(labels, start=1))]
        rows = [
            [str(i), *("-" if value is None else f"{value:.3f}" for value in row)]
            for i, row in enumerate(matrix.values, start=1)
        ]
        yield from _table(header, rows)
    else:
        header = ["signature", "nearest", "distance"]
        rows = []
        for i, row in enumerate(matrix.values):
            others = [(v, j) for j, v in enumerate(row) if v is not None and j != i]
            value, j = min(others) if others else (None, i)
            rows.append([labels[i], "-" if value is None else labels[j], number(value)])
        yield from _table(header, rows)
    yield from (f"  no distance: {reason}" for reason in matrix.reasons)


def _tree(comparison: Comparison) -> Iterator[str]:
    found = comparison.clustering
    if found is None:
        yield from _section("Clusters")
        yield f"  {comparison.no_clustering}"
        return
    if len(found.groups) <= _TREE:
        title = f"Tree ({found.linkage} linkage; height at each fork, group in brackets)"
        yield from _section(title)
        yield from _branches(found, comparison.labels)
    else:
        yield from _section(f"Groups ({found.linkage} linkage)")
        for group in sorted(set(found.groups)):
            labels = (_name(comparison.labels[i]) for i in found.order if found.groups[i] == group)
            yield from _wrapped(f"{group}:", ", ".join(labels))
    many = count(len(set(found.groups)), "group")
    yield ""
    yield f"  {many}, {found.choice}"
    for what, reading in (
        ("cophenetic correlation", found.cophenetic),
        ("silhouette", found.silhouette),
        ("agreement with families (adjusted Rand index)", found.agreement),
    ):
        if reading is not found.agreement or reading.value is not None:
            yield from _wrapped(f"{what}:", _reading(reading))


def _branches(found: Clustering, labels: Sequence[str]) -> Iterator[str]:
    """Draw the tree from its root, nearer branches first as in a dendrogram."""
    size = len(labels)
    place = {leaf: i for i, leaf in enumerate(found.order)}
    first = dict(place)  # of each cluster, where its first leaf stands
    for k, (left, right, _, _) in enumerate(found.merges):
        first[size + k] = min(first[int(left)], first[int(right)])
    stack = [(size + len(found.merges) - 1, "  ", "  ")]
    while stack:
        node, head, indent = stack.pop()
        if node < size:
            label = shorten(_name(labels[node]), _WIDTH - len(head) - 5)
            yield f"{head}{label} [{found.groups[node]}]"
            continue
        left, right, height, _ = found.merges[node - size]
        yield f"{head}{height:.3f}"
        upper, lower = sorted((int(left), int(right)), key=first.__getitem__)
        stack.append((lower, f"{indent}`-- ", f"{indent}    "))
        stack.append((upper, f"{indent}|-- ", f"{indent}|   "))


def _pairs(comparison: Comparison) -> Iterator[str]:
    pairs, method = comparison.pairs, comparison.options.correction
    yield from _section(f"Site by site, from {_name(pairs[0].a)} (p corrected: {method})")
    rows = []
    for pair in pairs:
        tested = [d for d in pair.differences if d.p_corrected is not None]
        differ = sum(_differs(d) for d in tested)
        largest = max((abs(d.difference) for d in pair.differences), default=None)
        left = len(pair.alignment.unpaired_a), len(pair.alignment.unpaired_b)
        rows.append(
            [
                pair.b,
                pair.alignment.method,
                str(len(pair.differences)),
                f"{left[0]}, {left[1]}",
                _errors(tested),
                f"{differ} of {len(tested)}" if tested else "-",
                number(largest),
            ]
        )
    header = ["signature", "paired by", "pairs", "left over", "errors", "significant", "largest"]
    yield from _table(header, rows)


def _errors(tested: Sequence[Difference]) -> str:
    kinds = {"paired" if d.paired else "independent" for d in tested}
    return "unknown" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"


def _largest(comparison: Comparison) -> Iterator[str]:
    found = [(pair, d) for pair in comparison.pairs for d in pair.differences]
    if not found:
        return
    found.sort(key=lambda entry: (_by_chance(entry[1]), -abs(entry[1].difference)))
    yield from _section("Differing sites, the largest first, those not significant last")
    rows = [_difference(pair, d) for pair, d in found[:_LISTED]]
    header = ["signature", "site", "a", "b", "b - a", "95 %", "p"]
    if len(comparison.pairs) == 1:
        header, rows = header[1:], [row[1:] for row in rows]
    yield from _table(header, rows)
    if len(found) > _LISTED:
        yield f"  and {len(found) - _LISTED} more, in the files"


def _difference(pair: PairComparison, d: Difference) -> list[str]:
    # Two graphs of one network: the baseline's name tells where it is, the files have both.
    both = pair.alignment.method == "dtw" and d.site_a != d.site_b
    site = f"{d.site_a} > {d.site_b}" if both else d.site_a
    half = "-" if d.std is None or d.high is None else f"+-{d.high - d.difference:.4f}"
    p = "unknown"
    if d.p_corrected is not None:
        shown = "<0.0001" if d.p_corrected < 1e-4 else f"{d.p_corrected:.4f}"
        p = f"{shown} not significant" if _by_chance(d) else shown
    moved = (
        f"{d.difference:+.4f}"
        if abs(d.difference) >= _SMALL or not d.difference
        else f"{d.difference:+.0e}"
    )
    return [pair.b, site, number(d.a), number(d.b), moved, half, p]


def _differs(d: Difference) -> bool:
    return d.p_corrected is not None and d.p_corrected < _LEVEL


def _by_chance(d: Difference) -> bool:
    return d.p_corrected is not None and d.p_corrected >= _LEVEL


def _associations(comparison: Comparison) -> Iterator[str]:
    rows = []
    for row in comparison.associations:
        one_out = "-" if row.low is None else f"{number(row.low)} to {number(row.high)}"
        figures = [number(row.value), one_out, number(row.p), number(row.p_corrected)]
        rows.append([row.statistic, row.coefficient, str(row.n), *figures])
    if rows:
        yield from _section("Accuracy against statistics")
        header = ["statistic", "coefficient", "n", "value", "one left out", "p", "corrected"]
        yield from _table(header, rows)


def _notes(comparison: Comparison) -> Iterator[str]:
    pairs = comparison.pairs
    sites = [d for pair in pairs for d in pair.differences]
    notes = [
        *comparison.warnings,
        *(note for pair in pairs for note in _changed_in_kind(pair, comparison)),
        *_grouped((r.reason for r in comparison.associations if r.reason), "coefficients"),
        *_grouped((w for pair in pairs for w in pair.warnings), "comparisons"),
        *_grouped((w for d in sites for w in d.warnings), "pairs of sites"),
        *_grouped((f"no error known: {d.reason}" for d in sites if d.reason), "pairs of sites"),
    ]
    if notes:
        yield from _section("Notes")
    for note in notes:
        yield from _wrapped("-", printable(note))


def _changed_in_kind(pair: PairComparison, comparison: Comparison) -> Iterator[str]:
    """Name the sites that changed in kind, where names are in common or the graphs are alike."""
    if pair.alignment.method not in ("name", "structure"):
        return
    members = {member.label: member for member in comparison.members}
    for label, other, places in (
        (pair.a, pair.b, pair.alignment.unpaired_a),
        (pair.b, pair.a, pair.alignment.unpaired_b),
    ):
        sites = members[label].signature.sites
        names = [f"{sites[i].name} ({sites[i].activation})" for i in places]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        if names:
            shown = ", ".join(names[:_LISTED])
            yield f"{label} has sites without a partner in {other}: {shown}{more}"
    for d in pair.differences:
        if d.activation_a != d.activation_b:
            yield f"{d.site_b} is {d.activation_b} in {pair.b}, {d.activation_a} in {pair.a}"


def _grouped(texts: Iterable[str], noun: str) -> Iterator[str]:
    """Tell each text once, with how often it holds; those that differ in numbers are alike."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(_DIGITS.sub("#", text), []).append(text)
    for alike in groups.values():
        numbers = "" if len(set(alike)) == 1 else ", its numbers are the first one's"
        yield f"{alike[0]} ({noun}: {len(alike)}{numbers})"


def _wrapped(mark: str, text: str) -> Iterator[str]:
    for row, line in enumerate(wrap(text, _WIDTH - len(mark) - 3)):
        yield f"  {mark if row == 0 else ' ' * len(mark)} {line}"


def _reading(reading: Reading) -> str:
    return number(reading.value) if reading.reason is None else f"none: {reading.reason}"


def _name(text: str) -> str:
    return shorten(printable(text), _LABEL)


def _section(title: str) -> Iterator[str]:
    yield from ("", title)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lay out a table; words are cut in the middle where they would make it too wide."""
    lines = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(cells, column)) for column in zip(*lines, strict=True)]
    words = [i for i, name in enumerate(header) if name in _WORDS]
    while words and sum(widths) + 2 * (len(widths) - 1) > _WIDTH:
        widest = max(words, key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    for line in lines:
        shown = (shorten(cell, width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(
            pad(cell, width) if i in words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(shown, widths, strict=True))
        )

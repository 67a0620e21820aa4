"""The table for the terminal: plain ASCII around the model's own names, never wider than asked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from onnx_affscore.records import ActivationSite, Role, ScoredSite, Signature, Skipped, Status
from onnx_affscore.report.by_class import class_notes
from onnx_affscore.report.names import cells, printable, shorten, spans, wrap
from onnx_affscore.report.notes import (
    Note,
    activation_label,
    count,
    interval_notes,
    intervals,
    lacking,
    model_warnings,
    number,
    role_counts,
    site_warnings,
    skipped_groups,
    unmeasured,
    unscored,
    verdict,
)
from onnx_affscore.report.text_table import class_table, columns, widths

__all__ = ["sites_text", "to_text"]

WIDTH = 80
_BARS = (10, 5, 0)  # lengths of an affinity of 1; the longest for which no name must be cut
_LISTED = 8  # notes of one kind on the terminal; the files hold all of them
_ROLES: Mapping[str, str] = {Role.HIDDEN: "", Role.RECURRENT: "recur", Role.ATTENTION: "attn"}


def to_text(signature: Signature, *, width: int = WIDTH) -> str:
    """Render a signature as a table in execution order, notes, and a last line that counts."""
    data, run, model = signature.data, signature.run, signature.model
    where = f"{count(data['samples'], 'sample')} of {data['source']}, {run['device']}"
    if data["synthetic"] and "synthetic" not in data["source"]:
        where += ", synthetic input"
    lines = [
        f"Model  {shorten(printable(model.path), width - 7)}",
        f"Data   {shorten(printable(where), width - 7)}",
        "",
        *_site_table(signature, width),
        *_section("No score:", unscored(signature), width),
        *_interval_notes(signature, width),
        *_section("Warnings:", model_warnings(signature), width),
        *class_table(signature, width),
        *_items(class_notes(signature), width),
        "",
        *_totals(signature, width),
    ]
    return "\n".join(shorten(line.rstrip(), width) for line in lines) + "\n"


def sites_text(
    sites: Sequence[ActivationSite], skipped: Sequence[Skipped] = (), *, width: int = WIDTH
) -> str:
    """Render the activation sites of a model and the look-alikes that are none of them."""
    header = ("#", "name", "activation", "role", "axis")
    rows = [
        (
            str(site.index),
            printable(site.name),
            activation_label(site),
            str(site.role),
            "-" if site.feature_axis is None else str(site.feature_axis),
        )
        for site in sites
    ]
    lines = [
        *(columns(header, rows, "rlllr", width) if rows else []),
        *_section("No score:", unmeasured(sites), width),
        *_section("Warnings:", site_warnings(sites), width),
        *_look_alikes(skipped, width),
        "",
        *([f"Roles: {role_counts(site.role for site in sites)}"] if sites else []),
        f"{count(len(sites), 'activation')} found; {count(len(skipped), 'look-alike')} skipped",
    ]
    return "\n".join(shorten(line.rstrip(), width) for line in lines).lstrip("\n") + "\n"


def _site_table(signature: Signature, width: int) -> list[str]:
    sites = signature.sites
    if not sites:
        return []
    # Columns that say nothing make room for names: n where it is that of the data, roles and
    # intervals where there are none.
    told = signature.data["samples"]
    uneven = any(site.samples != told for site in sites if site.status == Status.OK)
    header = ("#", "name", "activation", "role", "n", "d", "rank", "affinity", "interval")
    align = "rlllrrrll"
    for bar in _BARS:
        rows = [
            (
                str(site.index),
                printable(site.name),
                printable(site.activation),
                printable(_ROLES.get(site.role, site.role)),
                _brief(site.samples) if uneven else "",
                _brief(site.features),
                _rank(site),
                _affinity(site, bar),
                _interval(site),
            )
            for site in sites
        ]
        kept = [k for k, column in enumerate(zip(*rows, strict=True)) if any(column)]
        title = [header[k] for k in kept]
        cells = [[row[k] for k in kept] for row in rows]
        if sum(widths(title, cells)) + 2 * (len(title) - 1) <= width:
            break
    return list(columns(title, cells, "".join(align[k] for k in kept), width))


def _affinity(site: ScoredSite, bar: int) -> str:
    if site.affinity is None or site.status != Status.OK:
        return printable(site.status)
    filled = round(min(max(site.affinity, 0.0), 1.0) * bar)
    return f"{number(site.affinity)} {'#' * filled}{'.' * (bar - filled)}".rstrip()


def _interval(site: ScoredSite) -> str:
    """The interval, or the verdict that there can be none."""
    ends = [site.scores.get(name) for name in ("affinity_low", "affinity_high")]
    numbers = [_end(end) for end in ends if isinstance(end, float)]
    if site.affinity is None or len(numbers) < len(ends):
        return lacking(site) or ""
    return "-".join(numbers)


def _end(value: float) -> str:
    """Write an end of an interval, as a rule in five characters: ``.7974``, ``1.000``."""
    text = number(value)
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else f"{value:.3f}"


def _rank(site: ScoredSite) -> str:
    before, after = (_brief(site.rank.get(side)) for side in ("input", "output"))
    return before if before == after else f"{before}/{after}"


def _brief(value: float | None) -> str:
    """Write a count in at most six characters."""
    if value is None:
        return "-"
    for unit in ("", "k", "M"):
        if value < 1e5:
            return f"{value:.0f}{unit}"
        value /= 1e3
    return f"{value:.2g}G"


def _section(title: str, notes: Sequence[Note], width: int) -> Iterator[str]:
    if notes:
        yield from ("", title)
        yield from _items(notes, width)


def _items(notes: Sequence[Note], width: int) -> Iterator[str]:
    for note in notes[:_LISTED]:
        where = ""
        if note.sites:
            listed = spans(note.sites)
            if cells(listed) > width // 3:
                listed = f"{spans(note.sites[:3])} and {len(note.sites) - 3} more"
            where = f"{'site' if len(note.sites) == 1 else 'sites'} {listed}: "
        heading = f"{note.heading}, " if note.heading else ""
        yield from _item(f"{printable(heading)}{where}{note.text}", width)
    if len(notes) > _LISTED:
        yield f"  and {len(notes) - _LISTED} more, in the files"


def _interval_notes(signature: Signature, width: int) -> Iterator[str]:
    counted = intervals(signature)
    if counted:
        scores = sum(many for _, many in counted)
        others = ", ".join(f"{many} {what}" for what, many in counted[1:])
        head = f"Intervals of 95 %: {counted[0][1]} of {count(scores, 'score')}"
        yield ""
        yield from wrap(f"{head}; {others}" if others else head, width)
        yield from _items(interval_notes(signature), width)


def _look_alikes(skipped: Iterable[Skipped], width: int) -> Iterator[str]:
    groups = skipped_groups(skipped)
    if groups:
        yield from ("", "Look-alikes, skipped:")
    for (op_type, reason), names in groups.items():
        many = f" ({len(names)} nodes)" if len(names) > 1 else ""
        yield from _item(f"{op_type}{many}: {reason}", width)
        yield from (f"      {shorten(name, width - 6)}" for name in names)


def _item(text: str, width: int) -> Iterator[str]:
    for row, line in enumerate(wrap(text, width - 4)):
        yield f"  - {line}" if row == 0 else f"    {line}"


def _totals(signature: Signature, width: int) -> Iterator[str]:
    summary = signature.summary
    if summary["scored"]:
        shown = ((name, summary[name]) for name in ("mean", "std", "min", "max"))
        apart = {site.role == Role.PROBE for site in signature.sites if site.affinity is not None}
        line = "   ".join(f"{name} {number(value)}" for name, value in shown)
        yield line + ("   (without probes)" if len(apart) > 1 else "")
    skipped = len(signature.skipped)
    found = count(len(signature.sites), "activation") + " found"
    counts = ", ".join(f"{many} {what}" for what, many in verdict(signature))
    line = f"{found}: {counts}; {count(skipped, 'look-alike')} skipped"
    for spare in (" look-alikes", " look-alike", " found"):
        if cells(line) > width:
            line = line.replace(spare, "")
    yield line

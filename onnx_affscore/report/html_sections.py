"""The parts of the HTML report that are text: alerts, tiles, legend, notes, provenance."""

from collections.abc import Iterator, Mapping
from typing import Any

from onnx_affscore.records import Role, Signature
from onnx_affscore.report.html_tables import adequacy_table, legend_mark, safe
from onnx_affscore.report.marks import is_filled
from onnx_affscore.report.names import spans
from onnx_affscore.report.notes import (
    Note,
    count,
    interval_notes,
    intervals,
    lacking,
    missing_scores,
    model_warnings,
    number,
    role_counts,
    skipped_groups,
    unscored,
    verdict,
)
from onnx_affscore.report.repeating import command_again
from onnx_affscore.report.svg import ring

__all__ = ["alerts", "facts", "judged", "legend", "notes", "subtitle", "tiles"]

_CROSS = (
    '<svg viewBox="-8 -8 16 16" aria-hidden="true"><path class="cross" d="M-5 -5L5 5M5 -5L-5 5"/>'
    "</svg>"
)


def subtitle(signature: Signature) -> str:
    """Say in a line what was found and on what it was measured."""
    roles = role_counts(site.role for site in signature.sites)
    found = f"{count(len(signature.sites), 'activation')} found"
    data = f"{count(signature.data['samples'], 'sample')} of {safe(signature.data['source'])}"
    return f"{found}{f' ({roles})' if roles else ''}, measured on {data}"


def alerts(signature: Signature) -> Iterator[str]:
    """Yield what must be read before any score."""
    if signature.data["synthetic"]:
        yield (
            "<strong>The input was made up.</strong> These scores describe the model on synthetic "
            "input, not on the data it was trained for."
        )
    if not signature.summary["scored"]:
        yield "<strong>No activation got a score.</strong> The reasons are below."


def tiles(signature: Signature) -> Iterator[tuple[str, str]]:
    """Yield the names and values of the figures at the top."""
    summary = signature.summary
    yield "mean affinity", number(summary["mean"])
    for name in ("median", "min", "max", "std"):
        yield name, number(summary[name])
    yield "scored", f"{summary['scored']} of {summary['sites']}"
    counted = intervals(signature)
    if counted:
        yield "with an interval", f"{counted[0][1]} of {sum(many for _, many in counted)}"
    yield "warnings", str(len(model_warnings(signature)))


def legend(signature: Signature) -> Iterator[str]:
    """Yield what the marks of the drawing mean."""
    scored = [site for site in signature.sites if site.affinity is not None]
    found = [site.activation for site in scored]
    for activation in dict.fromkeys(found):
        filled = any(is_filled(site) for site in scored if site.activation == activation)
        many = found.count(activation)
        yield f"{legend_mark(activation, filled=filled)}{safe(activation)} ({many})"
    hollow = dict.fromkeys(site.role for site in scored if not is_filled(site))
    if hollow:
        known = [str(role) for role in Role if role in hollow]
        yield f"{legend_mark('Custom', filled=False)}hollow: {' or '.join(known)}"
    if len(scored) < len(signature.sites):
        yield f"{_CROSS}no score"
    if any(site.scores.get("affinity_low") is not None for site in scored):
        yield "vertical line: 95 % interval, often within the mark"
    if any(map(lacking, scored)):
        yield f'<svg viewBox="-8 -8 16 16" aria-hidden="true">{ring(radius=6.5)}</svg>no interval'


def notes(signature: Signature) -> Iterator[str]:
    """Yield what a reader must be told beside the numbers."""
    yield from _section("Activations without a score", unscored(signature))
    yield from _section("Intervals", interval_notes(signature))
    yield from _section("Warnings", model_warnings(signature))
    yield from _left_out(signature.data.get("skipped") or {"count": 0})
    groups = skipped_groups(signature.skipped)
    if groups:
        yield "<h2>Look-alikes, skipped</h2>\n<ul>"
        for (op_type, reason), names in groups.items():
            listed = ", ".join(f"<code>{safe(name)}</code>" for name in names)
            yield f"<li>{safe(op_type)}: {safe(reason)}<br>{listed}</li>"
        yield "</ul>"
    missing = missing_scores(signature)
    if missing:
        yield "<details>\n<summary>Numbers that could not be given</summary>"
        yield from _list(missing)
        yield "</details>"


def _left_out(skipped: Mapping[str, Any]) -> Iterator[str]:
    """The rows of the data that no score has seen, folded away: there may be a thousand."""
    if skipped["count"]:
        yield f"<details>\n<summary>{count(skipped['count'], 'row')} left out</summary>\n<ul>"
        for entry in skipped["rows"]:
            yield f"<li>row {safe(entry['row'])}: {safe(entry['reason'])}</li>"
        if skipped["count"] > len(skipped["rows"]):
            yield f"<li>and {skipped['count'] - len(skipped['rows'])} more</li>"
        yield "</ul>\n</details>"


def _section(title: str, notes: list[Note]) -> Iterator[str]:
    if notes:
        yield f"<h2>{title}</h2>"
        yield from _list(notes)


def _list(notes: list[Note]) -> Iterator[str]:
    yield "<ul>"
    for note in notes:
        head = f"<strong>{safe(note.heading)}</strong>: " if note.heading else ""
        one = "site" if len(note.sites) == 1 else "sites"
        where = f" ({one} {spans(note.sites)})" if note.sites else ""
        yield f"<li>{head}{safe(note.text)}{where}</li>"
    yield "</ul>"


def judged(signature: Signature) -> str:
    """Return the table of what n is worth, folded away; empty where the file does not judge it."""
    found = adequacy_table(signature.sites)
    if not found:
        return ""
    return (
        "<details>\n<summary>How well the samples know each score</summary>\n"
        '<div class="scroll" tabindex="0" role="region" aria-label="Adequacy">\n'
        f"{found}\n</div>\n</details>"
    )


def facts(signature: Signature) -> Iterator[tuple[str, str]]:
    """Yield where the numbers come from, and how they are had again."""
    model, data, run = signature.model, signature.data, signature.run
    yield "model", safe(model.path)
    yield "model SHA-256", f"<code>{safe(model.sha256)}</code>"
    yield "producer", safe(model.producer) or "–"
    yield "operator sets", safe(", ".join(f"{k or 'ai.onnx'} {v}" for k, v in model.opset.items()))
    yield "IR version", str(model.ir_version)
    yield "size", f"{count(model.nodes, 'node')}, {count(model.parameters, 'parameter')}"
    yield "data", f"{safe(data['source'])}{' (synthetic)' if data['synthetic'] else ''}"
    yield "samples", safe(data["samples"])
    if data.get("notes"):
        yield "notes on the data", safe("; ".join(data["notes"]))
    yield "data SHA-256", f"<code>{safe(data['sha256'] or '–')}</code>"
    yield "device", f"{safe(run['device'])} ({safe(', '.join(run['providers']))})"
    for key in ("batch_size", "seed", "pool", "covariance"):
        yield key.replace("_", " "), safe("–" if run[key] is None else run[key])
    yield "outputs verified", "yes" if run["outputs_verified"] else "no"
    yield "seconds", safe(_listed(run["seconds"]))
    yield "versions", safe(_listed(run["versions"]))
    yield "result", safe(", ".join(f"{many} {what}" for what, many in verdict(signature)))
    yield "to repeat it", f"<code>{safe(command_again(signature))}</code>"
    yield "schema version", safe(signature.schema_version)
    yield "method version", safe(signature.method_version)


def _listed(values: Mapping[str, object]) -> str:
    shown = {k: f"{v:.2f}" if isinstance(v, float) else v for k, v in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())

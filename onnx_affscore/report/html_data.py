"""What the script of the HTML report reads: plain data, in which no name can end the element."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from onnx_affscore.records import Role, ScoredSite, Signature
from onnx_affscore.report.columns import score_names
from onnx_affscore.report.html_labels import LABELS
from onnx_affscore.report.marks import is_filled, mark
from onnx_affscore.report.names import printable
from onnx_affscore.report.notes import (
    Note,
    activation_label,
    interval_notes,
    lacking,
    number,
    site_warnings,
    unscored,
)
from onnx_affscore.report.svg import SHAPES

__all__ = ["page_data", "site_words"]

_TRUNK = (Role.HIDDEN, Role.RECURRENT)
_OWN_PLACE = (
    "affinity",
    "affinity_low",
    "affinity_high",
    "covariance",
)  # not in the list of scores


def page_data(members: Sequence[tuple[str, Signature]]) -> str:
    """Return labelled signatures as JSON for a ``script`` element.

    All ``sites`` are in one list, in the order of the table's rows; each has the number of its
    ``series``. Control characters are shown by their escapes.
    """
    document = {
        "series": [
            {"label": printable(label), "mean": signature.summary["mean"]}
            for label, signature in members
        ],
        "sites": [
            {"series": place, **_site(signature, site)}
            for place, (_, signature) in enumerate(members)
            for site in signature.sites
        ],
        "shapes": SHAPES,
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _site(signature: Signature, site: ScoredSite) -> dict[str, Any]:
    look = mark(site.activation)
    return {
        "index": site.index,
        "name": printable(site.name),
        "activation": activation_label(site),
        "family": printable(site.activation),
        "role": printable(site.role),
        "kin": look.kin,
        "shape": look.shape,
        "filled": is_filled(site),
        "trunk": site.role in _TRUNK,
        "affinity": site.affinity,
        "low": site.scores.get("affinity_low"),
        "high": site.scores.get("affinity_high"),
        "lacking": lacking(site),
        "status": printable(site.status),
        "facts": dict(_facts(site)),
        "words": list(site_words(signature, site)),
        "warnings": [note.text for note in site_warnings([site])],
        "scores": _scores(site),
        "details": site.details,
    }


def site_words(signature: Signature, site: ScoredSite) -> Iterator[str]:
    """Say in sentences what is known of one site: its score, how well n knows it, what lacks."""
    alone = replace(signature, sites=(site,))
    value = site.affinity
    if value is None:
        yield from (f"No score: {_told(note)}." for note in unscored(alone))
        return
    missed = 100.0 * max(1.0 - value, 0.0)
    yield (
        f"Affinity {number(value)}: the best affine map misses the activation by {missed:.0f} % of "
        "the largest possible distance. 1 is affine in use."
    )
    low, high = (site.scores.get(name) for name in ("affinity_low", "affinity_high"))
    if isinstance(low, float) and isinstance(high, float):
        yield f"Other samples of the same source would give {number(low)} to {number(high)} (95 %)."
    ratio = site.adequacy.get("samples_per_direction")
    if isinstance(ratio, int | float):
        yield f"{site.samples} samples, {ratio:.3g} for each direction of the data."
    yield from (f"{_told(note)}." for note in interval_notes(alone))


def _told(note: Note) -> str:
    return f"{note.heading}: {note.text}" if note.heading else note.text


def _facts(site: ScoredSite) -> Iterator[tuple[str, str]]:
    yield "activation", activation_label(site)
    yield "role", printable(site.role)
    yield "samples × features", f"{site.samples} × {_shown(site.features)}"
    yield (
        "rank before, after",
        f"{_shown(site.rank.get('input'))}, {_shown(site.rank.get('output'))}",
    )
    yield "estimate", printable(str(site.scores.get("covariance") or "–"))
    solver, certificate = (site.transport.get(name) for name in ("solver", "certificate"))
    if solver:
        yield "transport", printable(f"{solver}, certificate: {certificate or 'none'}")
    yield "tensors", printable(f"{site.input} → {site.output}")


def _shown(value: object) -> str:
    return "–" if value is None else printable(str(value))


def _scores(site: ScoredSite) -> list[Mapping[str, Any]]:
    if site.affinity is None:
        return []
    return [
        {
            "label": printable(LABELS.get(name, name.replace("_", " "))),
            "value": site.scores.get(name),
            "reason": printable(site.reasons.get(name, "")),
        }
        for name in score_names([site])
        if name not in _OWN_PLACE
    ]

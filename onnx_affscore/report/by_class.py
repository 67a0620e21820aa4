"""The signature of one class, as a signature of its own, and the matrix of sites and classes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import final

from onnx_affscore.errors import DataError
from onnx_affscore.groups import Group, GroupSite
from onnx_affscore.records import ScoredSite, Signature
from onnx_affscore.report.names import printable
from onnx_affscore.report.notes import Note, count

__all__ = ["ClassRow", "class_notes", "class_rows", "each_class", "of_class"]

_WHOLE = "measured on all classes together"


@final
@dataclass(frozen=True, slots=True)
class ClassRow:
    """A line of the matrix: a site, and what it scored on each class."""

    site: ScoredSite
    classes: tuple[GroupSite, ...]


def of_class(signature: Signature, name: str) -> Signature:
    """Return the signature of the class called ``name``.

    What was measured on all classes together is left out. Raises :class:`DataError` where there
    is no such class, or no scores by class.
    """
    groups = signature.groups
    if groups is None:
        raise DataError(
            f"no class {printable(name)!r}: the signature has no scores by class; make them with"
            " 'score --by label'"
        )
    found = next((group for group in groups.classes if group.name == name), None)
    if found is None:
        known = ", ".join(map(printable, groups.names[:20]))
        more = f" and {len(groups.names) - 20} more" if len(groups.names) > 20 else ""
        raise DataError(f"no class {printable(name)!r}; the signature has {known}{more}")
    return _signature(signature, found)


def each_class(signature: Signature) -> Iterator[tuple[str, Signature]]:
    """Yield the name and the signature of every class."""
    for group in () if signature.groups is None else signature.groups.classes:
        yield group.name, _signature(signature, group)


def _signature(signature: Signature, group: Group) -> Signature:
    own = {site.name: site for site in group.sites}
    return replace(
        signature,
        data={
            **signature.data,
            "source": f"{signature.data['source']}, class {group.name}",
            "samples": group.samples,
            "sha256": _digest(signature, group),
            "class": group.name,
        },
        sites=tuple(_site(s, own[s.name]) if s.name in own else s for s in signature.sites),
        warnings=(),
        groups=None,
    )


def _digest(signature: Signature, group: Group) -> str | None:
    """What says that two signatures are of one class of the same data, labelled alike."""
    whole = signature.data.get("sha256")
    told = (whole, signature.run.get("label"), group.name, group.samples)
    return None if whole is None else sha256(repr(told).encode()).hexdigest()


def _site(site: ScoredSite, own: GroupSite) -> ScoredSite:
    missing = [name for name in site.scores if own.scores.get(name) is None]
    return replace(
        site,
        samples=own.samples,
        status=own.status,
        reason=own.reason,
        scores=dict.fromkeys(site.scores) | dict(own.scores),
        reasons=dict.fromkeys(missing, own.reason or _WHOLE),
        rank=dict.fromkeys(site.rank),
        transport=dict.fromkeys(site.transport),
        adequacy=dict.fromkeys(site.adequacy) | {"verdict": own.verdict},
        warnings=(),
        details={},
    )


def class_rows(signature: Signature) -> list[ClassRow]:
    """Return the matrix of scores by class: a row for each site that was scored by class."""
    groups = signature.groups
    if groups is None or not groups.classes:
        return []
    by_name = [{site.name: site for site in group.sites} for group in groups.classes]
    return [
        ClassRow(site, tuple(own[site.name] for own in by_name))
        for site in signature.sites
        if all(site.name in own for own in by_name)
    ]


def class_notes(signature: Signature) -> list[Note]:
    """Say why classes have no score, and how many scores have no interval."""
    found: dict[tuple[str, str], list[str]] = {}
    verdicts: dict[str, int] = {}
    for group in () if signature.groups is None else signature.groups.classes:
        for site in group.sites:
            if site.affinity is None:
                key = (site.status, printable(site.reason or "not told"))
                found.setdefault(key, []).append(group.name)
            elif site.verdict is not None:
                verdicts[site.verdict] = verdicts.get(site.verdict, 0) + 1
    notes = [
        Note(status, f"{_named(classes)}: {reason}") for (status, reason), classes in found.items()
    ]
    total = sum(verdicts.values())
    others = [f"{many} {what}" for what, many in verdicts.items() if what != "adequate"]
    if others:
        known = verdicts.get("adequate", 0)
        head = f"{known} of {count(total, 'score')} by class have one of 95 %"
        notes.append(Note("intervals", f"{head}; {', '.join(others)}"))
    return notes


def _named(classes: list[str]) -> str:
    """``class cat``, ``classes cat, dog and 3 more``."""
    names = list(dict.fromkeys(map(printable, classes)))
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"{'class' if len(names) == 1 else 'classes'} {', '.join(names[:5])}{more}"

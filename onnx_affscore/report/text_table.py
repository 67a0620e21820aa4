"""Columns of text of one width: of the sites, and of the sites by class."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from onnx_affscore.groups import GroupSite
from onnx_affscore.records import Signature, Status
from onnx_affscore.report.by_class import class_rows, each_class
from onnx_affscore.report.names import cells, pad, printable, shorten

__all__ = ["class_table", "columns", "widths"]

_NAME = 12  # the name column never gets narrower; the activation gives way first
_SHORT: Mapping[str, str] = {Status.DEGENERATE: "degen", Status.UNDEFINED: "undef"}
_CLASS = 5  # columns of a class: .5500
_CLASS_NAME = 12  # its name may take these where all classes fit


def widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the cells that each column takes."""
    return [max(map(cells, column)) for column in zip(header, *rows, strict=True)]


def columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], align: str, width: int
) -> Iterator[str]:
    """Lay out a table; the second column takes what is left, cut in the middle."""
    wide = widths(header, rows)
    over = sum(wide) + 2 * (len(wide) - 1) - width
    for column, least in ((1, _NAME), (2, len("activation")), (1, 4)):
        cut = min(max(over, 0), max(wide[column] - least, 0))
        wide[column] -= cut
        over -= cut
    place: dict[str, Callable[[str, int], str]] = {"l": pad, "r": str.rjust}
    for row in (header, *rows):
        yield "  ".join(
            place[side](shorten(cell, most), most)
            for cell, side, most in zip(row, align, wide, strict=True)
        )


def class_table(signature: Signature, width: int) -> Iterator[str]:
    """Lay out the affinities of sites and classes, as many classes as fit."""
    rows = class_rows(signature)
    groups = signature.groups
    if groups is None or not rows:
        return
    index = max(len(str(row.site.index)) for row in rows)
    room = width - index - 2 - _NAME
    fitting = max(1, room // (_CLASS + 2))
    wide = min(max(room // len(groups.classes) - 2, _CLASS), _CLASS_NAME)
    shown = groups.classes[:fitting]
    means = [own.summary["mean"] for _, own in islice(each_class(signature), fitting)]
    header = ("#", "name", *(shorten(printable(group.name), wide) for group in shown))
    body = [
        (
            str(row.site.index),
            printable(row.site.name),
            *(_affinity(site) for site in row.classes[:fitting]),
        )
        for row in rows
    ]
    body.append(("", "mean", *(_short(mean) for mean in means)))
    body.append(("", "samples", *(_count(group.samples) for group in shown)))
    yield ""
    yield f"Affinity by {groups.by}:"
    yield from columns(header, body, "rl" + "r" * len(shown), width)
    left = len(groups.classes) - len(shown)
    if left:
        yield f"  - and {left} more class{'es' if left > 1 else ''}, in the files"


def _affinity(site: GroupSite) -> str:
    if site.affinity is None:
        return printable(_SHORT.get(site.status, site.status))
    return _short(site.affinity)


def _short(value: float | None) -> str:
    """Write a score in five characters: ``.7974``, ``1.000``."""
    if value is None:
        return "-"
    text = f"{value:.4f}"
    return text.replace("0.", ".", 1) if text.startswith("0.") else f"{value:.3f}"


def _count(value: int) -> str:
    for unit in ("", "k", "M"):
        if value < 1e4:
            return f"{value:.0f}{unit}"
        value = round(value / 1e3)
    return f"{value:.2g}G"

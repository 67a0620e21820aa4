"""From the columns of a table to the inputs of a model, whatever kind of file holds the table."""

import csv
import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from math import prod

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.elements import element_type, kind_of
from onnx_affscore.data.fit import required, shown
from onnx_affscore.data.frames import Field, Frame, Group, listed
from onnx_affscore.data.items import fit_rows
from onnx_affscore.data.opening import Request, Table
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Array, InputHint

__all__ = ["as_table", "chosen_places", "place_of"]

_RANGE = re.compile(r"(\d+)-(\d+)")


def as_table(frame: Frame, request: Request) -> Table:
    """Give every input its columns.

    Inputs that are called like columns take these; a single input takes all columns of numbers in
    their order, or those that ``--columns`` names. What ``--label`` names is no feature.

    Raises
    ------
    DataError
        Names or numbers of columns do not suit the inputs.
    OptionError
        ``--columns`` is no list.
    """
    if frame.count < 1:
        raise DataError(f"{frame.where}: found no row of data; give at least one")
    label = _label(frame, request)
    chosen = chosen_places(frame, request.feeding.columns)
    hints = tuple(h for h in required(request.hints) if h.sample_axis is not None)
    if not hints:
        raise DataError(
            f"{frame.where}: none of the model's further inputs counts samples; leave this data out"
        )
    named = _by_name(frame, hints, chosen)
    if named is None and len(hints) > 1:
        raise _no_names(frame, hints)
    if named is None:
        places = _features(frame, hints[0], chosen, label)
        named = {hints[0].spec.name: places}
    wanted = {h.spec.name: h for h in hints}
    groups = {n: Group(p, _kind(wanted[n])) for n, p in named.items()}
    reader = _Reader(frame, tuple(groups.values()))
    columns = {
        name: _column(frame, wanted[name], group, read=reader.of(number))
        for number, (name, group) in enumerate(groups.items())
    }
    return Table(
        columns,
        (*frame.notes, *_said(frame, groups, label)),
        None if label is None else frame.labels(label),
        heeded=frozenset({"columns"}),
    )


class _Reader:
    """Reads what all inputs take of the same rows at once, and once."""

    def __init__(self, frame: Frame, groups: tuple[Group, ...]) -> None:
        self._frame = frame
        self._groups = groups
        self._last: tuple[Rows, list[Array]] | None = None

    def of(self, number: int) -> Callable[[Rows], Array]:
        def read(rows: Rows) -> Array:
            if self._last is None or not np.array_equal(self._last[0], rows):
                self._last = rows, self._frame.read(rows, self._groups)
            return self._last[1][number]

        return read


def _label(frame: Frame, request: Request) -> int | None:
    label = request.feeding.label
    return None if label is None else place_of(frame, label, option="--label")


def chosen_places(frame: Frame, columns: str | None) -> tuple[int, ...] | None:
    """The places that ``--columns`` names: names, numbers from 1 on, ranges of such."""
    if columns is None:
        return None
    try:
        (parts,) = csv.reader([columns], skipinitialspace=True)
    except csv.Error as exc:
        raise OptionError(
            f"--columns: found {columns[:80]!r}, which is no list; give names or numbers of columns"
            ' separated by commas, and a name with a line break in quotation marks (")'
        ) from exc
    places: list[int] = []
    for part in (p.strip() for p in parts if p.strip()):
        span = _RANGE.fullmatch(part)
        if span is None or any(f.name == part for f in frame.fields):
            places.append(place_of(frame, part, option="--columns"))
            continue
        first, last = int(span[1]), int(span[2])
        if not 1 <= first <= last <= len(frame.fields):
            raise DataError(
                f"{frame.where}: found --columns {part}, but the columns are 1 to"
                f" {len(frame.fields)}"
            )
        places += range(first - 1, last)
    if not places:
        raise DataError(f"{frame.where}: --columns names no column")
    return tuple(places)


def place_of(frame: Frame, text: str, *, option: str) -> int:
    """A column by its name, or by its number from 1 on."""
    names = [f.name for f in frame.fields]
    if names.count(text) == 1:
        return names.index(text)
    if text in names:
        numbers = [str(i + 1) for i, name in enumerate(names) if name == text]
        raise DataError(
            f"{frame.where}: {len(numbers)} columns are called '{text}'; {option} takes one of"
            f" their numbers: {', '.join(numbers)}"
        )
    if text.isdecimal() and 1 <= int(text) <= len(names):
        return int(text) - 1
    near = get_close_matches(text, names, n=1)
    cure = f"did you mean '{near[0]}'?" if near else "give one of these, or its number from 1 on"
    raise DataError(
        f"{frame.where}: {option} names '{text}', but the columns are {listed(names)}; {cure}"
    )


def _by_name(
    frame: Frame, hints: Sequence[InputHint], chosen: tuple[int, ...] | None
) -> dict[str, tuple[int, ...]] | None:
    """Each input's own column where all are called like one, None where none is."""
    allowed = range(len(frame.fields)) if chosen is None else chosen
    places = {frame.fields[p].name: p for p in reversed(allowed)}
    found: dict[str, tuple[int, ...]] = {
        h.spec.name: (places[h.spec.name],) for h in hints if h.spec.name in places
    }
    if (
        len(hints) == 1
        and found
        and not _is_whole(frame.fields[places[hints[0].spec.name]], hints[0])
    ):
        return None
    if not found:
        return None
    missing = [h.spec.name for h in hints if h.spec.name not in found]
    if missing:
        raise DataError(
            f"{frame.where}: found columns for {listed(found)}, but none called"
            f" {listed(missing)}, as inputs of the model are; the columns are {_names(frame)}"
        )
    return found


def _is_whole(field: Field, hint: InputHint) -> bool:
    """Whether one column is all that an input takes: one of ``x, y, z`` is not, for a wide x."""
    tail = [d for axis, d in enumerate(hint.spec.shape or ()) if axis != hint.sample_axis]
    return bool(field.shape) or all(d == 1 for d in tail)


def _features(
    frame: Frame, hint: InputHint, chosen: tuple[int, ...] | None, label: int | None
) -> tuple[int, ...]:
    """The columns that a single input takes together."""
    text = kind_of(element_type(hint.spec)) == "Python objects"
    if chosen is None:
        left = frame.index | ({label} if label is not None else set())
        fit = [
            place
            for place, field in enumerate(frame.fields)
            if place not in left and (field.kind == "text" if text else field.numeric)
        ]
        nested = [p for p in fit if frame.fields[p].shape]
        chosen = tuple(nested if len(nested) == 1 else fit)
    if label is not None and label in chosen:
        raise DataError(
            f"{frame.where}: column '{frame.fields[label].name}' is both of --label and --columns"
        )
    fields = [frame.fields[p] for p in chosen]
    if not fields:
        what = "text" if text else "numbers"
        raise DataError(
            f"{frame.where}: found no column of {what} for input '{hint.spec.name}'; the columns"
            f" are {_names(frame)}"
        )
    if len(fields) > 1 and any(f.shape for f in fields):
        raise DataError(
            f"{frame.where}: found {len(fields)} columns, some of which hold arrays"
            f" ({listed(f.name for f in fields if f.shape)}), for input '{hint.spec.name}'; name"
            " one with --columns"
        )
    return chosen


def _column(
    frame: Frame, hint: InputHint, group: Group, *, read: Callable[[Rows], Array]
) -> Column:
    odd = next((f for f in map(frame.fields.__getitem__, group.places) if not f.fed), None)
    if odd is not None:
        raise DataError(
            f"{frame.where}: column '{odd.name}' is {odd.kind}, for input '{hint.spec.name}'; make"
            " numbers or text of it"
        )
    shape = _row_shape(frame, hint, group)
    where = (
        frame.where if len(group.places) > 1 else f"{frame.where}, column " + _called(frame, group)
    )

    def shaped(rows: Rows) -> Array:
        return read(rows).reshape(len(rows), *shape)

    return fit_rows(
        shaped, hint, count=frame.count, shape=shape, dtype=frame.dtype(group), where=where
    )


def _row_shape(frame: Frame, hint: InputHint, group: Group) -> tuple[int, ...]:
    """The shape of one row, from what the input declares and how many values there are."""
    field = frame.fields[group.places[0]]
    count = len(group.places)
    flat: tuple[int, ...] = field.shape or (count,)
    declared = hint.spec.shape
    if declared is None:
        return flat
    tail = [d for axis, d in enumerate(declared) if axis != hint.sample_axis]
    fixed = [d for d in tail if isinstance(d, int)]
    if len(fixed) == len(tail) and prod(fixed) == prod(flat):
        return tuple(fixed)
    if len(tail) == len(flat) and all(
        not isinstance(want, int) or want == have for have, want in zip(flat, tail, strict=True)
    ):
        return flat
    if field.shape:
        raise DataError(
            f"{frame.where}: column '{field.name}' holds arrays {field.shape}, but input"
            f" '{hint.spec.name}' wants {shown(hint.spec)}"
        )
    wants = str(prod(fixed)) if len(fixed) == len(tail) else shown(hint.spec)
    raise DataError(
        f"{frame.where}: found {count} columns ({listed(_of(frame, group))}), but input"
        f" '{hint.spec.name}' wants {wants}; name them with --columns, and the class with --label"
    )


def _kind(hint: InputHint) -> str:
    kind = kind_of(element_type(hint.spec))
    if kind == "complex":
        raise DataError(
            f"input '{hint.spec.name}' wants {hint.spec.dtype}, which no column of a table holds;"
            " give a .npy file"
        )
    return "text" if kind == "Python objects" else kind


def _no_names(frame: Frame, hints: Sequence[InputHint]) -> DataError:
    wanted = ", ".join(f"'{h.spec.name}' ({shown(h.spec)})" for h in hints[:8])
    texts = any(field.kind == "text" for field in frame.fields)
    return DataError(
        f"{frame.where}: the model has {len(hints)} inputs, {wanted}, and no column is called like"
        f" one; the columns are {_names(frame)}; call them like the inputs"
        f"{', or give text to a model of tokens with --tokenizer' if texts else ''}"
    )


def _said(frame: Frame, groups: dict[str, Group], label: int | None) -> list[str]:
    notes = [
        f"{frame.where}: {'columns' if len(g.places) > 1 else 'column'}"
        f" {listed(_of(frame, g))} for '{name}'"
        for name, g in groups.items()
        if list(_of(frame, g)) != [name]
    ]
    taken = {p for g in groups.values() for p in g.places} | {label}
    unused = [f.name for p, f in enumerate(frame.fields) if p not in taken]
    return notes + ([f"{frame.where}: not used: {listed(unused)}"] if unused else [])


def _of(frame: Frame, group: Group) -> list[str]:
    return [frame.fields[p].name for p in group.places]


def _called(frame: Frame, group: Group) -> str:
    return f"'{frame.fields[group.places[0]].name}'"


def _names(frame: Frame) -> str:
    return listed(f"{f.name} ({f.kind})" for f in frame.fields)

"""Texts by row, one at a time from their file: .txt by line or paragraph, .jsonl by field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from onnx_affscore.data.stretches import Stretches, index_stretches
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.given_json import parsed
from onnx_affscore.records import Labels

__all__ = ["Text", "Texts", "json_texts", "plain_texts"]


_FIELDS: Final = frozenset({"text_field", "pair_field", "target_field"})
"""What names the texts of a row where a row has several things."""


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a row, the other text of a pair, and what a decoder is to say to it."""

    source: str
    pair: str | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """As many texts as ``count``; ``read`` raises DataError where that row cannot be read.

    ``unit`` is what a row is in the file, in the plural; ``place`` says where a row is.
    ``heeded`` names the fields of :class:`Feeding` that say which text is read.
    """

    name: str
    count: int
    unit: str
    read: Callable[[int], Text]
    place: Callable[[int], str]
    notes: tuple[str, ...] = ()
    labels: Labels | None = None
    heeded: frozenset[str] = _FIELDS


def plain_texts(path: Path, feeding: Feeding) -> Texts:
    """Return the lines of a text file, or its paragraphs."""
    lines = index_stretches(path, paragraphs=feeding.text_unit == "paragraph")
    return Texts(
        str(path),
        len(lines),
        f"{feeding.text_unit}s",
        lambda row: Text(lines.read(row)),
        lines.place,
        _of_empty(lines, path) if feeding.text_unit == "line" else (),
        heeded=frozenset({"text_unit"}),
    )


def json_texts(path: Path, feeding: Feeding) -> Texts:
    """Return a text for every line of a file whose lines are JSON objects.

    The label is a field, too; a row without one cannot be read.
    """
    lines = index_stretches(path)
    fields = [feeding.text_field, feeding.pair_field, feeding.target_field]

    def read(row: int) -> Text:
        found = _object(lines, row)
        source, pair, target = (
            None if field is None else _text(found, field, lines.place(row)) for field in fields
        )
        if feeding.label is not None:
            _field(found, feeding.label, lines.place(row), option="--label")
        return Text(source or "", pair, target)

    labels = None if feeding.label is None else Labels.of(list(_labels(lines, feeding.label)))
    notes = _of_empty(lines, path)
    return Texts(str(path), len(lines), "lines", read, lines.place, notes, labels)


def _of_empty(lines: Stretches, path: Path) -> tuple[str, ...]:
    return (f"{path}: {lines.empty} empty line(s) left out",) if lines.empty else ()


def _labels(lines: Stretches, field: str) -> Iterator[str]:
    """The label of every row, empty for one that cannot be read: it is left out, or an error."""
    for row in range(len(lines)):
        try:
            yield str(_field(_object(lines, row), field, "", option="--label"))
        except DataError:
            yield ""


def _object(lines: Stretches, row: int) -> dict[str, Any]:
    text = lines.read(row)
    try:
        found = parsed(text)
    except ValueError as exc:
        raise DataError(f"{lines.place(row)}: found no JSON ({exc})") from exc
    if not isinstance(found, dict):
        raise DataError(
            f"{lines.place(row)}: found {type(found).__name__}; wanted a JSON object with fields"
        )
    return found


def _field(found: dict[str, Any], name: str, place: str, *, option: str) -> Any:
    """A field by its name, or by a path of names with dots: ``translation.en``."""
    if name in found:
        return found[name]
    inner: Any = found
    for part in name.split("."):
        if not isinstance(inner, dict) or part not in inner:
            have = ", ".join(f"'{key}'" for key in list(found)[:8]) or "none"
            raise DataError(
                f"{place}: found no field '{name}', the fields are {have}; name one with {option}"
            )
        inner = inner[part]
    return inner


def _text(found: dict[str, Any], name: str, place: str) -> str:
    value = _field(found, name, place, option="--text-field")
    if not isinstance(value, str):
        raise DataError(f"{place}: found {type(value).__name__} in '{name}'; wanted text")
    return value

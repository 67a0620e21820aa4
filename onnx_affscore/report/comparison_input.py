"""What a comparison reads: signature files and folders of them, accuracies from a table."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import final

from onnx_affscore.comparison import refuse_mixed_methods
from onnx_affscore.errors import DataError
from onnx_affscore.records import Signature
from onnx_affscore.report.names import printable
from onnx_affscore.report.signature_json import load

__all__ = ["Collected", "collect", "read_accuracies", "with_accuracies"]

_SUFFIX = ".json"
_PLAIN_NAME = "signature"  # what `score --output-dir D` writes: the folder names the model


@final
@dataclass(frozen=True, slots=True)
class Collected:
    """Signatures with the files they came from, their labels, and their families.

    ``accuracies`` are by label, None where none were given.
    """

    files: tuple[str, ...]
    signatures: tuple[Signature, ...]
    labels: tuple[str, ...]
    families: tuple[str | None, ...]
    accuracies: Mapping[str, float] | None = None
    warnings: tuple[str, ...] = ()


def collect(paths: Sequence[str]) -> Collected:
    """Read signature files, and folders of them with all their sub-folders, in order of names.

    A folder is a family, and so is each folder in it; files of a folder that are no signatures
    are left out with a warning. The label is the file's name without its suffix, made unique by
    its folder's. ``FILE.json#CLASS`` is one class of a signature. Raises :class:`DataError` where
    a file is no signature or has no such class, and where signatures were made by different
    versions of the method.
    """
    files: list[Path] = []
    classes: list[str | None] = []
    families: list[str | None] = []
    signatures: list[Signature] = []
    warnings: list[str] = []
    for text in paths:
        given, name = _with_class(text)
        if not given.is_dir():
            files.append(given)
            classes.append(name)
            families.append(None)
            found = load(given)
            signatures.append(found if name is None else _class(found, name, of=given))
            continue
        for file in sorted(given.rglob("*.json")):
            try:
                signatures.append(load(file))
            except DataError as exc:
                warnings.append(f"left out: {exc}")
                continue
            files.append(file)
            classes.append(None)
            families.append(_named(file).parent.resolve().name)
    refuse_mixed_methods([str(file) for file in files], signatures)
    return Collected(
        files=tuple(map(str, files)),
        signatures=tuple(signatures),
        labels=tuple(_labels([_named(file) for file in files], classes)),
        families=tuple(families),
        warnings=tuple(warnings),
    )


def _class(signature: Signature, name: str, *, of: Path) -> Signature:
    try:
        return signature.of_class(name)
    except DataError as exc:
        raise DataError(f"{of}: {exc}") from exc


def read_accuracies(path: str, *, column: str | None = None) -> dict[str, float]:
    """Read names and accuracies from a CSV file with a header; ``99.1%`` is 99.1.

    The first column names the model: a label, or a file. ``column`` has the accuracies; without
    it, the one called ``accuracy``, or the second of two. Raises :class:`DataError`.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"cannot read the accuracies {path}: {exc}") from exc
    lines = list(csv.reader(text.splitlines()))
    header = [name.strip() for name in lines[0]] if lines else []
    place = _column(header, column, path)
    found: dict[str, float] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        name = line[0].strip()
        shown = line[place].strip() if place < len(line) else ""
        try:
            value = float(shown.removesuffix("%"))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{path}, line {number}: found {shown!r}; wanted a number")
        if name in found:
            raise DataError(f"{path}, line {number}: {name!r} a second time; wanted one row each")
        found[name] = value
    return found


def with_accuracies(collected: Collected, path: str, *, column: str | None = None) -> Collected:
    """Add the accuracies of a table, see :func:`read_accuracies`, and a warning of those left.

    A row fits a signature by label, else by the path or name of its file or of the model's.
    Raises :class:`DataError` where a row fits several, or several fit one.
    """
    accuracies = read_accuracies(path, column=column)
    by_label: dict[str, float] = {}
    lost = []
    for name, value in accuracies.items():
        labels = _fitting(name, collected)
        if len(labels) > 1:
            raise DataError(f"the accuracy of {name!r} fits {', '.join(labels)}; name a label")
        if labels and labels[0] in by_label:
            raise DataError(f"two accuracies fit {labels[0]!r}, one of them named {name!r}")
        if not labels:
            lost.append(name)
        by_label |= dict.fromkeys(labels, value)
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    text = f"accuracies of models that are not compared: {', '.join(lost[:5])}{more}"
    warnings = (*collected.warnings, text) if lost else collected.warnings
    return replace(collected, accuracies=by_label, warnings=warnings)


def _with_class(text: str) -> tuple[Path, str | None]:
    """Split FILE#CLASS; a file may have such a name itself."""
    before, sign, name = text.partition(f"{_SUFFIX}#")
    if not sign or Path(text).exists():
        return Path(text), None
    return Path(before + _SUFFIX), name


def _fitting(name: str, collected: Collected) -> list[str]:
    if name in collected.labels:
        return [name]
    found = []
    for label, file, signature in zip(
        collected.labels, collected.files, collected.signatures, strict=True
    ):
        paths = [PurePath(file), PurePath(signature.model.path.replace("\\", "/"))]
        if any(name in (str(path), path.name, path.stem) for path in paths):
            found.append(label)
    return found


def _column(header: Sequence[str], column: str | None, path: str) -> int:
    wanted = "accuracy" if column is None else column
    if wanted in header[1:]:
        return header.index(wanted, 1)
    if column is None and len(header) == 2:
        return 1
    raise DataError(
        f"{path}: no column {wanted!r} behind the first; found {', '.join(header) or 'nothing'}; "
        "name one with --accuracy-column"
    )


def _named(file: Path) -> Path:
    """Return what names a signature: its file, or its folder where the file has a plain name."""
    return file.resolve().parent if file.stem == _PLAIN_NAME else file


def _labels(files: Sequence[Path], classes: Sequence[str | None]) -> list[str]:
    """Name each by its stem, with its folder where that is taken, with a number as a last way.

    A class follows the stem behind a ``#``.
    """
    stems = [
        file.name.removesuffix(_SUFFIX) + ("" if name is None else f"#{printable(name)}")
        for file, name in zip(files, classes, strict=True)
    ]
    longer = [
        f"{file.resolve().parent.name}/{stem}" if stems.count(stem) > 1 else stem
        for file, stem in zip(files, stems, strict=True)
    ]
    seen: dict[str, int] = {}
    labels = []
    for label in longer:
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label} ({seen[label]})")
    return labels

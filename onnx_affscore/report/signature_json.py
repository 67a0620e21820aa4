"""The signature file: a :class:`Signature` to JSON and back, without loss and never with NaN."""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from onnx_affscore.errors import DataError
from onnx_affscore.records import (
    SCHEMA_VERSION,
    ActivationSite,
    ModelInfo,
    ScoredSite,
    Signature,
    Skipped,
    Status,
)
from onnx_affscore.report.columns import ADEQUACY, RANKS, SCORES, TRANSPORT, ordered
from onnx_affscore.report.groups_json import groups_of, groups_to_dict
from onnx_affscore.report.names import printable, shorten
from onnx_affscore.report.plain_json import plain
from onnx_affscore.report.schema import violations

__all__ = ["dumps", "load", "loads", "sites_to_dict", "to_dict"]

_MAJOR, _MINOR = map(int, SCHEMA_VERSION.split("."))
_NOT_FINITE = "not a finite number"
_NOT_MEASURED = "not measured"
# No text matches: a line end in it is written as \\n.
_NUMBERS = re.compile(r"\[(?:\n *(?:-?[0-9][0-9.e+-]*|null),?)+\n *\]")


def _in_one_line(numbers: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", numbers[0]).replace("[ ", "[").replace(" ]", "]")


def dumps(signature: Signature | Mapping[str, Any]) -> str:
    """Write a signature, or a dictionary made by this module, as JSON text.

    Floats keep full precision; a list of numbers takes one line. Text is escaped to ASCII, so
    that no name in the file can steer the terminal that shows it.
    """
    document = to_dict(signature) if isinstance(signature, Signature) else signature
    text = json.dumps(document, indent=1, allow_nan=False)
    return _NUMBERS.sub(_in_one_line, text) + "\n"


def to_dict(signature: Signature) -> dict[str, Any]:
    """Return the signature as plain data, in the order of the contract.

    Every score, rank and transport figure of the contract is there: null, with a reason, where
    the record has none or one that is not finite.
    """
    return {
        "schema_version": signature.schema_version,
        "method_version": signature.method_version,
        "model": _model(signature.model),
        "data": plain(signature.data),
        "run": plain(signature.run),
        "sites": [_site(site) for site in signature.sites],
        "skipped": _skipped(signature.skipped),
        "summary": plain(signature.summary),
        "warnings": list(signature.warnings),
        **({} if signature.groups is None else {"groups": groups_to_dict(signature)}),
    }


def sites_to_dict(
    model: ModelInfo, sites: Sequence[ActivationSite], skipped: Sequence[Skipped] = ()
) -> dict[str, Any]:
    """Return the parts of a signature that are known before any data was run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "model": _model(model),
        "sites": [
            {
                "index": site.index,
                "name": site.name,
                "activation": site.activation,
                "params": plain(site.params),
                "role": str(site.role),
                "scope": site.scope,
                "nodes": list(site.nodes),
                "input": site.input,
                "output": site.output,
                "feature_axis": site.feature_axis,
                "sample_axis": site.sample_axis,
                "status": str(Status.UNSCORED) if site.unscored else None,
                "reason": site.unscored,
                "warnings": list(site.warnings),
            }
            for site in sites
        ],
        "skipped": _skipped(skipped),
    }


def loads(text: str | bytes, *, origin: str = "the file") -> Signature:
    """Read a signature from the text of its file; ``origin`` names it in messages.

    Raises
    ------
    DataError
        If the text is no signature, or one of another major schema version. Fields that a later
        minor version added are dropped.
    """
    document = _parse(text, origin)
    if not isinstance(document, dict) or "schema_version" not in document:
        raise _refusal(origin, "it has no 'schema_version'")
    major, minor = _version(document["schema_version"], origin)
    if major != _MAJOR:
        raise DataError(
            f"{origin} has schema version {major}.{minor}, wanted is {_MAJOR}.x; "
            f"{'install a later onnx-affscore' if major > _MAJOR else 'score the model again'}"
        )
    if "sites" in document and not {"data", "run", "summary"} & document.keys():
        raise _refusal(origin, "it lists the sites of a model and holds no scores")
    found = list(islice(violations(document, allow_unknown=minor > _MINOR), 2))
    if found:
        more = ", and there is more" if len(found) > 1 else ""
        raise DataError(f"{origin} is not a valid signature: {found[0]}{more}")
    return _signature(document)


def load(path: str | os.PathLike[str]) -> Signature:
    """Read a signature file; raises :class:`DataError` as :func:`loads` does."""
    try:
        content = Path(path).read_bytes()
    except OSError as exc:
        raise DataError(f"cannot read the signature {path}: {exc.strerror or exc}") from exc
    return loads(content, origin=os.fspath(path))


def _refusal(origin: str, found: str) -> DataError:
    return DataError(
        f"{origin} is not a signature: {found}; wanted is what 'onnx-affscore score --json' writes"
    )


def _parse(text: str | bytes, origin: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"it holds {constant}, which is not a number in JSON")

    def number(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else refuse(digits)

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        return json.loads(text.removeprefix("\ufeff"), parse_constant=refuse, parse_float=number)
    except UnicodeDecodeError as exc:
        raise _refusal(origin, "it is not text") from exc
    except json.JSONDecodeError as exc:
        where = f"line {exc.lineno}, column {exc.colno}: {exc.msg}"
        raise _refusal(origin, f"it is not JSON ({where})") from exc
    except (ValueError, RecursionError) as exc:
        raise _refusal(origin, str(exc)) from exc


def _version(value: object, origin: str) -> tuple[int, int]:
    major, _, minor = value.partition(".") if isinstance(value, str) else ("", "", "")
    if not (major.isdecimal() and minor.isdecimal() and len(f"{major}{minor}") < 9):
        shown = shorten(printable(str(value)), 40)
        raise _refusal(origin, f"its schema_version is {shown!r} instead of two numbers")
    return int(major), int(minor)


def _signature(document: Mapping[str, Any]) -> Signature:
    model = document["model"]
    return Signature(
        schema_version=SCHEMA_VERSION,
        method_version=document["method_version"],
        model=ModelInfo(**{name: model[name] for name in ModelInfo.__slots__}),
        data=document["data"],
        run=document["run"],
        sites=tuple(_scored(site) for site in document["sites"]),
        skipped=tuple(
            Skipped(entry["name"], entry["op_type"], entry["reason"])
            for entry in document["skipped"]
        ),
        warnings=tuple(document["warnings"]),
        groups=groups_of(document.get("groups")),
    )


def _scored(entry: Mapping[str, Any]) -> ScoredSite:
    fields = {name: entry.get(name, {}) for name in ScoredSite.__slots__}
    scores = {
        name: float(value) if isinstance(value, int) else value
        for name, value in entry["scores"].items()
    }
    return ScoredSite(
        **fields
        | {
            "nodes": tuple(entry["nodes"]),
            "warnings": tuple(entry["warnings"]),
            "scores": scores,
        }
    )


def _model(model: ModelInfo) -> dict[str, Any]:
    return {name: plain(getattr(model, name)) for name in ModelInfo.__slots__}


def _skipped(skipped: Iterable[Skipped]) -> list[dict[str, Any]]:
    return [{"name": s.name, "op_type": s.op_type, "reason": s.reason} for s in skipped]


def _site(site: ScoredSite) -> dict[str, Any]:
    scores = {name: plain(site.scores.get(name)) for name in ordered(site.scores, SCORES)}
    status, reason, reasons = str(site.status), site.reason, dict(site.reasons)
    if status == Status.OK:
        for name, value in scores.items():
            if value is None:
                given = site.scores.get(name) is not None
                reasons.setdefault(name, _NOT_FINITE if given else _NOT_MEASURED)
        if scores["affinity"] is None:
            status, reason = str(Status.UNDEFINED), reason or reasons["affinity"]
    return {
        "index": site.index,
        "name": site.name,
        "activation": site.activation,
        "params": plain(site.params),
        "role": str(site.role),
        "scope": site.scope,
        "nodes": list(site.nodes),
        "input": site.input,
        "output": site.output,
        "feature_axis": site.feature_axis,
        "features": site.features,
        "samples": site.samples,
        "status": status,
        "reason": reason,
        "scores": scores,
        "reasons": reasons,
        "rank": {name: plain(site.rank.get(name)) for name in ordered(site.rank, RANKS)},
        "transport": {
            name: plain(site.transport.get(name)) for name in ordered(site.transport, TRANSPORT)
        },
        "adequacy": {
            name: plain(site.adequacy.get(name))
            for name in ordered(site.adequacy, ADEQUACY if site.adequacy else ())
        },
        "warnings": list(site.warnings),
        **({"details": plain(site.details)} if site.details else {}),
    }

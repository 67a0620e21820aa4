"""Check a parsed file against ``schema.json``, the single description of the signature's fields.

Knows the part of JSON Schema that the file uses; the tests compare it with a full validator.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["KEYWORDS", "schema", "violations"]

Json = Any
Rule = Callable[[Any, Json, str, bool], Iterator[str]]

_TYPES: Mapping[str, Callable[[Json], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and value.is_integer())
    ),
}


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a signature file."""
    text = files(__package__).joinpath("schema.json").read_text(encoding="utf-8")
    parsed: Mapping[str, Any] = json.loads(text)
    return parsed


def violations(document: Json, *, allow_unknown: bool = False) -> Iterator[str]:
    """Yield a sentence for every place where ``document`` is not a signature.

    ``allow_unknown`` lets fields pass that the schema does not name: those of a later version.
    """
    return _check(schema(), document, "", allow_unknown)


def _check(rules: Mapping[str, Any], value: Json, where: str, lax: bool) -> Iterator[str]:
    if reference := rules.get("$ref"):
        yield from _check(schema()["$defs"][reference.rpartition("/")[2]], value, where, lax)
    kinds = rules.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_TYPES[kind](value) for kind in kinds):
        yield f"{where or 'the file'} is {_show(value)}, wanted is {' or '.join(kinds)}"
        return
    for keyword, rule in _RULES.items():
        if keyword in rules:
            yield from rule(rules, value, where, lax)


def _show(value: Json) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _enum(rules: Any, value: Json, where: str, _: bool) -> Iterator[str]:
    if value not in rules["enum"]:
        yield f"{where} is {_show(value)}, wanted is one of {', '.join(rules['enum'])}"


def _pattern(rules: Any, value: Json, where: str, _: bool) -> Iterator[str]:
    if isinstance(value, str) and not re.search(rules["pattern"], value):
        yield f"{where} is {_show(value)}, wanted is text of the form {rules['pattern']}"


def _min_length(rules: Any, value: Json, where: str, _: bool) -> Iterator[str]:
    if isinstance(value, str) and len(value) < rules["minLength"]:
        yield f"{where} is empty"


def _minimum(rules: Any, value: Json, where: str, _: bool) -> Iterator[str]:
    if _TYPES["number"](value) and value < rules["minimum"]:
        yield f"{where} is {value}, wanted is {rules['minimum']} or more"


def _required(rules: Any, value: Json, where: str, _: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name in rules["required"]:
            if name not in value:
                yield f"{where or 'the file'} has no field '{name}'"


def _properties(rules: Any, value: Json, where: str, lax: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in rules["properties"].items():
            if name in value:
                yield from _check(inner, value[name], f"{where}.{name}".lstrip("."), lax)


def _additional(rules: Any, value: Json, where: str, lax: bool) -> Iterator[str]:
    inner = rules["additionalProperties"]
    if not isinstance(value, dict):
        return
    for name in sorted(value.keys() - rules.get("properties", {}).keys()):
        if inner is not False:
            yield from _check(inner, value[name], f"{where}.{name}", lax)
        elif not lax:
            yield f"{where or 'the file'} has the unknown field {_show(name)}"


def _items(rules: Any, value: Json, where: str, lax: bool) -> Iterator[str]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(rules["items"], item, f"{where}[{index}]", lax)


def _any_of(rules: Any, value: Json, where: str, lax: bool) -> Iterator[str]:
    tried = [list(_check(inner, value, where, lax)) for inner in rules["anyOf"]]
    if all(tried):
        yield tried[0][0]


def _condition(rules: Any, value: Json, where: str, lax: bool) -> Iterator[str]:
    holds = not any(_check(rules["if"], value, where, lax))
    yield from _check(rules["then" if holds else "else"], value, where, lax)


_RULES: Mapping[str, Rule] = {
    "enum": _enum,
    "pattern": _pattern,
    "minLength": _min_length,
    "minimum": _minimum,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "anyOf": _any_of,
    "if": _condition,
}
KEYWORDS = frozenset(_RULES) | {"$ref", "type", "then", "else"}

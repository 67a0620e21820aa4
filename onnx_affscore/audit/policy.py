"""Policies: TOML to frozen records, every mistake named by its place in the file."""

import math
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, final

from onnx_affscore.audit.rule import Parameter, Rule
from onnx_affscore.audit.rules import RULES, rule_of
from onnx_affscore.errors import OptionError
from onnx_affscore.findings import Finding, Severity

__all__ = [
    "BUILT_IN",
    "DEFAULTS",
    "KINDS",
    "VERSION",
    "Policy",
    "PolicyRule",
    "Suppression",
    "load_policy",
    "parse_policy",
]

VERSION: Final = 1
DEFAULTS: Final = "the defaults"
"""Where a rule stands that no policy file has."""
_TOP = ("version", "fail_on", "extends", "rule", "suppress")
_OF_SUPPRESSIONS = ("code", "site", "match", "about", "reason", "until")


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:  # TOML's integers have no end
        return None
    return number if math.isfinite(number) else None


def _share(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and 0 <= number <= 1 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...] | None:
    values = [value] if isinstance(value, str) else value
    good = isinstance(values, list) and values and all(_text(v) for v in values)
    return tuple(values) if good and isinstance(values, list) else None


def _pattern(value: object) -> str | None:
    try:
        return _text(value) and re.compile(str(value)).pattern
    except (re.error, RecursionError, OverflowError):
        return None


def _sha256(value: object) -> str | None:
    fits = isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value)
    return value if fits and isinstance(value, str) else None


# Kinds of parameters: what is wanted, in words, and what reads a value (None: it is another kind).
KINDS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "number": ("a finite number", _number),
    "share": ("a number from 0 to 1", _share),
    "text": ("text", _text),
    "texts": ("text, or a list of texts", _texts),
    "pattern": ("a regular expression", _pattern),
    "sha256": ("64 hexadecimal digits", _sha256),
}


@final
@dataclass(frozen=True, slots=True)
class PolicyRule:
    """An entry of a policy: a rule, how grave it is here, its parameters, and where it stands."""

    rule: Rule
    severity: Severity
    params: Mapping[str, Any]
    given: frozenset[str]
    where: str


@final
@dataclass(frozen=True, slots=True)
class Suppression:
    """Findings that pass, for a reason, until the end of a day."""

    code: str
    reason: str
    until: date
    where: str
    site: str | None = None
    match: str | None = None
    about: str | None = None

    def fits(self, finding: Finding) -> bool:
        """Whether it is this finding that the suppression speaks of."""
        return (
            finding.rule.code == self.code
            and (self.site is None or finding.site == self.site)
            and (self.about is None or finding.about == self.about)
            and (self.match is None or re.search(self.match, finding.site or "") is not None)
        )


@final
@dataclass(frozen=True, slots=True)
class Policy:
    """What a signature is held against; ``fail_on`` is the least severity that violates it."""

    name: str
    fail_on: Severity
    rules: tuple[PolicyRule, ...]
    suppressions: tuple[Suppression, ...] = ()


def _defaults(but: frozenset[str] = frozenset()) -> Iterator[PolicyRule]:
    for rule in RULES.values():
        if rule.by_default and rule.code not in but:
            yield PolicyRule(rule, rule.text.severity, rule.defaults, frozenset(), DEFAULTS)


BUILT_IN: Final = Policy("built-in", Severity.ERROR, tuple(_defaults()))


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file; raises :class:`OptionError` as :func:`parse_policy` does."""
    try:
        text = Path(path).read_text("utf-8")
    except OSError as exc:
        raise OptionError(f"cannot read the policy {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise OptionError(f"cannot read the policy {path}: it is not UTF-8 text") from exc
    return parse_policy(text, origin=os.fspath(path))


def parse_policy(text: str, *, origin: str = "policy") -> Policy:
    """Read a policy from TOML text; ``origin`` names it in messages.

    Raises :class:`OptionError`, with the place in the file, for a key, a code or a value that no
    policy has, and for a suppression without reason or day.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as exc:
        raise OptionError(f"{origin} is no TOML: {exc}") from exc
    except RecursionError as exc:
        raise OptionError(f"{origin} is nested too deeply; wanted [[rule]] tables") from exc
    _known(document, _TOP, origin)
    if document.get("version") != VERSION:
        found = document.get("version", "none")
        raise OptionError(f"{origin}: version is {found!r}; wanted version = {VERSION}")
    rules = tuple(
        _rule(entry, f"{origin}: rule[{i}]")
        for i, entry in enumerate(_tables(document, "rule", origin))
    )
    extends = document.get("extends")
    if extends not in (None, "default"):
        raise OptionError(f'{origin}: extends is {extends!r}; wanted extends = "default"')
    if extends:
        rules = (*_defaults(but=frozenset(rule.rule.code for rule in rules)), *rules)
    if not rules:
        raise OptionError(f'{origin} has no [[rule]]; add one, or extends = "default"')
    fail_on = _severity(document.get("fail_on", "error"), f"{origin}: fail_on")
    return Policy(
        origin,
        fail_on,
        rules,
        tuple(
            _suppression(entry, f"{origin}: suppress[{i}]")
            for i, entry in enumerate(_tables(document, "suppress", origin))
        ),
    )


def _tables(document: Mapping[str, Any], name: str, origin: str) -> list[Mapping[str, Any]]:
    found = document.get(name, [])
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise OptionError(f"{origin}: {name} is no list of tables; write [[{name}]]")
    return found


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    unknown = sorted(table.keys() - set(keys))
    if unknown:
        raise OptionError(f"{where}: no key {unknown[0]!r}; wanted some of {', '.join(keys)}")


def _severity(value: object, where: str) -> Severity:
    if value not in tuple(Severity):
        raise OptionError(f"{where} is {value!r}; wanted one of {', '.join(Severity)}")
    return Severity(str(value))


def _code(table: Mapping[str, Any], where: str) -> Rule:
    value = table.get("code")
    if not isinstance(value, str):
        raise OptionError(f"{where}.code is {value!r}; wanted a code, such as 'AFF101'")
    try:
        return rule_of(value)
    except OptionError as exc:
        raise OptionError(f"{where}.code: {exc}") from exc


def _rule(table: Mapping[str, Any], where: str) -> PolicyRule:
    rule = _code(table, where)
    place = f"{where} ({rule.code})"
    if rule.check is None:
        raise OptionError(f"{place} looks at the policy itself, always; delete this entry")
    _known(table, ("code", "severity", *rule.defaults), place)
    severity = _severity(table.get("severity", rule.text.severity), f"{place}.severity")
    given = {
        parameter.name: _value(table[parameter.name], parameter, f"{place}.{parameter.name}")
        for parameter in rule.parameters
        if parameter.name in table
    }
    for parameter in rule.parameters:
        if parameter.required and parameter.name not in given:
            raise OptionError(f"{place} has no {parameter.name}; wanted {parameter.meaning}")
    if rule.one_of and not any(name in given for name in rule.one_of):
        raise OptionError(f"{place} has no limit; wanted {' or '.join(rule.one_of)}")
    low, high = given.get("min"), given.get("max")
    if low is not None and high is not None and low > high:
        raise OptionError(f"{place}: min is {low}, above max, {high}; nothing could pass")
    return PolicyRule(rule, severity, rule.defaults | given, frozenset(given), where)


def _value(value: object, parameter: Parameter, where: str) -> Any:
    wanted, read = KINDS[parameter.kind]
    found = read(value)
    if found is None:
        raise OptionError(f"{where} is {value!r}; wanted {wanted}: {parameter.meaning}")
    for text in found if isinstance(found, tuple) else (found,):
        if parameter.choices and text not in parameter.choices:
            choices = ", ".join(parameter.choices)
            raise OptionError(f"{where} is {text!r}; wanted one of {choices}")
    return found


def _suppression(table: Mapping[str, Any], where: str) -> Suppression:
    rule = _code(table, where)
    _known(table, _OF_SUPPRESSIONS, where)
    for name in ("reason", "site", "match", "about"):
        kind = "pattern" if name == "match" else "text"
        if (name == "reason" or name in table) and KINDS[kind][1](table.get(name)) is None:
            raise OptionError(f"{where}.{name} is {table.get(name)!r}; wanted {KINDS[kind][0]}")
    until = table.get("until")
    if not isinstance(until, date) or isinstance(until, datetime):
        raise OptionError(
            f"{where}.until is {until!r}; wanted a day without quotes, such as 2027-01-31"
        )
    if rule.selects_sites and not {"site", "match"} & table.keys():
        raise OptionError(
            f"{where} would hide {rule.code} at every site; name one with site, or some with match"
        )
    places = {name: table.get(name) for name in ("site", "match", "about")}
    return Suppression(rule.code, str(table["reason"]), until, where, **places)

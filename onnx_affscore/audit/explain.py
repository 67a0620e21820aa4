"""The rules for people: a list, one explained, the tables of the documentation."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from textwrap import fill, indent
from typing import Any, Final

from onnx_affscore.audit.policy import KINDS
from onnx_affscore.audit.rule import SELECTORS, Parameter, Rule

__all__ = ["documented", "explained", "listed", "rules_as_data"]

WIDTH: Final = 80
_filled = partial(fill, break_on_hyphens=False)


def listed(rules: Iterable[Rule], *, width: int = WIDTH) -> str:
    """Return code, severity, name and what each rule looks at."""
    lines = []
    for rule in rules:
        text = rule.text
        mark = " *" if rule.by_default else ""
        lines.append(f"{text.code}  {text.severity:7}  {text.name}{mark}")
        lines.append(indent(_filled(text.looks_at, width - 8), " " * 8))
    last = "* part of the built-in policy; 'onnx-affscore rules CODE' explains one"
    return "\n".join((*lines, "", last)) + "\n"


def explained(rule: Rule, *, width: int = WIDTH) -> str:
    """Return everything about one rule."""
    text = rule.text
    lines = [f"{text.code} {text.name} ({text.severity} unless a policy says otherwise)", ""]
    for head, body in (("Looks at", text.looks_at), ("Why", text.why), ("Do", text.advice)):
        lines.append(_filled(f"{head}: {body}", width, subsequent_indent="  "))
    if rule.parameters:
        lines += ["", "Parameters in a policy:"]
    for parameter in rule.parameters:
        said = _filled(f"{parameter.name}: {_said(parameter)}", width - 2, subsequent_indent="  ")
        lines.append(indent(said, "  "))
    needs = "needs a baseline" if rule.compares else "needs no baseline"
    part = "part of the built-in policy" if rule.by_default else "not part of the built-in policy"
    if rule.check is None:
        part = "always on"
    return "\n".join((*lines, "", f"It {needs}; {part}.")) + "\n"


def rules_as_data(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return the rules as plain data."""
    return [
        {
            **asdict(rule.text),
            "parameters": [asdict(parameter) for parameter in rule.parameters],
            "one_of": list(rule.one_of),
            "built_in": rule.by_default,
            "needs_baseline": rule.compares,
        }
        for rule in rules
    ]


def documented(rules: Iterable[Rule]) -> str:
    """Return the reference of all rules as Markdown, for docs/auditing.md."""
    return "\n".join(line for rule in rules for line in _section(rule))


def _section(rule: Rule) -> Iterator[str]:
    text = rule.text
    facts = [f"{text.severity}"]
    if rule.by_default:
        facts.append("built-in")
    if rule.compares:
        facts.append("needs a baseline")
    yield f"### {text.code} {text.name}"
    yield ""
    yield f"*{', '.join(facts)}.* Looks at {text.looks_at}."
    yield ""
    yield f"- Why: {text.why}"
    yield f"- What to do: {text.advice}"
    for parameter in (p for p in rule.parameters if p not in SELECTORS):
        yield f"- `{parameter.name}`: {_said(parameter)}"
    if rule.selects_sites:
        yield "- chooses sites by `site`, `match`, `activation`, `role`"
    yield ""


def _said(parameter: Parameter) -> str:
    said = f"{parameter.meaning} ({KINDS[parameter.kind][0]}"
    if parameter.choices:
        said += f": {', '.join(parameter.choices)}"
    if parameter.required:
        said += "; required"
    elif parameter.default is not None:
        shown = parameter.default
        said += f"; default {', '.join(shown) if isinstance(shown, tuple) else shown}"
    return f"{said})"

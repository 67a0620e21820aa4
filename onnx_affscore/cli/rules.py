"""``rules [CODE]``: the codes of ``check``, explained."""

import json

import click

from onnx_affscore.cli.shared import DEBUG
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="rules", short_help="List and explain the codes of 'check'.")
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@DEBUG
def command(code: str | None, *, as_json: bool) -> None:
    """List all rules, or explain the one with a code or a name."""
    from onnx_affscore.audit.explain import explained, listed, rules_as_data
    from onnx_affscore.audit.rules import RULES, rule_of

    chosen = list(RULES.values()) if code is None else [rule_of(code)]
    if as_json:
        show(json.dumps(rules_as_data(chosen), indent=1) + "\n")
    elif code is None:
        show(listed(chosen))
    else:
        show(explained(chosen[0]))

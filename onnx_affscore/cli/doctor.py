"""``doctor``: the state of the installation."""

import json

import click

from onnx_affscore.cli.codes import COULD_NOT_ANALYSE
from onnx_affscore.cli.shared import DEBUG
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="doctor", short_help="Check the installation: versions, providers, clashes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@DEBUG
def command(as_json: bool) -> int:
    """Check the installation: versions, execution providers, clashing packages, extras."""
    from onnx_affscore.doctor import examine

    state = examine()
    if as_json:
        show(json.dumps(state.to_dict(), indent=1) + "\n")
    else:
        for name, value in state.facts.items():
            show(f"{name:24} {value}\n")
        for problem in state.problems:
            show(f"problem: {problem}\n")
        show("no problem found\n" if not state.problems else f"{len(state.problems)} problem(s)\n")
    return COULD_NOT_ANALYSE if state.problems else 0

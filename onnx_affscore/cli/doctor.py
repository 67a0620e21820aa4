"""``doctor``: the state of the installation."""

import json

import click

from onnx_affscore.cli.shared import DEBUG

__all__ = ["command"]


@click.command(name="doctor", short_help="Check the installation: versions, providers, clashes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@DEBUG
def command(as_json: bool) -> int:
    """Check the installation: versions, execution providers, clashing packages, extras."""
    from onnx_affscore.doctor import examine

    state = examine()
    if as_json:
        click.echo(json.dumps(state.to_dict(), indent=1))
    else:
        for name, value in state.facts.items():
            click.echo(f"{name:24} {value}")
        for problem in state.problems:
            click.echo(f"problem: {problem}")
        click.echo(
            "no problem found" if not state.problems else f"{len(state.problems)} problem(s)"
        )
    return 3 if state.problems else 0

"""``sites MODEL``: every activation and every skipped look-alike, without running data."""

from typing import Any

import click

from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.shared import ASKED, DEBUG, MODEL
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="sites", short_help="List the activations of MODEL, and what was skipped.")
@MODEL
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the list, - is stdout.",
)
@ASKED
@isolatable
@DEBUG
def command(model: str, json_file: str | None, **asked: Any) -> int:
    """List every activation site of MODEL and every skipped look-alike with its reason."""
    from onnx_affscore import report
    from onnx_affscore.asked import Asked, parse_operators
    from onnx_affscore.errors import NothingToScoreError
    from onnx_affscore.graph.hints import input_hints
    from onnx_affscore.graph.model import load
    from onnx_affscore.graph.prepare import find_activations

    asked["operators"] = parse_operators(asked["operators"])
    loaded = load(model)
    located = find_activations(loaded, input_hints(loaded.proto), Asked(**asked)).located
    if json_file is not None:
        listed = report.sites_to_dict(loaded.info, located.sites, located.skipped)
        report.write(json_file, report.dumps(listed))
    if json_file != "-":
        show(report.sites_text(located.sites, located.skipped))
    return 0 if located.sites else NothingToScoreError.exit_code

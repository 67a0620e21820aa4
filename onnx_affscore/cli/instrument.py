"""``instrument MODEL -o OUT.onnx``: the rewritten model, for other runtimes and for looking at."""

from typing import Any

import click

from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.shared import DEBUG, MODEL
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="instrument", short_help="Write MODEL with its pooling taps.")
@MODEL
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), help="The file to write."
)
@click.option(
    "--data",
    multiple=True,
    metavar="[INPUT=]SPEC",
    help="A sample for the probe run; made up without it.",
)
@click.option(
    "--pool",
    type=click.Choice(["mean", "reference", "positions", "flatten"]),
    default="mean",
    show_default=True,
)
@click.option("--roles", metavar="A,B|all", help="Roles to tap [default: hidden,gate,recurrent].")
@click.option("--sparsity", type=click.Choice(["all", "none"]), default="all", show_default=True)
@isolatable
@DEBUG
def command(model: str, output: str, data: tuple[str, ...], **options: Any) -> None:
    """Write a copy of MODEL that has the pooled inputs and outputs of every activation as outputs.

    The model is run once, on a sample, to learn the ranks of its tensors.
    """
    from onnx_affscore.api import instrumented
    from onnx_affscore.plain_text import printable

    written = instrumented(model, output, data or None, **options)
    for tensor, outputs in written.items():
        show(f"{printable(tensor)}: {', '.join(map(printable, outputs))}\n")

"""``annotate MODEL SIG -o OUT.onnx``: the scores in the metadata of a copy of the model."""

import click

from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.shared import DEBUG, MODEL
from onnx_affscore.cli.talk import say, show

__all__ = ["command"]


@click.command(name="annotate", short_help="Write the scores into a copy of MODEL.")
@MODEL
@click.argument("signature", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False), help="The file to write."
)
@click.option("--force", is_flag=True, help="Also where SIGNATURE is of another file.")
@isolatable
@DEBUG
def command(model: str, signature: str, output: str, *, force: bool) -> None:
    """Write a copy of MODEL whose nodes have the scores of SIGNATURE in their metadata.

    Weights, inputs, outputs and opset stay as they are. Netron and Model Explorer show metadata.
    """
    from onnx_affscore import Signature
    from onnx_affscore.api import annotated

    done = annotated(model, Signature.from_json(signature), output, force=force)
    show(f"{output}: {done.placed} sites\n")
    for name in done.unplaced:
        say(f"warning: {name}: the file has no node of it")

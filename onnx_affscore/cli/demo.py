"""``demo``: the shipped network on the shipped digits, table and report."""

import click

from onnx_affscore.cli.progress import progress_line
from onnx_affscore.cli.shared import DEBUG, say_warnings
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="demo", short_help="Score the shipped network on the shipped digits.")
@click.option("--output-dir", type=click.Path(file_okay=False), default=".", show_default="here")
@DEBUG
def command(output_dir: str) -> None:
    """Score a small trained network on real handwritten digits; write the report and the plot."""
    from onnx_affscore import api
    from onnx_affscore.report import output, to_text
    from onnx_affscore.shipped import demo_files

    model, digits = demo_files()
    with progress_line(hidden=False) as progress:
        signature = api.signature(model, [str(digits)], progress=progress)
    say_warnings(signature.warnings, hidden=False)
    files = output.write_all(signature, output_dir, ("html", "json", "png"))
    show(f"{to_text(signature)}\nwritten:\n")
    for file in files:
        show(f"  {file.resolve()}\n")

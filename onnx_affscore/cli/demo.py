"""``demo``: the shipped network on the shipped digits, table and report."""

from pathlib import Path

import click

from onnx_affscore.cli.shared import DEBUG, progress_bar, say_warnings

__all__ = ["command"]


@click.command(name="demo", short_help="Score the shipped network on the shipped digits.")
@click.option("--output-dir", type=click.Path(file_okay=False), default=".", show_default="here")
@DEBUG
def command(output_dir: str) -> None:
    """Score a small trained network on real handwritten digits; write report.html."""
    from onnx_affscore import api
    from onnx_affscore.report import output, to_text
    from onnx_affscore.shipped import demo_files

    model, digits = demo_files()
    with progress_bar(hidden=False) as progress:
        signature = api.signature(model, [str(digits)], progress=progress)
    say_warnings(signature.warnings, hidden=False)
    page = Path(output_dir) / "report.html"
    record = Path(output_dir) / "signature.json"
    output.write_as(signature, "html", page)
    output.write_as(signature, "json", record)
    click.echo(to_text(signature), nl=False)
    click.echo(f"\nreport:    {page.resolve()}\nsignature: {record.resolve()}")

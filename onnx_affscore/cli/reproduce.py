"""``reproduce SIG``: a signature made again from its record, and compared with it."""

import click

from onnx_affscore.cli.codes import NOT_PASSED
from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.progress import progress_line
from onnx_affscore.cli.shared import DEBUG, say_warnings
from onnx_affscore.cli.talk import show

__all__ = ["command"]


@click.command(name="reproduce", short_help="Score again as SIG records it, and compare.")
@click.argument("sig", type=click.Path(exists=True, dir_okay=False))
@click.option("--model", type=click.Path(), help="Where the model is [default: as recorded].")
@click.option(
    "--data",
    multiple=True,
    metavar="[INPUT=]SPEC",
    help="Where the data are [default: as recorded].",
)
@click.option("--device", help="auto, cpu, cuda or cuda:N [default: as recorded].")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the new signature, - is stdout.",
)
@click.option("--quiet", is_flag=True, help="No text on stdout, no warnings.")
@click.option("--no-progress", is_flag=True, help="No talk of how far the run is.")
@isolatable
@DEBUG
def command(
    sig: str,
    model: str | None,
    data: tuple[str, ...],
    device: str | None,
    json_file: str | None,
    *,
    quiet: bool,
    no_progress: bool,
) -> int:
    """Score the model of SIG again, on its data with its options, and compare every score.

    Model and data must have the recorded SHA-256. The exit code is 0 where the signature is
    reproduced and 1 where it is not: on the same machine with the same versions every figure must
    have the same bits, elsewhere affinities must be within 1e-4.
    """
    from onnx_affscore.report import load, output
    from onnx_affscore.report.files import STDOUT
    from onnx_affscore.report.reproduction_text import reproduction_to_text
    from onnx_affscore.reproduce import reproduce

    record = load(sig)
    with progress_line(hidden=quiet or no_progress) as progress:
        done = reproduce(record, model=model, data=data, device=device, progress=progress)
    say_warnings(done.found.warnings, hidden=quiet)
    if json_file is not None:
        output.write_as(done.found, "json", json_file)
    if not quiet and json_file != STDOUT:
        show(reproduction_to_text(done))
    return 0 if done.reproduced else NOT_PASSED

"""``score MODEL``: the signature of one model on data."""

from typing import Any

import click

from onnx_affscore.cli.shared import ASKED, DEBUG, MODEL, SCORING, progress_bar, say_warnings
from onnx_affscore.cli.talk import show

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)
_FILES = ("json", "csv", "html", "plot", "histogram")
_INCOMPLETE = 5


@click.command(name="score", short_help="Score every activation of MODEL on data.")
@MODEL
@SCORING
@click.option(
    "--by",
    type=click.Choice(["label"]),
    help="Also score each class of the data alone: by the label of each row.",
)
@click.option(
    "--metrics",
    metavar="A,B",
    help="Companion metrics: cka, r2, sparsity, entropy, norm, r2_heldout, linearity, cka_unbiased, cka_rbf, dead, saturated, effective_rank [default: all].",
)
@click.option(
    "--sparsity",
    type=click.Choice(["first", "all", "none"]),
    default="first",
    show_default=True,
    help="Samples on which near-zero elements of full tensors are counted: the first 64, or all.",
)
@click.option(
    "--batches",
    type=click.IntRange(2),
    metavar="N",
    help="Also score batches of N rows, and give their mean and standard deviation (paper: 512).",
)
@click.option(
    "--details/--no-details",
    default=True,
    show_default=True,
    help="Keep distributions, shape and spectrum of each site for the report.",
)
@ASKED
@click.option("--json", "json_file", type=_FILE, help="Write the signature, - is stdout.")
@click.option("--csv", "csv_file", type=_FILE, help="Write a row per site.")
@click.option("--html", "html_file", type=_FILE, help="Write a report page.")
@click.option("--plot", "plot_file", type=_FILE, help="Write the plot: .png, .svg or .pdf.")
@click.option("--histogram", "histogram_file", type=_FILE, help="Draw how the scores are spread.")
@click.option(
    "--influence",
    type=click.Path(dir_okay=False),
    metavar="FILE.npz",
    help="Write what every sample contributes to every score, for 'compare --influence'.",
)
@click.option(
    "--save-features",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write the features of every scored site: .npz or .safetensors.",
)
@click.option("--output-dir", type=click.Path(file_okay=False), help="Write everything there.")
@click.option("--strict", is_flag=True, help="Exit with 5 where a selected site has no score.")
@click.option("--quiet", is_flag=True, help="No table, no warnings.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
@DEBUG
def command(model: str, data: tuple[str, ...], **options: Any) -> int:
    """Score every activation of MODEL on data: table on stdout, files on request."""
    from onnx_affscore import api
    from onnx_affscore.report import output, to_text
    from onnx_affscore.report.files import STDOUT

    files = output.planned({name: options.pop(f"{name}_file") for name in _FILES})
    folder, strict = options.pop("output_dir"), options.pop("strict")
    quiet, no_progress = options.pop("quiet"), options.pop("no_progress")
    if options["metrics"] is not None:
        options["metrics"] = tuple(m.strip() for m in options["metrics"].split(",") if m.strip())
    with progress_bar(hidden=quiet or no_progress) as progress:
        signature = api.signature(model, data or None, progress=progress, **options)
    say_warnings(signature.warnings, hidden=quiet)
    for name, path in files:
        output.write_as(signature, name, path)
    if folder is not None:
        output.write_all(signature, folder)
    if not quiet and all(path != STDOUT for _, path in files):
        show(to_text(signature))
    return _INCOMPLETE if strict and output.incomplete(signature) else 0

"""``score MODEL``: the signature of one model on data."""

from typing import Any

import click

from onnx_affscore.cli.shared import ASKED, DEBUG, MODEL, progress_bar, say_warnings

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)
_FILES = ("json", "csv", "html", "plot", "histogram")
_INCOMPLETE = 5


def _batch_size(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither auto nor a positive number")
    return int(value)


def _memory_limit(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    from onnx_affscore.byte_sizes import in_bytes
    from onnx_affscore.errors import OptionError

    try:
        return None if text is None else in_bytes(text)
    except OptionError as exc:
        raise click.BadParameter(str(exc)) from exc


@click.command(name="score", short_help="Score every activation of MODEL on data.")
@MODEL
@click.option(
    "--data",
    multiple=True,
    metavar="[INPUT=]SPEC",
    help="x.npy, x.npz, a test_data_set folder, or random[:normal|uniform]; without it, synthetic input is made.",
)
@click.option(
    "--samples",
    type=click.IntRange(1),
    help="Samples to use [default: 2048, or what the data has].",
)
@click.option(
    "--batch-size", default="auto", show_default=True, callback=_batch_size, help="Samples a run."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    help="auto, cpu, cuda or cuda:N; cuda never falls back.",
)
@click.option(
    "--threads", type=click.IntRange(0), default=0, help="Threads of ONNX Runtime [default: all]."
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Sites scored at a time [default: one a core]."
)
@click.option("--cluster", metavar="ADDRESS", help="Run on Dask's workers: tcp://scheduler:port.")
@click.option(
    "--memory-limit",
    metavar="SIZE",
    callback=_memory_limit,
    help="Memory for features and outputs of runs, such as 500MB or 2GiB; what is more goes to a file in TMPDIR [default: no limit].",
)
@click.option(
    "--pool",
    type=click.Choice(["mean", "reference", "positions", "flatten"]),
    default="mean",
    show_default=True,
)
@click.option("--feature-axis", type=int, help="Overrules the axis found from the graph.")
@click.option(
    "--covariance",
    type=click.Choice(
        [
            "auto",
            "corrected",
            "cross-fitted",
            "empirical",
            "ledoit-wolf",
            "ledoit-wolf-cc",
            "reference",
            "reference-lw",
        ]
    ),
    default="auto",
    show_default=True,
    help="Estimate behind the headline score; auto: corrected where the pairing allows it and n is at least 5 per direction, else empirical, or ledoit-wolf below 10 per direction.",
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
    "--verify/--no-verify",
    default=True,
    show_default=True,
    help="Compare the original outputs on the first batch.",
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
@click.option("--roles", metavar="A,B|all", help="Roles to score [default: hidden,gate,recurrent].")
@ASKED
@click.option("--include", metavar="REGEX", help="Score only sites whose name it matches.")
@click.option("--exclude", metavar="REGEX", help="Leave out sites whose name it matches.")
@click.option(
    "--custom-op-library",
    "custom_operators",
    multiple=True,
    type=click.Path(exists=True),
    help="A library of custom operators; it runs its own code.",
)
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
        click.echo(to_text(signature), nl=False)
    return _INCOMPLETE if strict and output.incomplete(signature) else 0

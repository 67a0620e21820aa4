"""``score MODEL...``: the signature of one model, or of several, on data."""

from functools import partial
from typing import Any

import click

from onnx_affscore.cli.codes import COULD_NOT_ANALYSE, INCOMPLETE
from onnx_affscore.cli.grouped import Grouped
from onnx_affscore.cli.isolate import isolatable
from onnx_affscore.cli.measuring import SCORING
from onnx_affscore.cli.progress import progress_line
from onnx_affscore.cli.shared import (
    ASKED,
    DEBUG,
    MODELS,
    say_notes,
    say_warnings,
)
from onnx_affscore.cli.talk import say, show

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)
_FILES = ("json", "csv", "html", "plot", "histogram")


@click.command(name="score", cls=Grouped, short_help="Score every activation of MODEL on data.")
@MODELS
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
@click.option("--no-progress", is_flag=True, help="No talk of how far the run is.")
@isolatable
@DEBUG
def command(models: tuple[str, ...], data: tuple[str, ...], **options: Any) -> int:
    """Score every activation of MODEL on data: table on stdout, files on request.

    Several models are scored one after the other on the same data, which are read once. Names of
    files then hold {model}, and --output-dir and --resume have a folder for each.
    """
    from onnx_affscore import several
    from onnx_affscore.report import output, to_text
    from onnx_affscore.report.files import unwritten
    from onnx_affscore.report.models_text import models_text

    files = {name: options.pop(f"{name}_file") for name in _FILES}
    outputs = output.Outputs.planned(several.files_of(models, files), options.pop("output_dir"))
    strict, quiet = options.pop("strict"), options.pop("quiet")
    hidden = options.pop("no_progress") or quiet

    def bars(name: str) -> Any:
        return progress_line(name if len(models) > 1 else "", hidden=hidden)

    if options["metrics"] is not None:
        options["metrics"] = tuple(m.strip() for m in options["metrics"].split(",") if m.strip())
    done: list[tuple[str, Any]] = []
    failed = False
    for outcome in several.each_signature(models, data or None, progress=bars, **options):
        prefix = f"{outcome.name}: " if len(models) > 1 else ""
        if outcome.signature is None:
            if outcome.error is not None and not prefix:
                raise outcome.error
            say(f"error: {prefix}{outcome.told}")
            continue
        found = outcome.signature
        notes = [text for text in found.data["notes"] if text not in found.warnings]
        say_notes([prefix + text for text in notes], hidden=quiet)
        say_warnings([prefix + text for text in found.warnings], hidden=quiet)
        lost = outputs.write(outcome.name, outcome.signature)
        for text in (*([outcome.told] if outcome.error is not None else []), *lost):
            say(f"error: {prefix}{text}")
            failed = True
        if not quiet and not outputs.to_stdout:
            table = to_text(outcome.signature) + ("\n" if prefix else "")
            for text in unwritten([partial(show, table)]):  # the other models are scored still
                say(f"error: {prefix}{text}")
                failed = True
        done.append((outcome.name, outcome.signature))
    if not quiet and not outputs.to_stdout and len(done) > 1:
        show(models_text(done))
    if failed or len(done) < len(models):
        return COULD_NOT_ANALYSE
    return INCOMPLETE if strict and any(output.incomplete(s) for _, s in done) else 0

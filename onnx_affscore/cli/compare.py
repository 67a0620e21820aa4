"""``compare SIG SIG...``: two or more signatures, side by side and site by site."""

from pathlib import Path
from typing import Any

import click

from onnx_affscore.cli.shared import DEBUG, say_warnings
from onnx_affscore.cli.talk import show

__all__ = ["command"]

_FILE = click.Path(dir_okay=False, allow_dash=True)
_FILES = ("json", "csv", "plot", "dendrogram", "heat_map", "curves", "scatter")


def _signatures(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """See that files and folders are there; FILE.json#CLASS is one class of a file."""
    there = click.Path(exists=True)
    for value in values:
        before, sign, _ = value.partition(".json#")
        file = f"{before}.json" if sign and not Path(value).exists() else value
        there.convert(file, parameter, context)
    return values


@click.command(name="compare", short_help="Compare signatures: statistics, sites, distances.")
@click.argument("signatures", nargs=-1, required=True, callback=_signatures)
@click.option(
    "--align",
    type=click.Choice(["auto", "name", "order", "structure", "dtw"]),
    default="auto",
    show_default=True,
    help="How sites find their partners.",
)
@click.option(
    "--distance",
    type=click.Choice(["dtw", "l2", "wasserstein"]),
    default="dtw",
    show_default=True,
)
@click.option(
    "--linkage",
    type=click.Choice(["single", "complete", "average", "weighted", "ward"]),
    default="average",
    show_default=True,
)
@click.option(
    "--groups",
    type=click.IntRange(1),
    help="Groups to cut the tree into [default: families, else by silhouette].",
)
@click.option(
    "--correction",
    type=click.Choice(["holm", "bh", "none"]),
    default="holm",
    show_default=True,
    help="Of p values, over the sites of a pair.",
)
@click.option(
    "--baseline", metavar="LABEL", help="What the others are compared with [default: the first]."
)
@click.option("--roles", metavar="A,B|all", help="Roles to compare [default: all but probe].")
@click.option("--accuracy", type=click.Path(exists=True, dir_okay=False), help="CSV of accuracies.")
@click.option("--accuracy-column", metavar="NAME", help="Its column [default: accuracy].")
@click.option(
    "--statistic",
    type=click.Choice(["mean", "std", "min", "max", "median", "max_over_mean"]),
    default="mean",
    show_default=True,
    help="What --scatter shows.",
)
@click.option("--checkpoints", is_flag=True, help="The signatures are one training, by step.")
@click.option(
    "--influence",
    "influences",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="What 'score --influence' wrote, once a signature and in their order: compares in pairs.",
)
@click.option("--json", "json_file", type=_FILE, help="Write everything, - is stdout.")
@click.option("--csv", "csv_file", type=_FILE, help="Write the differences.")
@click.option("--plot", "plot_file", type=_FILE, help="Draw the signatures: .png, .svg or .pdf.")
@click.option("--dendrogram", "dendrogram_file", type=_FILE, help="Draw the tree.")
@click.option("--heat-map", "heat_map_file", type=_FILE, help="Draw the distances.")
@click.option("--curves", "curves_file", type=_FILE, help="Draw statistics over checkpoints.")
@click.option("--scatter", "scatter_file", type=_FILE, help="Draw accuracy over a statistic.")
@click.option("--output-dir", type=click.Path(file_okay=False), help="Write everything there.")
@DEBUG
def command(signatures: tuple[str, ...], **options: Any) -> None:
    """Compare signature files, or folders of them, each a family of models.

    The report goes to stdout; differences are those of all others from the baseline. FILE.json#CLASS
    is one class of a signature made with 'score --by label'.
    """
    from onnx_affscore.report import comparison_input, comparison_output, comparison_text
    from onnx_affscore.report.files import STDOUT
    from onnx_affscore.report.influence import load_influence
    from onnx_affscore.report.planning import planned_files
    from onnx_affscore.selection import parse_roles
    from onnx_affscore.statistics.compare import compare

    files = {name: options.pop(f"{name}_file") for name in _FILES}
    plan = planned_files(files, figures=comparison_output.FIGURES)
    folder, table = options.pop("output_dir"), options.pop("accuracy")
    column, options["roles"] = options.pop("accuracy_column"), parse_roles(options["roles"])
    influences = [load_influence(file) for file in options.pop("influences")]
    found = comparison_input.collect(signatures)
    if table is not None:
        found = comparison_input.with_accuracies(found, table, column=column)
    comparison = compare(
        found.signatures,
        labels=found.labels,
        families=found.families,
        accuracies=found.accuracies,
        influences=influences or None,
        **options,
    )
    say_warnings(found.warnings, hidden=False)
    for name, path in plan:
        comparison_output.write_kind(comparison, name, path)
    if folder is not None:
        comparison_output.write_all_kinds(comparison, folder)
    if all(path != STDOUT for _, path in plan):
        show(comparison_text.comparison_to_text(comparison))
    else:
        say_warnings(comparison.warnings, hidden=False)

"""``paper EXPERIMENT...``: the paper's experiments, checked against what is published."""

from pathlib import Path
from typing import Any

import click

from onnx_affscore.cli.codes import NOT_PASSED
from onnx_affscore.cli.shared import DEBUG
from onnx_affscore.cli.talk import say, show

__all__ = ["command"]


def _networks(_ctx: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> Any:
    found = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and Path(file).is_file()):
            raise click.BadParameter(f"{text!r} is not NAME=FILE.onnx with a file that exists")
        found[name] = Path(file)
    return found


@click.command(name="paper", short_help="Reproduce the paper's experiments, and check them.")
@click.argument("experiments", nargs=-1, metavar="EXPERIMENT...|all")
@click.option("--list", "listed", is_flag=True, help="List the experiments and stop.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default="paper",
    show_default=True,
    help="Folder of paper.html and paper.json.",
)
@click.option(
    "--models",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the zoo, with its manifest.toml [default: models/ of the checkout].",
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False),
    help="Inputs of the zoo, .npz [default: digits.npz in its folder].",
)
@click.option(
    "--imagenet",
    type=click.Path(exists=True),
    help="For signatures: a folder of images (needs the extra images), or prepared .npy or .npz.",
)
@click.option(
    "--model",
    "networks",
    multiple=True,
    metavar="NAME=FILE.onnx",
    callback=_networks,
    help="For signatures: a network by its published name.",
)
@click.option(
    "--batches",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="For signatures: batches of 512 images.",
)
@click.option("--quick", is_flag=True, help="Leave out what takes long.")
@DEBUG
def command(experiments: tuple[str, ...], listed: bool, output_dir: Path, **options: Any) -> int:
    """Reproduce EXPERIMENT, or all: ours beside the published values, pass or fail.

    Exit code 1 where a check fails; what lacks models or data is named as not run.
    """
    from onnx_affscore import paper
    from onnx_affscore.paper.files import write_all
    from onnx_affscore.paper.text import score_line, to_text

    if listed:
        for name, row in paper.EXPERIMENTS.items():
            show(f"{name:12} {row.shows}\n{'':12} in the paper: {row.where}\n")
        return 0
    if not experiments:
        raise click.UsageError(
            f"no experiment; wanted some of {', '.join(paper.EXPERIMENTS)}, or all"
        )
    given = {name: value for name, value in options.items() if value is not None}
    outcomes = []
    for name in paper.chosen(experiments):
        say(f"{name} ...")
        outcomes.append(paper.run(name, **given))
        show(to_text(outcomes[-1:]))
    show(score_line(outcomes))
    write_all(outcomes, output_dir)
    say(f"written: {output_dir / 'paper.html'}, {output_dir / 'paper.json'}")
    failed = any(outcome.verdict is paper.Verdict.FAIL for outcome in outcomes)
    return NOT_PASSED if failed else 0

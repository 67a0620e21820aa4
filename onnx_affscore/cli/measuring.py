"""The options of a measurement: data, device, estimate, and which sites are scored."""

import click

from onnx_affscore.cli.resuming import resume_folder
from onnx_affscore.cli.shared import byte_size, together

__all__ = ["SCORING"]


def _batch_size(_ctx: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"{value!r} is neither auto nor a positive number")
    return int(value)


SCORING = together(
    click.option(
        "--data",
        multiple=True,
        metavar="[INPUT=]SPEC",
        help="x.npy, x.npz, x.csv, x.parquet, a folder of images or of .wav files, MNIST or CIFAR files, text as .txt or .jsonl, file.py:function, - for standard input, a test_data_set folder, or random[:normal|uniform] (docs/data.md); without it, synthetic input is made.",
    ),
    click.option(
        "--label",
        metavar="NAME",
        help="What tells the class of each row: an array of an .npz file, a column of a table, a field of .jsonl.",
    ),
    click.option(
        "--columns",
        metavar="A,B,C",
        help="Columns of a table to feed: names, numbers from 1 on, ranges 1-4 [default: all numbers but the label].",
    ),
    click.option(
        "--label-pattern",
        metavar="REGEX",
        help="Of files in folders: its first group, found in the path, is the class, as '^(\\d+)_' [default: the subfolder].",
    ),
    click.option(
        "--stratify", is_flag=True, help="Draw --samples so that classes keep their shares."
    ),
    click.option(
        "--on-error",
        type=click.Choice(["stop", "skip"]),
        default="stop",
        show_default=True,
        help="What becomes of a row that cannot be read or run: skip leaves it out, counts and lists it.",
    ),
    click.option(
        "--tokenizer",
        type=click.Path(exists=True),
        help="The model's tokenizer.json, or the folder that it lies in.",
    ),
    click.option(
        "--text-unit",
        type=click.Choice(["line", "paragraph"]),
        default="line",
        show_default=True,
        help="What of a .txt file is one sample.",
    ),
    click.option(
        "--text-field",
        metavar="NAME",
        default="text",
        show_default=True,
        help="The field of a .jsonl file that holds it.",
    ),
    click.option("--pair-field", metavar="NAME", help="The field of the second text of a pair."),
    click.option(
        "--target-field",
        metavar="NAME",
        help="The field of what a decoder is to say [default: the text again].",
    ),
    click.option(
        "--encoder",
        type=click.Path(exists=True),
        metavar="FILE.onnx",
        help="The encoder whose states MODEL, a decoder, takes.",
    ),
    click.option(
        "--max-length",
        type=click.IntRange(1),
        help="Tokens of a sample at most [default: what the model or its tokenizer takes, or 128].",
    ),
    click.option(
        "--sample-rate",
        type=click.IntRange(1),
        metavar="HZ",
        help="Moments a second that the model takes [default: 16000].",
    ),
    click.option(
        "--window",
        type=click.IntRange(1),
        metavar="N",
        help="Moments of a row, where the model leaves them open.",
    ),
    click.option(
        "--preset",
        metavar="NAME|FILE",
        help="How images become numbers: imagenet, inception, clip, mnist, unit (0 to 1), raw (0 to 255), or a preprocessor_config.json [default: a guess, which is told].",
    ),
    click.option(
        "--image-size",
        metavar="N|HxW",
        help="Size of images where the model leaves it open [default: the preset's].",
    ),
    click.option(
        "--channels",
        type=click.Choice(["rgb", "bgr"]),
        default="rgb",
        show_default=True,
        help="Order of the colours of images.",
    ),
    click.option(
        "--samples",
        type=click.IntRange(1),
        help="Samples to use [default: 2048, or what the data has].",
    ),
    click.option(
        "--batch-size",
        default="auto",
        show_default=True,
        callback=_batch_size,
        help="Samples a run.",
    ),
    click.option(
        "--seed",
        type=int,
        default=0,
        show_default=True,
        help="Of the drawing of samples and of values that are made up.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        help="auto, cpu, cuda or cuda:N; cuda never falls back.",
    ),
    click.option(
        "--provider",
        type=click.Choice(
            [
                "tensorrt",
                "openvino",
                "coreml",
                "directml",
                "migraphx",
                "rocm",
                "qnn",
                "xnnpack",
            ]
        ),
        help="Another execution provider in the place of --device; it never falls back.",
    ),
    click.option(
        "--provider-option",
        "provider_options",
        multiple=True,
        metavar="KEY=VALUE",
        help="An option of the provider, as ONNX Runtime names it; repeatable.",
    ),
    click.option(
        "--threads",
        type=click.IntRange(0),
        default=0,
        help="Threads of ONNX Runtime [default: all].",
    ),
    click.option(
        "--jobs", type=click.IntRange(1), help="Sites scored at a time [default: one a core]."
    ),
    click.option(
        "--cluster", metavar="ADDRESS", help="Run on Dask's workers: tcp://scheduler:port."
    ),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        callback=byte_size,
        help="Memory for features and outputs of runs, such as 500MB or 2GiB; what is more goes to a file in TMPDIR [default: no limit].",
    ),
    click.option(
        "--resume",
        type=click.Path(file_okay=False),
        metavar="DIR",
        callback=resume_folder,
        help="Keep finished batches in DIR; the same command goes on from there.",
    ),
    click.option(
        "--pool",
        type=click.Choice(["mean", "reference", "positions", "flatten"]),
        default="mean",
        show_default=True,
        help="How a sample becomes rows of features: means over its positions, as the published code, a row for each position, or every element a feature.",
    ),
    click.option("--feature-axis", type=int, help="Overrules the axis found from the graph."),
    click.option(
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
    ),
    click.option(
        "--verify/--no-verify",
        default=True,
        show_default=True,
        help="Compare the original outputs on the first batch.",
    ),
    click.option(
        "--roles", metavar="A,B|all", help="Roles to score [default: hidden,gate,recurrent]."
    ),
    click.option("--include", metavar="REGEX", help="Score only sites whose name it matches."),
    click.option("--exclude", metavar="REGEX", help="Leave out sites whose name it matches."),
    click.option(
        "--custom-op-library",
        "custom_operators",
        multiple=True,
        type=click.Path(exists=True),
        help="A library of custom operators; it runs its own code.",
    ),
)

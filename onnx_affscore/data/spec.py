"""The table of data sources, and the command line's way to name them: SPEC or INPUT=SPEC."""

import re
from collections.abc import Sequence
from pathlib import Path

from onnx_affscore import plugins
from onnx_affscore.data.arrays import open_npy, open_npz
from onnx_affscore.data.arrow_files import is_arrow, open_arrow
from onnx_affscore.data.delimited import DELIMITED, open_delimited
from onnx_affscore.data.fit import find_input
from onnx_affscore.data.functions import is_function, open_function
from onnx_affscore.data.images.cifar import is_cifar, open_cifar
from onnx_affscore.data.images.folder import SUFFIXES, is_image_folder, open_image_folder
from onnx_affscore.data.images.idx import is_idx, open_idx
from onnx_affscore.data.opening import Made, Opened, Request, SourceKind
from onnx_affscore.data.saved_dataset import is_saved_dataset, open_saved_dataset
from onnx_affscore.data.sound import is_sound, open_sound
from onnx_affscore.data.stdin import STDIN, open_stdin
from onnx_affscore.data.synthetic import DISTRIBUTIONS
from onnx_affscore.data.test_set import is_test_set, open_test_set
from onnx_affscore.data.text import open_json_lines, open_text
from onnx_affscore.errors import AffscoreError, DataError, PluginError
from onnx_affscore.records import InputHint

__all__ = ["SOURCES", "is_random", "kind_of", "open_spec", "split_name"]

_TEXT = re.compile(r".*\.txt(\.gz)?", re.IGNORECASE | re.DOTALL)
_JSON_LINES = re.compile(r".*\.(jsonl|ndjson)(\.gz)?", re.IGNORECASE | re.DOTALL)
_RANDOM = re.compile(r"random(?::(.*))?", re.DOTALL)


def is_random(text: str) -> bool:
    """Whether a specification asks for made-up values."""
    return _RANDOM.fullmatch(text) is not None


def _open_random(request: Request) -> Made:
    found = _RANDOM.fullmatch(request.text)
    distribution = found[1] if found and found[1] is not None else DISTRIBUTIONS[0]
    if distribution not in DISTRIBUTIONS:
        have = " or ".join(f"random:{d}" for d in DISTRIBUTIONS)
        raise DataError(f"found the distribution '{distribution}' in '{request.text}'; give {have}")
    return Made(distribution)


def _suffix(ending: str) -> "re.Pattern[str]":
    return re.compile(rf".*{re.escape(ending)}", re.IGNORECASE | re.DOTALL)


SOURCES: tuple[SourceKind, ...] = (
    SourceKind(
        "random",
        "random[:normal|uniform]",
        "values made up from the model's inputs",
        is_random,
        _open_random,
    ),
    SourceKind(
        "npy",
        "FILE.npy",
        "one NumPy array, for a model with one input",
        lambda text: _suffix(".npy").fullmatch(text) is not None,
        open_npy,
        named=False,
        slow=False,
    ),
    SourceKind(
        "npz",
        "FILE.npz",
        "NumPy arrays by input name",
        lambda text: _suffix(".npz").fullmatch(text) is not None,
        open_npz,
        slow=False,
    ),
    SourceKind(
        "stdin",
        "-",
        "a .npy or .npz file on standard input",
        lambda text: text == STDIN,
        open_stdin,
        slow=False,
    ),
    SourceKind(
        "function",
        "FILE.py:FUNCTION",
        "feeds of any size; it runs the file's code",
        is_function,
        open_function,
    ),
    SourceKind(
        "table",
        "FILE.csv|.tsv[.gz]",
        "rows of text whose columns feed the inputs",
        lambda text: DELIMITED.fullmatch(text) is not None,
        open_delimited,
    ),
    SourceKind(
        "saved-dataset",
        "FOLDER[:SPLIT]",
        "a data set that Hugging Face's library saved, of pictures, numbers, lists and text",
        is_saved_dataset,
        open_saved_dataset,
    ),
    SourceKind(
        "parquet",
        "FILE.parquet|.arrow|.feather",
        "columns as of a table, nested lists as tensors, pictures; also a folder of .parquet files",
        is_arrow,
        open_arrow,
    ),
    SourceKind(
        "test-set",
        "FOLDER",
        "ONNX test data: input_0.pb, ... or test_data_set_0/, ...",
        is_test_set,
        open_test_set,
    ),
    SourceKind(
        "sound",
        "FILE.wav|FOLDER",
        "sound, resampled and cut or padded to the model's length, or in windows",
        is_sound,
        open_sound,
        named=False,
    ),
    SourceKind(
        "text",
        "FILE.txt[.gz]",
        "lines or paragraphs, with --tokenizer",
        lambda text: _TEXT.fullmatch(text) is not None,
        open_text,
    ),
    SourceKind(
        "json-lines",
        "FILE.jsonl[.gz]",
        "a JSON object a line, with --text-field and --tokenizer",
        lambda text: _JSON_LINES.fullmatch(text) is not None,
        open_json_lines,
    ),
    SourceKind(
        "images",
        "FOLDER",
        "images; sub-folders are classes",
        is_image_folder,
        open_image_folder,
        named=False,
    ),
    SourceKind(
        "idx",
        "NAME-idx3-ubyte[.gz]",
        "MNIST and its kin; the labels' file lies beside",
        is_idx,
        open_idx,
        named=False,
    ),
    SourceKind(
        "cifar",
        "test_batch.bin",
        "CIFAR-10 or CIFAR-100, binary version",
        is_cifar,
        open_cifar,
        named=False,
    ),
)


def open_spec(request: Request) -> Opened:
    """Open a specification with the first kind that matches it.

    Raises
    ------
    DataError
        No kind matches, or the matching one cannot read the data.
    """
    if not request.text:
        raise DataError("--data: found nothing where a file should be named; name one")
    known = kind_of(request.text)
    if known is not None:
        return known.open(request)
    added = plugins.load(plugins.SOURCES, SourceKind, builtin={k.name for k in SOURCES})
    for name, kind in added.rows.items():
        try:
            if kind.matches(request.text):
                return kind.open(request)
        except (AffscoreError, MemoryError):
            raise
        except Exception as exc:
            raise PluginError(
                f"--data {request.text}: the plug-in '{name}' of {added.packages[name]} failed:"
                f" {type(exc).__name__}: {exc}"
            ) from exc
    path = Path(request.text)
    if path.suffix.lower() in SUFFIXES and path.is_file():
        raise DataError(
            f"--data {request.text}: found one picture; give the folder that holds all of them:"
            f" --data {path.parent}"
        )
    forms = ", ".join(dict.fromkeys(k.form for k in (*SOURCES, *added.rows.values())))
    broken = "".join(f"; {problem}" for problem in added.problems.values())
    if not path.exists() and not path.suffix:
        raise DataError(
            f"--data {request.text}: found no such file or folder; check the path{broken}"
        )
    if path.is_dir():
        what = "a folder without input_0.pb and without an image, .wav or .parquet file"
    else:
        what = "a file of an unknown kind" if path.exists() else "no such file"
    raise DataError(
        f"--data {request.text}: found {what}; give one of {forms} (docs/data.md){broken}"
    )


def kind_of(text: str) -> SourceKind | None:
    """Return the first kind of the table that matches a specification, None for a plug-in's."""
    return next((kind for kind in SOURCES if kind.matches(text)), None)


def split_name(text: str, hints: Sequence[InputHint]) -> tuple[InputHint | None, str]:
    """Split INPUT=SPEC where INPUT is an input's name; a path may hold '=' itself.

    Raises
    ------
    DataError
        What stands before '=' is no input, and the whole is no data either.
    """
    names = sorted(hints, key=lambda h: -len(h.spec.name))
    named = next((h for h in names if text.startswith(f"{h.spec.name}=")), None)
    if named is not None and not Path(text).exists():
        return named, text[len(named.spec.name) + 1 :]
    before, sign, _after = text.partition("=")
    if not sign or "/" in before or Path(text).exists() or is_random(text):
        return None, text
    return find_input(before, hints, where=f"--data {text}"), text

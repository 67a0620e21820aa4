"""The command that measures a signature again, from its record."""

import shlex
from typing import Any, Final

from onnx_affscore.records import Signature
from onnx_affscore.report.names import printable

__all__ = ["UNSAID", "command_again"]

# option: what it is where nobody gave it, which need not be said
_DEFAULTS: Final[dict[str, Any]] = {
    "text_unit": "line",
    "text_field": "text",
    "on_error": "stop",
    "channels": "rgb",
    "sparsity": "first",
}
_VALUES: Final = (
    "seed", "pool", "covariance", "feature_axis", "sparsity", "batches", "memory_limit",
    "include", "exclude", "label", "by", "columns", "label_pattern", "on_error",
    "tokenizer", "text_unit", "text_field", "pair_field", "target_field", "max_length", "encoder",
    "sample_rate", "window", "preset", "image_size", "channels", "provider",
)  # fmt: skip
_LISTS: Final = ("roles", "metrics", "operators")
# the record's name: the option, which is given once for each value
_REPEATED: Final = {
    "provider_options": "provider-option",
    "custom_operators": "custom-op-library",
    "probes": "probe",
}
UNSAID: Final = ("details", "jobs", "verify")
"""Options on record that change no score, so that the command leaves them out."""


def command_again(signature: Signature) -> str:
    """Return the command that measures the same again; what the file does not tell is left out."""
    run, data = signature.run, signature.data
    words: list[Any] = ["onnx-affscore", "score", signature.model.path]
    specs = data.get("specs")
    if specs is None:
        specs = [] if data["synthetic"] else [data["source"]]
    for spec in specs:
        words += ["--data", spec]
    samples = run.get("samples", data["samples"])  # not those left where rows were left out
    words += [] if samples is None else ["--samples", samples]
    for name in _VALUES:
        if run.get(name) is not None and run[name] != _DEFAULTS.get(name):
            words += [_option(name), run[name]]
    for name in _LISTS:
        if run.get(name):
            words += [_option(name), ",".join(map(str, run[name]))]
    for name, option in _REPEATED.items():
        for value in run.get(name) or ():
            words += [_option(option), value]
    if run.get("stratify"):
        words += ["--stratify"]
    if run.get("composition_from"):
        words += ["--composition-from", run["composition_from"]]
    elif run.get("composition"):
        words += ["--composition"]
    return shlex.join(printable(str(word)) for word in words)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"

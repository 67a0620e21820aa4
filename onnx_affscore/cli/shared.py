"""Options that several commands have, and the talk on stderr."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from onnx_affscore.cli.talk import say

__all__ = [
    "ASKED",
    "DEBUG",
    "MODEL",
    "MODELS",
    "byte_size",
    "say_notes",
    "say_warnings",
    "together",
]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

MODEL = click.argument("model", type=click.Path(exists=True))
MODELS = click.argument(
    "models", metavar="MODEL...", nargs=-1, required=True, type=click.Path(exists=True)
)

DEBUG = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)
"""``--debug``, which :func:`onnx_affscore.cli.main.run` acts on."""


def together(*options: _Decorator) -> _Decorator:
    """Make one decorator of several options, which keep their order in the help."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return add


ASKED = together(
    click.option(
        "--operators",
        metavar="A,B|all",
        help="Sites that are no activations: max-pool, normalisation, residual; softmax too.",
    ),
    click.option(
        "--probe",
        "probes",
        multiple=True,
        metavar="IN:OUT",
        help="Any two tensors, by name, as a site; repeatable.",
    ),
    click.option(
        "--composition",
        is_flag=True,
        help="The network from its input to every hidden activation, as sites.",
    ),
    click.option("--composition-from", metavar="TENSOR", help="The same, from another tensor on."),
)
"""The options that ask for sites besides activations."""


def byte_size(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    """Read a size such as ``2GiB``; a callback of options."""
    from onnx_affscore.byte_sizes import in_bytes
    from onnx_affscore.errors import OptionError

    try:
        return None if text is None else in_bytes(text)
    except OptionError as exc:
        raise click.BadParameter(str(exc)) from exc


def say_notes(notes: Sequence[str], *, hidden: bool) -> None:
    """Print how the data became what the model was fed on stderr."""
    if not hidden:
        for note in notes:
            say(f"note: {note}")


def say_warnings(warnings: Sequence[str], *, hidden: bool) -> None:
    """Print what the user should know of a run on stderr."""
    if not hidden:
        for warning in warnings:
            say(f"warning: {warning}")

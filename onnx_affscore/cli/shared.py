"""Options that several commands have, and the talk on stderr."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

__all__ = ["ASKED", "DEBUG", "MODEL", "progress_bar", "say_warnings"]

MODEL = click.argument("model", type=click.Path(exists=True))


def DEBUG(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - a decorator constant
    """Add ``--debug``, which :func:`onnx_affscore.cli.main.run` acts on."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
    )(function)


def ASKED(function: Callable[..., Any]) -> Callable[..., Any]:  # noqa: N802 - a decorator constant
    """Add the options that ask for sites besides activations."""
    options = (
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
        click.option(
            "--composition-from", metavar="TENSOR", help="The same, from another tensor on."
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@contextmanager
def progress_bar(*, hidden: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield a progress function that draws a bar on stderr, None where stderr is no terminal."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    bar: Any = None

    def update(done: int, total: int | None) -> None:
        nonlocal bar
        if bar is None:
            bar = click.progressbar(length=total or 0, label="samples", file=sys.stderr)
            bar.__enter__()
        if total is None:
            bar.length = max(bar.length, done)
        bar.update(done - bar.pos)

    try:
        yield update
    finally:
        if bar is not None:
            bar.__exit__(None, None, None)


def say_warnings(warnings: tuple[str, ...], *, hidden: bool) -> None:
    """Print what the user should know of a run on stderr."""
    if not hidden:
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)

"""The command group, loaded lazily, and the one place where errors become exit codes."""

import sys
from functools import partial
from importlib import import_module
from io import StringIO
from typing import NoReturn, final

import click

from onnx_affscore import __version__
from onnx_affscore.cli.codes import COULD_NOT_ANALYSE, INTERRUPTED
from onnx_affscore.cli.interrupts import at_once
from onnx_affscore.cli.resuming import held
from onnx_affscore.cli.streams import bear_with_streams
from onnx_affscore.cli.talk import say
from onnx_affscore.errors import AffscoreError
from onnx_affscore.plain_text import printable

__all__ = ["run"]

# name of the command: the module that holds it, as `command`
_COMMANDS = {
    "score": "onnx_affscore.cli.score",
    "sites": "onnx_affscore.cli.sites",
    "instrument": "onnx_affscore.cli.instrument",
    "compare": "onnx_affscore.cli.compare",
    "annotate": "onnx_affscore.cli.annotate",
    "reproduce": "onnx_affscore.cli.reproduce",
    "report": "onnx_affscore.cli.report",
    "check": "onnx_affscore.cli.check",
    "rules": "onnx_affscore.cli.rules",
    "paper": "onnx_affscore.cli.paper",
    "demo": "onnx_affscore.cli.demo",
    "doctor": "onnx_affscore.cli.doctor",
}
_RESUMABLE = (["score"], ["check"])


@final
class _LazyGroup(click.Group):
    """Imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="onnx-affscore")
def main() -> None:
    """How non-linear is a trained network? One affinity score per activation of an ONNX model."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the contract's code."""
    bear_with_streams()
    arguments = sys.argv[1:] if arguments is None else arguments
    debug, stdout = "--debug" in arguments, sys.stdout
    try:
        with at_once(partial(_last_words, resumable=arguments[:1] in _RESUMABLE)):
            code = main.main(
                [a for a in arguments if a != "--debug"],
                prog_name="onnx-affscore",
                standalone_mode=False,
                obj=arguments,  # for a child that runs them again
            )
    except Exception as exc:  # noqa: BLE001 - here every error becomes an exit code
        if debug and not isinstance(exc, click.ClickException | click.Abort):
            from traceback import format_exception

            for line in "".join(format_exception(exc)).splitlines():
                say(line)
        sys.exit(_exit_code(exc))
    except SystemExit as exc:
        # click replaces stdout and exits with 1 where the reader has gone: `... | head`
        sys.exit(exc.code if sys.stdout is stdout else 0)
    except KeyboardInterrupt:
        say("interrupted")
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _kept() -> str | None:
    """What is kept of the work under way; None where none is, or nobody asked."""
    leaving = sys.modules.get("onnx_affscore.leaving")  # else there is nothing yet to leave
    return None if leaving is None else leaving.kept()


def _last_words(word: str, *, resumable: bool) -> str:
    """Clean up, and say what an interrupted command leaves."""
    if leaving := sys.modules.get("onnx_affscore.leaving"):
        leaving.leave()
    kept = _kept()
    if resumable and not kept:
        kept = held(working=kept == "")
    return printable(f"{word}: {kept}" if kept else word)


def _exit_code(exc: Exception) -> int:
    if isinstance(exc, click.exceptions.Exit):
        return exc.exit_code
    if isinstance(exc, click.Abort):
        say("interrupted")
        return INTERRUPTED
    if isinstance(exc, click.ClickException):
        _show_usage(exc)
        return exc.exit_code
    if isinstance(exc, AffscoreError):
        say(f"error: {exc}")
        if kept := _kept():
            say(kept)
        return exc.exit_code
    if isinstance(exc, OSError):
        say(f"error: {exc.strerror or exc}{f': {exc.filename}' if exc.filename else ''}")
        return COULD_NOT_ANALYSE
    if isinstance(exc, MemoryError):
        say(
            f"error: memory ran out{f' ({exc})' if str(exc) else ''}; take fewer --samples,"
            " --jobs 1, or set --memory-limit"
        )
        return COULD_NOT_ANALYSE
    say(f"error: internal error, {type(exc).__name__}: {exc}")
    say("this is a bug: run again with --debug and report what it prints")
    return COULD_NOT_ANALYSE


def _show_usage(exc: click.ClickException) -> None:
    """Say what click says of a wrong call, which may quote a file's name."""
    text = StringIO()
    exc.show(text)
    for line in text.getvalue().splitlines():
        say(line)

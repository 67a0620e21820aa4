"""What commands say: the one place where text for people, with names from files in it, is made safe.

``say`` talks on stderr, one line a call; ``show`` prints what was asked for on stdout.
"""

from typing import Final

import click

from onnx_affscore.errors import AffscoreError
from onnx_affscore.plain_text import printable, shorten

__all__ = ["LONGEST", "say", "show"]

LONGEST: Final = 2000
"""Characters of a line of talk; of a longer one the middle is left out."""


def say(text: object) -> None:
    """Write one line on stderr; line ends and all that steers a terminal are shown as escapes."""
    click.echo(shorten(printable(str(text)[: 50 * LONGEST]), LONGEST), err=True)


def show(text: str) -> None:
    """Write text of whole lines on stdout; what steers a terminal is shown as escapes.

    Raises :class:`AffscoreError` where it does not take them, as on a full disk.
    """
    try:
        click.echo("\n".join(map(printable, text.split("\n"))), nl=False)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise AffscoreError(f"cannot write standard output: {exc.strerror or exc}") from exc

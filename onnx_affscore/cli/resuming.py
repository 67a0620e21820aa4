"""``--resume DIR`` on the command line, and what DIR holds where a signal ends the command."""

from pathlib import Path

import click

__all__ = ["held", "resume_folder"]

_folder: Path | None = None


def resume_folder(
    _ctx: click.Context, _parameter: click.Parameter, value: str | None
) -> str | None:
    """Note the folder for the last words; a callback of the option."""
    global _folder  # noqa: PLW0603 - of the process, as its end is
    if value == "":
        raise click.BadParameter("the name is empty; wanted a folder, . is the one you are in")
    _folder = None if value is None else Path(value)
    return value


def held(*, working: bool) -> str | None:
    """Return in a clause what the folder holds; without one, how to keep what is worked on."""
    if _folder is None:
        return "nothing is kept; --resume DIR keeps finished batches" if working else None
    from onnx_affscore.resume.holdings import holdings

    return holdings(_folder)

"""A case that crashed, run again with --isolate: the crash must become exit code 3."""

from pathlib import Path

from tools.fuzzing.cases import Case

__all__ = ["contained"]


def contained(case: Case, folder: Path) -> bool:
    return False

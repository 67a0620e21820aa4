"""A case that crashed, run again with --isolate: the crash must become exit code 3."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.fuzzing.cases import Case
from tools.fuzzing.pool import write_case

__all__ = ["contained"]


def contained(case: Case, folder: Path) -> bool:
    """Whether every command of a case, isolated, ends with a code of the contract and a message."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_case(case, folder)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for command in case.commands:
        options = ["--isolate", "--max-seconds", "60", "--max-memory", "4GiB"]
        takes = command[0] in ("score", "sites", "instrument", "check", "annotate")
        done = subprocess.run(
            [sys.executable, "-m", "onnx_affscore", *command, *(options if takes else [])],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in case.allowed or (done.returncode == 3) != (
            "error: " in done.stderr
        ):
            return False
    return True

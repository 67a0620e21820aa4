"""How long the command line takes to say what it can do: the cost of its imports."""

import subprocess
import sys

from tools.benchmarks.rows import Row, Settings, alternated, compared

__all__ = ["run"]

_ROUNDS, _QUICK_ROUNDS = 15, 5
_BARE = "python -c pass"


def run(settings: Settings) -> list[Row]:
    """Return rows for ``--help`` of the command and of ``score``, against a bare interpreter."""
    commands = {
        _BARE: ["-c", "pass"],
        "onnx-affscore --help": ["-m", "onnx_affscore", "--help"],
        "onnx-affscore score --help": ["-m", "onnx_affscore", "score", "--help"],
    }
    calls = {
        name: lambda arguments=arguments: subprocess.run(
            [sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL
        )
        for name, arguments in commands.items()
    }
    rounds = settings.rounds or (_QUICK_ROUNDS if settings.quick else _ROUNDS)
    alternated(calls, rounds=1)  # the first call of each reads files from disk
    return compared("start", alternated(calls, rounds=rounds), baseline=_BARE)

"""The exit codes of the commands; 2 is usage, 4 nothing to score, as the errors have them."""

import signal
from typing import Final

from onnx_affscore.errors import AffscoreError

__all__ = ["BY_SIGNAL", "COULD_NOT_ANALYSE", "INCOMPLETE", "INTERRUPTED", "NOT_PASSED"]

NOT_PASSED: Final = 1
"""A policy is violated, a signature not reproduced, an experiment fails."""

COULD_NOT_ANALYSE: Final = AffscoreError.exit_code
INCOMPLETE: Final = 5
"""With ``--strict``: a site that was to be scored has no score."""

BY_SIGNAL: Final = 128
"""What shells add to a signal for the exit code."""

INTERRUPTED: Final = BY_SIGNAL + signal.SIGINT

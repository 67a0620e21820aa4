"""The command line with something in it that does not come back; started by test_interrupts."""

import hashlib
import sys
from pathlib import Path
from typing import Any

from onnx_affscore import leaving, measurement, site_scores
from onnx_affscore.cli.main import run
from onnx_affscore.run.session import Session


def stuck(ready: Path) -> None:
    """Stay in C code for hours, where no signal handler of Python's runs."""
    ready.touch()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def main(place: str, at: int, ready: Path, arguments: list[str]) -> None:
    """Run the command, stuck in run ``at`` of the model, in loading it, in scoring or leaving."""
    run_model, left = Session.run, at

    def spied(self: Session, names: Any, feeds: Any) -> Any:
        nonlocal left
        left -= 1
        if place == "run" and not left:
            stuck(ready)
        return run_model(self, names, feeds)

    Session.run = spied  # type: ignore[method-assign]
    if place == "load":
        measurement.load = lambda *_: stuck(ready)  # type: ignore[assignment, attr-defined]
    if place == "score":
        site_scores.score_sample = lambda *_, **__: stuck(ready)  # type: ignore[assignment, attr-defined]
    if place == "leave":  # and in the clean-up
        leaving.leave = lambda: stuck(ready.with_name("leaving"))
        place = "run"
    run(arguments)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])

"""The files of a run: ``paper.html`` for people, ``paper.json`` for programs."""

import json
from collections.abc import Sequence
from pathlib import Path

from onnx_affscore.paper import EXPERIMENTS
from onnx_affscore.paper.outcome import Outcome
from onnx_affscore.paper.page import to_html
from onnx_affscore.paper.plain import to_plain
from onnx_affscore.report.files import write

__all__ = ["write_all"]


def write_all(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write both files into a folder, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    places = {name: (row.shows, row.where) for name, row in EXPERIMENTS.items()}
    write(folder / "paper.html", to_html(outcomes, places=places))
    plain = to_plain(outcomes)
    write(folder / "paper.json", json.dumps(plain, indent=1, allow_nan=False) + "\n")

"""What a folder of ``--resume`` holds, told in a moment: no row is read, and nothing is written."""

import re
from pathlib import Path
from typing import Final

from onnx_affscore.resume.journal import heads

__all__ = ["BESIDES", "GROUP", "SUFFIX", "holdings"]

SUFFIX: Final = ".journal"
BESIDES: Final = ("census", "second")
"""How names of passes end that are no measure of the work."""
GROUP: Final = re.compile(r"group-(\d+)-")
"""How the name of a pass begins that is over one group of sites."""


def holdings(folder: Path) -> str:
    """Return in a clause what earlier starts keep there, of one model or of several."""
    samples = _samples(folder)
    if samples:
        return f"{samples} samples are kept in {folder}"
    models = sum(_samples(path) > 0 for path in _listed(folder) if path.is_dir())
    if models:
        return f"samples of {models} model{'s' * (models > 1)} are kept in {folder}"
    return f"no batch beyond the first look is kept in {folder} yet"


def _samples(folder: Path) -> int:
    """The samples of the pass that was under way last; 0 where none is kept."""
    found = [
        (int(group[1]) if (group := GROUP.match(path.stem)) else 0, path)
        for path in _listed(folder)
        if path.suffix == SUFFIX and not path.stem.endswith(BESIDES)
    ]
    counts = {
        number: sum(head["batch"]["samples"] for head in heads(path) if "batch" in head)
        for number, path in sorted(found)
    }
    return next((n for _, n in sorted(counts.items(), reverse=True) if n), 0)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # not made yet, or no folder
        return []

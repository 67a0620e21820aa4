"""The exported architectures, and the cache folder into which they come once."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

__all__ = ["CACHE", "EXPORTS", "PIXELS", "ROOT", "exported"]

EXPORTS = (
    "resnet50",
    "densenet121",
    "mobilenet_v3_large",
    "efficientnet_b0",
    "vit_b_16",
    "convnext_tiny",
    "swin_t",
)
PIXELS = 224
ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".bench"
_PINS = Path(__file__).with_name("requirements-export.txt")


def exported(names: Sequence[str]) -> dict[str, Path]:
    """Return the files of the named architectures; export those that are not there yet."""
    folder = CACHE / "models"
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.onnx" for name in names}
    if missing := [name for name, file in files.items() if not file.exists()]:
        print(f"exporting {', '.join(missing)}", file=sys.stderr, flush=True)
        command = [_environment(), "-m", "tools.benchmarks.export", str(folder), *missing]
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    return files


def _environment() -> str:
    """Return the exporter's Python, in an environment made anew when its pins change."""
    home = CACHE / "export"
    stamp = home / "installed.txt"
    python = str(home / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    if not stamp.exists() or stamp.read_text("utf-8") != _PINS.read_text("utf-8"):
        print(f"installing {_PINS.name} (5.5 GB)", file=sys.stderr, flush=True)
        venv.create(home, clear=True, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([python, *install, "-r", str(_PINS)], check=True)
        stamp.write_text(_PINS.read_text("utf-8"), "utf-8")
    return python

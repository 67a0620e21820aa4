"""The shipped networks as their manifests list them, and their signatures on 512 samples."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from onnx_affscore.api import signature
from onnx_affscore.errors import DataError
from onnx_affscore.paper.settings import Settings
from onnx_affscore.records import Array, Signature

__all__ = ["BATCH", "Network", "arrays", "listed", "score"]

BATCH: Final = 512  # the published batch


@final
@dataclass(frozen=True, slots=True)
class Network:
    """One entry of a manifest."""

    name: str
    file: Path
    framework: str
    accuracy: float
    input: str


def listed(folder: Path) -> dict[str, Network]:
    """Return the networks of a folder by name; none where it has no manifest."""
    manifest = folder / "manifest.toml"
    if not manifest.is_file():
        return {}
    try:
        entries: dict[str, Any] = tomllib.loads(manifest.read_text("utf-8"))["models"]
        return {
            name: Network(
                name, folder / e["file"], e["framework"], float(e["accuracy"]), e["input"]
            )
            for name, e in entries.items()
        }
    except (KeyError, tomllib.TOMLDecodeError) as exc:
        raise DataError(f"{manifest} is no manifest of networks: {exc}") from exc


def arrays(settings: Settings, networks: Mapping[str, Network]) -> dict[str, Array]:
    """Return the array of each input that the networks take, from one ``.npz`` file."""
    file = Path(settings.data) if settings.data else settings.models / "digits.npz"
    wanted = {network.input for network in networks.values()}
    try:
        with np.load(file, allow_pickle=False) as data:
            return {name: data[name] for name in sorted(wanted)}
    except (OSError, ValueError, KeyError) as exc:
        names = ", ".join(sorted(wanted))
        raise DataError(f"cannot read {file}: {exc}; wanted an .npz file with {names}") from exc


def score(file: Path, rows: Array, *, companions: bool = False) -> Signature:
    """Return the signature of a network on rows of its input, in the plain (empirical) estimate."""
    return signature(
        file,
        rows,
        samples=len(rows),
        covariance="empirical",
        metrics=None if companions else (),
        verify=False,
        sparsity="all",
    )

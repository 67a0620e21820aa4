"""What the user gives the experiments: how long they may take, models and data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import final

from onnx_affscore.errors import OptionError

__all__ = ["Settings"]

_MODELS = Path(__file__).parents[2] / "models"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Options of all experiments; each takes what concerns it.

    ``models`` is a folder as the checkout's ``models/``, ``data`` the inputs of those networks
    (None: ``digits.npz`` beside them), ``networks`` files by their published names, ``imagenet``
    images or arrays for them, ``batches`` how many batches of 512 of these. ``quick`` leaves out
    what takes long.
    """

    quick: bool = False
    models: Path = _MODELS
    data: str | None = None
    imagenet: str | None = None
    networks: Mapping[str, Path] = field(default_factory=lambda: MappingProxyType({}))
    batches: int = 4

    def __post_init__(self) -> None:
        """Refuse values that no experiment takes."""
        if self.batches < 1:
            raise OptionError(f"batches is {self.batches}; wanted at least 1")

    @property
    def manifest(self) -> Path:
        """The list of the networks in ``models``."""
        return self.models / "manifest.toml"

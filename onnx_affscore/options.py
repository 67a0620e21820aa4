"""The knobs of a measurement, checked as soon as they are set."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from onnx_affscore.asked import Asked
from onnx_affscore.errors import OptionError
from onnx_affscore.feeding import Feeding
from onnx_affscore.groups import BY
from onnx_affscore.selection import Selection

__all__ = ["COVARIANCES", "POOLS", "SPARSITIES", "Options"]

COVARIANCES = (
    "auto",
    "corrected",
    "cross-fitted",
    "empirical",
    "ledoit-wolf",
    "ledoit-wolf-cc",
    "reference",
    "reference-lw",
)
SPARSITIES = ("first", "all", "none")
POOLS = ("mean", "reference", "positions", "flatten")

_LEAST = {"samples": 1, "batch_size": 1, "threads": 0, "jobs": 1, "memory_limit": 1, "batches": 1}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything about a measurement but the model and the data; defaults are the contract's.

    ``batch_size`` None chooses one; ``threads`` 0 leaves it to ONNX Runtime; ``jobs`` scores so
    many sites at a time, None one a core, or one alone where memory is limited; ``cluster`` is the
    address of a Dask scheduler whose workers run and score; ``memory_limit``, in bytes, bounds
    what is held of the data (see :mod:`onnx_affscore.memory`). These change results by no more
    than rounding. ``resume`` is a folder for the rows of finished batches: a run that was cut off
    goes on from there, to the same result.

    ``provider`` names an execution provider of ONNX Runtime in the place of ``device``, with its
    ``provider_options``, each ``KEY=VALUE``.

    ``influence`` keeps what every sample contributes to every score; ``batches`` also scores
    batches of so many rows, as the paper does. ``details`` keeps figures for drawings of each site.

    ``sparsity``, which needs every element of every tensor, is counted on the ``first`` samples,
    on ``all``, or (``none``) only where features are whole tensors.

    ``by`` scores each class of the data alone too, see :mod:`onnx_affscore.by_class`.

    ``operators``, ``probes``, ``composition`` and ``composition_from`` ask for sites beyond the
    activations, see :class:`onnx_affscore.asked.Asked`.
    """

    samples: int | None = None
    batch_size: int | None = None
    seed: int = 0
    device: str = "auto"
    provider: str | None = None
    provider_options: tuple[str, ...] = ()
    threads: int = 0
    jobs: int | None = None
    pool: str = "mean"
    feature_axis: int | None = None
    covariance: str = "auto"
    verify: bool = True
    sparsity: str = "first"
    metrics: tuple[str, ...] | None = None
    selection: Selection = field(default_factory=Selection)
    feeding: Feeding = field(default_factory=Feeding)
    custom_operators: tuple[str, ...] = ()
    cluster: str | None = None
    memory_limit: int | None = None
    resume: str | Path | None = None
    influence: bool = False
    batches: int | None = None
    details: bool = True
    operators: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    composition: bool = False
    composition_from: str | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that no option takes."""
        _one_of("covariance", self.covariance, COVARIANCES)
        _one_of("pool", self.pool, POOLS)
        _one_of("sparsity", self.sparsity, SPARSITIES)
        if self.resume == "":
            raise OptionError("resume is an empty name; wanted a folder, . is the current one")
        if self.by is not None:
            _one_of("by", self.by, BY)
        if self.provider is not None and self.device != "auto":
            raise OptionError(
                f"--provider {self.provider} and --device {self.device} both say where to run;"
                " give one of them"
            )
        if self.provider is None and self.provider_options:
            raise OptionError("--provider-option has no meaning without --provider")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise OptionError(f"{name} is {value}; wanted at least {least}")
        _ = self.asked  # refuses what it does not know

    @property
    def asked(self) -> Asked:
        """What is to be scored besides activations."""
        return Asked(
            operators=self.operators,
            probes=self.probes,
            composition=self.composition,
            composition_from=self.composition_from,
        )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise OptionError(f"no {name} {value!r}; wanted one of {', '.join(known)}")

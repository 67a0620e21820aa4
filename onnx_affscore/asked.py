"""What is asked to be scored besides activations: kinds of operators, pairs of tensors, depths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from onnx_affscore.errors import OptionError

__all__ = ["CAVEAT", "OPERATORS", "Asked", "parse_operators"]

OPERATORS: Final[Mapping[str, tuple[str, ...]]] = {
    "max-pool": ("MaxPool", "GlobalMaxPool"),
    "normalisation": (
        "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN",
        "LayerNormalization", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization",
    ),
    "residual": ("Residual",),
    "softmax": ("Softmax", "LogSoftmax"),
}  # fmt: skip
"""The kinds that ``--operators`` takes, and the names under which their sites are listed."""

CAVEAT: Final = (
    "no linearity test: affinity compares two distributions, not rows. A linear map that is not"
    " positive semi-definite, such as a rotation, can score below 1, and x -> -x on symmetric data"
    " scores 1; for a linearity test of a block read linearity and r2_heldout"
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Sites beyond the activations.

    ``operators`` are keys of :data:`OPERATORS`. ``probes`` are pairs of tensors, ``IN:OUT``.
    ``composition`` compares the network's input with the output of every hidden activation;
    ``composition_from`` names another tensor to start from.
    """

    operators: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    composition: bool = False
    composition_from: str | None = None

    def __post_init__(self) -> None:
        """Refuse kinds that are not in the table."""
        unknown = [kind for kind in self.operators if kind not in OPERATORS]
        if unknown:
            raise OptionError(
                f"no kind of operators {', '.join(map(repr, unknown))};"
                f" wanted some of {', '.join(OPERATORS)}, or all"
            )


def parse_operators(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the kinds of a comma-separated list or of a sequence, ``all`` for all.

    Raises :class:`OptionError` for an empty list; unknown kinds are refused by :class:`Asked`.
    """
    if given is None:
        return ()
    if given == "all":
        return tuple(OPERATORS)
    parts = given.split(",") if isinstance(given, str) else given
    kinds = tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not kinds and isinstance(given, str):
        raise OptionError(
            f"no kind in --operators {given!r}; wanted some of {', '.join(OPERATORS)}"
        )
    return kinds

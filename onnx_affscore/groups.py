"""The records of scores by class: what every site scored on the rows of each class."""

from collections.abc import Mapping
from dataclasses import dataclass

from onnx_affscore.fields import GROUP_SCORES

__all__ = ["BY", "Group", "GroupSite", "Groups"]

BY = ("label",)
"""What the rows of the data can be told apart by."""


@dataclass(frozen=True, slots=True)
class GroupSite:
    """One activation on the rows of one class; ``name`` is that of its site in the signature.

    ``scores`` are those of :data:`~onnx_affscore.fields.GROUP_SCORES`; ``verdict`` says what the
    rows are worth, None where there is no score.
    """

    name: str
    status: str
    reason: str | None
    samples: int
    scores: Mapping[str, float | str | None]
    verdict: str | None = None

    @classmethod
    def none(cls, name: str, *, status: str, reason: str, samples: int = 0) -> "GroupSite":
        """Return the record of a site without a score."""
        return cls(name, status, reason, samples, dict.fromkeys(GROUP_SCORES))

    @property
    def affinity(self) -> float | None:
        """The headline score, None where there is none."""
        value = self.scores.get("affinity")
        return value if isinstance(value, float) else None


@dataclass(frozen=True, slots=True)
class Group:
    """One class: its name, its samples among the data, and its sites in execution order."""

    name: str
    samples: int
    sites: tuple[GroupSite, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """What the rows were told apart by, and every class."""

    by: str
    classes: tuple[Group, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, in their order."""
        return tuple(group.name for group in self.classes)

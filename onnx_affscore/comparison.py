"""The frozen records of a comparison: made in ``statistics/``, shown in ``report/``."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, final

from onnx_affscore.errors import DataError
from onnx_affscore.records import FloatArray, Reading, Signature

__all__ = [
    "Alignment",
    "Association",
    "Clustering",
    "Comparison",
    "ComparisonOptions",
    "Deviation",
    "Difference",
    "DistanceMatrix",
    "Influences",
    "Member",
    "PairComparison",
    "Reproduction",
    "Training",
    "refuse_mixed_methods",
]

Readings: TypeAlias = tuple[Reading, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOptions:
    """Everything about a comparison but the signatures; the tables of ``statistics/`` have names.

    ``baseline`` is a label, None the first; ``roles`` None takes every scored site but probes;
    ``groups`` None chooses a number; ``checkpoints`` says that the signatures are one training;
    ``statistic`` is the one that a scatter plot shows.
    """

    align: str = "auto"
    distance: str = "dtw"
    linkage: str = "average"
    correction: str = "holm"
    baseline: str | None = None
    roles: Collection[str] | None = None
    groups: int | None = None
    checkpoints: bool = False
    statistic: str = "mean"


class Influences(Protocol):
    """What each sample contributes to each score of one signature.

    ``values`` are by site name, (samples,) each, of mean zero, in units of the score; the two
    digests are those of the signature.
    """

    @property
    def model_sha256(self) -> str:
        """The model's digest."""

    @property
    def data_sha256(self) -> str:
        """The data's digest."""

    @property
    def values(self) -> Mapping[str, FloatArray]:
        """The influences by site name."""


@final
@dataclass(frozen=True, slots=True)
class Member:
    """One signature of a comparison, cut down to the sites that are compared.

    ``summary`` are the statistics of their scores, None where there are none; ``influences``
    those of the samples on each score, None where they were not kept.
    """

    label: str
    family: str | None
    signature: Signature
    summary: Mapping[str, float | None]
    influences: Mapping[str, FloatArray] | None = None


@final
@dataclass(frozen=True, slots=True)
class Alignment:
    """Which site of one signature belongs to which of the other, by position in each.

    ``unpaired_a`` and ``unpaired_b`` are the sites without a partner; ``reason`` says why this
    method was used.
    """

    method: str
    pairs: tuple[tuple[int, int], ...]
    unpaired_a: tuple[int, ...]
    unpaired_b: tuple[int, ...]
    reason: str


@final
@dataclass(frozen=True, slots=True)
class Difference:
    """One pair of aligned sites: ``difference`` = b - a, with its error where one is known.

    ``paired``: the error is that of paired samples. ``std``, ``low`` to ``high`` (95 %), ``p``
    and ``p_corrected`` are None together, and ``reason`` says why.
    """

    site_a: str
    site_b: str
    activation_a: str
    activation_b: str
    a: float
    b: float
    difference: float
    std: float | None
    low: float | None
    high: float | None
    p: float | None
    p_corrected: float | None
    paired: bool
    reason: str | None
    warnings: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class PairComparison:
    """Two signatures, by label, site by site; ``b`` is compared with ``a``."""

    a: str
    b: str
    alignment: Alignment
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class DistanceMatrix:
    """A symmetric matrix of distances between signatures, zero on its diagonal."""

    name: str
    rows: tuple[Readings, ...]

    @property
    def values(self) -> list[list[float | None]]:
        """The numbers alone, None where a distance cannot be given."""
        return [[cell.value for cell in row] for row in self.rows]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why distances are missing, each reason once."""
        cells = (cell for row in self.rows for cell in row)
        return tuple(dict.fromkeys(c.reason for c in cells if c.reason is not None))


@final
@dataclass(frozen=True, slots=True)
class Clustering:
    """A hierarchy of signatures: ``merges`` in SciPy's form (two clusters, height, size).

    ``order`` are the leaves as a dendrogram shows them, ``groups`` the group of each member,
    numbered in that order; ``choice`` says how their number was found.
    """

    linkage: str
    distance: str
    merges: tuple[tuple[float, float, float, float], ...]
    order: tuple[int, ...]
    groups: tuple[int, ...]
    choice: str
    cophenetic: Reading
    silhouette: Reading
    agreement: Reading


@final
@dataclass(frozen=True, slots=True)
class Association:
    """A statistic of signatures against the accuracies of their models: one coefficient.

    ``low`` and ``high`` are its least and its greatest value with one model left out, ``p`` is
    of permutations. What cannot be given is None, with the reason.
    """

    statistic: str
    coefficient: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_corrected: float | None = None
    reason: str | None = None


@final
@dataclass(frozen=True, slots=True)
class Training:
    """Statistics and sites over the checkpoints of one training; values follow ``steps``."""

    labels: tuple[str, ...]
    steps: tuple[int, ...]
    source: str
    statistics: Mapping[str, tuple[float | None, ...]]
    sites: Mapping[str, tuple[float | None, ...]]


@final
@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything found about two or more signatures; plain data but for the signatures."""

    method_version: str
    options: ComparisonOptions
    members: tuple[Member, ...]
    pairs: tuple[PairComparison, ...]
    distances: Mapping[str, DistanceMatrix]
    clustering: Clustering | None = None
    no_clustering: str | None = None
    training: Training | None = None
    accuracies: Mapping[str, float] = field(default_factory=dict)
    associations: tuple[Association, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def distance(self) -> DistanceMatrix:
        """The matrix that the clustering rests on."""
        return self.distances[self.options.distance]

    @property
    def labels(self) -> list[str]:
        """The names of the members, in order."""
        return [member.label for member in self.members]


@final
@dataclass(frozen=True, slots=True)
class Deviation:
    """One figure that is not as the record has it; ``site`` None where sites themselves differ."""

    site: str | None
    figure: str
    recorded: Any
    found: Any


@final
@dataclass(frozen=True, slots=True)
class Reproduction:
    """What came of scoring again.

    ``changed`` names what is not as in the record (machine, versions, threads, ...); only where it
    is empty the same bits are wanted, and ``tolerance`` is 0.
    """

    found: Signature
    changed: tuple[str, ...]
    deviations: tuple[Deviation, ...]
    tolerance: float

    @property
    def reproduced(self) -> bool:
        """Whether all is as it must be."""
        return not self.deviations


def refuse_mixed_methods(names: Sequence[str], signatures: Sequence[Signature]) -> None:
    """Raise :class:`DataError` where signatures were made by different versions of the method."""
    groups: dict[str, list[str]] = {}
    for name, signature in zip(names, signatures, strict=True):
        groups.setdefault(signature.method_version, []).append(name)
    if len(groups) > 1:
        found = "; ".join(
            f"version {version}: {', '.join(files[:3])}{', ...' if len(files) > 3 else ''}"
            for version, files in groups.items()
        )
        raise DataError(
            f"these signatures were made by different versions of the method ({found}); "
            "wanted one version: score the models again with one release"
        )

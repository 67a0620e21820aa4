"""The frozen records that travel between the package's folders; they know no outside world."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from onnx_affscore.feeds import Array, Batch, InputHint, Labels, TensorSpec
from onnx_affscore.fields import ADEQUACY, RANKS, SCORES, TRANSPORT
from onnx_affscore.groups import Groups

if TYPE_CHECKING:
    import pandas

__all__ = [
    "METHOD_VERSION",
    "SCHEMA_VERSION",
    "ActivationSite",
    "Array",
    "Batch",
    "FeatureSample",
    "FloatArray",
    "InputHint",
    "Labels",
    "ModelInfo",
    "PairedSample",
    "ProbedTensor",
    "Reading",
    "Role",
    "ScoredSite",
    "Signature",
    "SiteScore",
    "Skipped",
    "Status",
    "TensorLayout",
    "TensorSpec",
    "TokenMask",
]

# The first changes with the fields of the signature file, the second with its numbers.
SCHEMA_VERSION = "1.0"
METHOD_VERSION = "1"

FloatArray: TypeAlias = npt.NDArray[np.float64]


class Status(StrEnum):
    """What became of a number."""

    OK = "ok"
    DEGENERATE = "degenerate"  # 0/0: a side is constant up to the rounding of its data
    UNDEFINED = "undefined"  # NaN or infinity in the features, or no sample
    UNSCORED = "unscored"  # listed, but not measured: the reason says why


class Role(StrEnum):
    """What an activation is for, found from the graph around it."""

    HIDDEN = "hidden"  # in the trunk of the network
    GATE = "gate"  # multiplies another tensor
    RECURRENT = "recurrent"  # inside LSTM, GRU or RNN
    ATTENTION = "attention"  # softmax over keys
    HEAD = "head"  # nothing but reshaping or argmax behind it
    ROUTER = "router"  # chooses experts
    PROBE = "probe"  # asked for besides activations: a block, a pair of tensors


@dataclass(frozen=True, slots=True)
class ActivationSite:
    """A region of the graph that computes one activation function, elementwise.

    ``nodes`` are the names of its operators, ``input`` and ``output`` its tensors.
    ``sample_axis`` and ``feature_axis`` are None where the graph does not tell them; ``unscored``
    is the reason why a site is listed but cannot be measured.
    """

    index: int
    name: str
    activation: str
    params: Mapping[str, Any]
    role: Role
    scope: str
    nodes: tuple[str, ...]
    input: str
    output: str
    feature_axis: int | None = None
    sample_axis: int | None = 0
    unscored: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TensorLayout:
    """How a tensor becomes rows: its type and rank as it runs, and which axis is what.

    ``sample_axis`` counts samples, or a multiple of them (windows, heads), batch-major; None
    where one run of the model is one sample. ``feature_axis`` is None where the tensor has no
    features: one column. The first ``stacked`` axes count the iterations of loops that the tensor
    lies in: they exist only outside the loop. ``mask`` says which positions along axis ``tokens``
    are padding; where that is the sample axis, it counts the tokens of one sample after another.
    ``flat``: elements up to the first number and from the second on lie where the activation that
    put them out is flat; None where there is no such end.
    """

    dtype: str
    rank: int
    sample_axis: int | None
    feature_axis: int | None
    stacked: int = 0
    mask: "TokenMask | None" = None
    flat: tuple[float | None, float | None] | None = None
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class TokenMask:
    """An input, (samples, past + tokens), that is 0 where a token is padding.

    ``inverted``: it is 0 where a token is real. ``pad``: it is this number where a token is
    padding, and the input holds ids. ``carrier`` is the input whose tokens they are, None where
    that is not known: tensors that do not depend on it have other positions.
    """

    name: str
    tokens: int
    past: int = 0
    inverted: bool = False
    pad: int | None = None
    carrier: str | None = None


@dataclass(frozen=True, slots=True)
class ProbedTensor:
    """What a probe run showed of a tensor.

    ``shape`` with ``samples`` samples; ``larger`` with ``growth`` times as many, None where the
    model takes one batch size only. The first ``stacked`` axes count iterations of loops.
    """

    dtype: str
    shape: tuple[int, ...]
    samples: int
    larger: tuple[int, ...] | None = None
    growth: int = 2
    stacked: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A node that looks like an activation and is none, or none that can be measured."""

    name: str
    op_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a signature records of the model file (contract: ``model``)."""

    path: str
    sha256: str
    producer: str
    opset: Mapping[str, int]
    ir_version: int
    nodes: int
    parameters: int


@dataclass(frozen=True, slots=True)
class FeatureSample:
    """One side of an activation: pooled features, and what is known of their rounding.

    ``features``: (n, d) float64. ``precision``: relative rounding of the source tensor, the
    machine epsilon of the type it was computed in (2^-23 for float32). ``rms``: root mean square
    of the unpooled tensor over all its elements. ``sparsity``: the share of its elements with
    ``|x| <= 1e-3``, None where it was not measured. ``saturated``: the share that lies at a
    flat end of the activation that put the tensor out, None where there is none or it was not
    measured. ``owners``: the sample that each row is of, (n,), where samples have several rows
    (positions, windows); None where each has one.
    """

    features: FloatArray
    precision: float
    rms: float
    sparsity: float | None = None
    saturated: float | None = None
    owners: npt.NDArray[np.intp] | None = None


@dataclass(frozen=True, slots=True)
class PairedSample:
    """The rows before (``x``) and after (``y``) one activation; row i of both is sample i."""

    x: FeatureSample
    y: FeatureSample


@dataclass(frozen=True, slots=True)
class Reading:
    """A number, or the reason why there is none: ``value`` is None unless ``status`` is ok."""

    value: float | None
    status: Status = Status.OK
    reason: str | None = None
    interval: tuple[float, float] | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteScore:
    """Everything measured at one site, in the shape of the contract's JSON.

    ``scores`` holds numbers, null for each that cannot be given, and ``covariance``, the name of
    the estimate behind the headline ``affinity``; ``reasons`` says why a score is null.
    ``adequacy`` says whether the samples suffice; ``influence``, kept where it is asked for, what
    every sample contributes to the score, (samples,). ``details`` are figures for drawings.
    """

    status: Status
    reason: str | None
    samples: int
    features: int | None
    scores: Mapping[str, float | str | None]
    rank: Mapping[str, float | int | None]
    transport: Mapping[str, Any]
    reasons: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    adequacy: Mapping[str, Any] = field(default_factory=dict)
    influence: FloatArray | None = field(default=None, compare=False, repr=False)
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def none(cls, reason: str) -> "SiteScore":
        """Return the record of a site that is listed and not measured."""
        named = (SCORES, RANKS, TRANSPORT, ADEQUACY)
        scores, rank, transport, adequacy = map(dict.fromkeys, named)
        return cls(Status.UNSCORED, reason, 0, None, scores, rank, transport, adequacy=adequacy)


@dataclass(frozen=True, slots=True)
class ScoredSite:
    """One entry of ``sites`` in the signature file: where an activation is, and its scores."""

    index: int
    name: str
    activation: str
    params: Mapping[str, Any]
    role: str
    scope: str
    nodes: tuple[str, ...]
    input: str
    output: str
    feature_axis: int | None
    features: int | None
    samples: int
    status: str
    reason: str | None
    scores: Mapping[str, float | str | None]
    reasons: Mapping[str, str]
    rank: Mapping[str, float | int | None]
    transport: Mapping[str, Any]
    warnings: tuple[str, ...]
    adequacy: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, site: ActivationSite, score: SiteScore) -> "ScoredSite":
        """Join where an activation is with what was measured there."""
        return cls(
            index=site.index,
            name=site.name,
            activation=site.activation,
            params=site.params,
            role=site.role,
            scope=site.scope,
            nodes=site.nodes,
            input=site.input,
            output=site.output,
            feature_axis=site.feature_axis,
            features=score.features,
            samples=score.samples,
            status=score.status,
            reason=score.reason,
            scores=score.scores,
            reasons=score.reasons,
            rank=score.rank,
            transport=score.transport,
            warnings=(*site.warnings, *score.warnings),
            adequacy=score.adequacy,
            details=score.details,
        )

    @property
    def affinity(self) -> float | None:
        """The headline score, None where there is none."""
        value = self.scores.get("affinity")
        return value if isinstance(value, float) else None


@dataclass(frozen=True, slots=True)
class Signature:
    """The non-linearity signature of a model on a data set: one affinity score per activation.

    Fields are those of the signature file, and plain data; ``sites`` are in execution order, the
    listed but unscored ones among them. ``groups`` has the scores by class, where asked for.
    """

    schema_version: str
    method_version: str
    model: ModelInfo
    data: Mapping[str, Any]
    run: Mapping[str, Any]
    sites: tuple[ScoredSite, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...] = ()
    groups: Groups | None = None

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the signature file, atomically."""
        from onnx_affscore.report.output import write_as

        write_as(self, "json", path)

    @classmethod
    def from_json(cls, path: str | PathLike[str]) -> "Signature":
        """Read a signature file; raises :class:`~onnx_affscore.errors.DataError` if it is none."""
        from onnx_affscore.report import load

        return load(path)

    def of_class(self, name: str | int) -> "Signature":
        """Return the signature of one class of ``groups``, without companions of the scores.

        Raises :class:`~onnx_affscore.errors.DataError` where there is no such class.
        """
        from onnx_affscore.report.by_class import of_class

        return of_class(self, str(name))

    def to_dataframe(self) -> "pandas.DataFrame":
        """Return one row per site, scores as columns; needs the extra ``pandas``."""
        from onnx_affscore.report.dataframe import to_dataframe

        return to_dataframe(self)

    @property
    def values(self) -> FloatArray:
        """The signature itself: the affinities of the scored activations, in execution order.

        Probes (blocks, pairs of tensors) are no part of a network's signature: they count only
        where nothing else was scored.
        """
        scored = [s for s in self.sites if s.affinity is not None]
        own = [s for s in scored if s.role != Role.PROBE] or scored
        return np.array([s.affinity for s in own], dtype=float)

    @property
    def summary(self) -> Mapping[str, float | int | None]:
        """Mean, standard deviation (ddof 0), min, max, median and max/mean of ``values``.

        ``sites`` and ``scored`` count all sites, probes too.
        """
        values = self.values
        scored = sum(s.affinity is not None for s in self.sites)
        head: dict[str, float | int | None] = {"sites": len(self.sites), "scored": scored}
        names = ("mean", "std", "min", "max", "median", "max_over_mean")
        if not len(values):
            return head | dict.fromkeys(names)
        mean, peak = float(values.mean()), float(values.max())
        return head | {
            "mean": mean,
            "std": float(values.std()),
            "min": float(values.min()),
            "max": peak,
            "median": float(np.median(values)),
            "max_over_mean": peak / mean if mean else None,
        }

"""Run a model on one and on two samples to learn what no file states for certain."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, final

from onnx_affscore.errors import AllocationError, ProviderError, RunError
from onnx_affscore.records import Array, Batch, ProbedTensor

__all__ = ["Exposures", "Probe", "Runner", "probe"]


class Runner(Protocol):
    """What the probe needs of a session."""

    @property
    def types(self) -> Mapping[str, str]:
        """Element type by input or output."""
        ...

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return the named outputs."""
        ...


@final
@dataclass(frozen=True, slots=True)
class Probe:
    """Types and shapes of the exposed tensors, and the batch sizes that the model takes.

    ``batch_size`` is the only size that works, None where any does.
    """

    tensors: Mapping[str, ProbedTensor]
    batch_size: int | None


@final
@dataclass(frozen=True, slots=True)
class Exposures:
    """What to ask of an exposed model: the output that holds each tensor's shape.

    ``dtypes`` are the types of tensors that the session does not state, ``stacked`` the number of
    loops around each.
    """

    shapes: Mapping[str, str]
    dtypes: Mapping[str, str] = field(default_factory=dict)
    stacked: Mapping[str, int] = field(default_factory=dict)


def probe(
    session: Runner,
    asked: Exposures,
    batch: Callable[[int], Batch | None],
    *,
    fixed: int | None,
) -> Probe:
    """Run the exposed model on a small batch and on one twice as large.

    ``batch(size)`` returns the first ``size`` samples, None where there are not so many.
    ``fixed`` is the batch size that the model's input declares. Tensors of a branch that did not
    run each time are left out. Raises :class:`RunError` where not even the smallest batch runs.
    """
    small = batch(fixed or 1)
    if small is None:
        raise RunError(f"the model takes batches of {fixed or 1} samples and the data has fewer")
    outputs = tuple(asked.shapes.values())
    try:
        one = session.run(outputs, small.feeds)
    except ProviderError:
        raise
    except AllocationError as exc:
        raise AllocationError(
            f"{exc}; it was {small.size} sample(s), the fewest that the model takes: give more"
            " memory, smaller inputs or fewer --threads"
        ) from exc
    except RunError as exc:
        raise RunError(
            f"{exc}. It was the first sample of the data: where others may run, --on-error skip"
            " looks for one"
        ) from exc
    larger = batch(2 * small.size) if fixed is None else None
    two: Mapping[str, Array] | None = None
    if larger is not None:
        with suppress(RunError):  # the batch size is baked into the graph: no fault of anybody
            two = session.run(outputs, larger.feeds)
    tensors = {}
    for name, output in asked.shapes.items():
        stacked = asked.stacked.get(name, 0)
        inside = name not in session.types  # a subgraph, where nothing may have run
        shape = _shape(one[output], stacked, inside=inside)
        doubled = None if two is None else _shape(two[output], stacked, inside=inside)
        if shape is not None and (two is None or doubled is not None):
            tensors[name] = ProbedTensor(
                dtype=session.types.get(name) or asked.dtypes[name],
                shape=shape,
                samples=small.size,
                larger=doubled,
                stacked=stacked,
            )
    return Probe(tensors, None if two is not None else small.size)


def _shape(values: Array, stacked: int, *, inside: bool) -> tuple[int, ...] | None:
    """The shape that was read, with the loops' iterations in front; None where nothing ran."""
    if values.size == 0:
        return None if inside else ()  # a single number has no axes
    inner = values.reshape(-1, values.shape[-1])[0]
    return (*values.shape[:stacked], *(int(v) for v in inner))

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

    ``batch_size`` is the only size that works, None where any from ``least`` on does: a Squeeze
    without axes takes the sample axis away where there is one sample.
    """

    tensors: Mapping[str, ProbedTensor]
    batch_size: int | None
    least: int = 1


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
    run each time are left out. Where tensors lose an axis with one sample, or it does not run,
    the batches are of two and four. Raises :class:`RunError` where not even the smallest runs.
    """
    small = batch(fixed or 1)
    if small is None:
        raise RunError(f"the model takes batches of {fixed or 1} samples and the data has fewer")
    outputs = tuple(asked.shapes.values())

    def run(feed: Batch | None) -> Mapping[str, Array] | None:
        if feed is not None:
            with suppress(RunError):  # the batch size is baked into the graph: nobody's fault
                return session.run(outputs, feed.feeds)
        return None

    failure: RunError | None = None
    one: Mapping[str, Array] | None = None
    try:
        one = session.run(outputs, small.feeds)
    except ProviderError:
        raise
    except RunError as exc:
        failure = _explained(exc, small.size)
        failure.__cause__ = exc
        if isinstance(exc, AllocationError):
            raise failure from exc
    larger = batch(2 * small.size) if fixed is None else None
    two = run(larger)
    if larger is not None and two is not None and (one is None or _drops(session, asked, one, two)):
        four = run(batch(2 * larger.size))
        if four is not None:
            return Probe(_tensors(session, asked, two, four, larger.size), None, larger.size)
    if one is None:
        raise failure or RunError("the model does not run")
    tensors = _tensors(session, asked, one, two, small.size)
    return Probe(tensors, None if two is not None else small.size)


def _explained(exc: RunError, size: int) -> RunError:
    if isinstance(exc, AllocationError):
        return AllocationError(
            f"{exc}; it was {size} sample(s), the fewest that the model takes: give more"
            " memory, smaller inputs or fewer --threads"
        )
    return RunError(
        f"{exc}. It was the first sample of the data: where others may run, --on-error skip"
        " looks for one"
    )


def _drops(
    session: Runner, asked: Exposures, one: Mapping[str, Array], two: Mapping[str, Array]
) -> bool:
    """Whether a tensor has another rank with few samples than with twice as many."""
    few, more = (_shapes(session, asked, found) for found in (one, two))
    return any(
        a is not None and b is not None and len(a) != len(b)
        for a, b in zip(few.values(), more.values(), strict=True)
    )


def _shapes(
    session: Runner, asked: Exposures, found: Mapping[str, Array]
) -> dict[str, tuple[int, ...] | None]:
    """The shape of each tensor, None where nothing ran: in a subgraph, that is."""
    return {
        name: _shape(found[output], asked.stacked.get(name, 0), inside=name not in session.types)
        for name, output in asked.shapes.items()
    }


def _tensors(
    session: Runner,
    asked: Exposures,
    one: Mapping[str, Array],
    two: Mapping[str, Array] | None,
    samples: int,
) -> dict[str, ProbedTensor]:
    few = _shapes(session, asked, one)
    more = None if two is None else _shapes(session, asked, two)
    return {
        name: ProbedTensor(
            dtype=session.types.get(name) or asked.dtypes[name],
            shape=shape,
            samples=samples,
            larger=None if more is None else more[name],
            stacked=asked.stacked.get(name, 0),
        )
        for name, shape in few.items()
        if shape is not None and (more is None or more[name] is not None)
    }


def _shape(values: Array, stacked: int, *, inside: bool) -> tuple[int, ...] | None:
    """The shape that was read, with the loops' iterations in front; None where nothing ran."""
    if values.size == 0:
        return None if inside else ()  # a single number has no axes
    inner = values.reshape(-1, values.shape[-1])[0]
    return (*values.shape[:stacked], *(int(v) for v in inner))

"""Run a model on one and on two samples to learn what no file states for certain."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, final

from onnx_affscore.errors import RunError
from onnx_affscore.records import Array, Batch, ProbedTensor

__all__ = ["Probe", "Runner", "probe"]


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


def probe(
    session: Runner,
    shapes: Mapping[str, str],
    batch: Callable[[int], Batch | None],
    *,
    fixed: int | None,
) -> Probe:
    """Run the exposed model on a small batch and on one twice as large.

    ``shapes`` names the output that holds each tensor's shape. ``batch(size)`` returns the first
    ``size`` samples, None where there are not so many. ``fixed`` is the batch size that the
    model's input declares. Raises :class:`RunError` where not even the smallest batch runs.
    """
    small = batch(fixed or 1)
    if small is None:
        raise RunError(f"the model takes batches of {fixed or 1} samples and the data has fewer")
    one = session.run(tuple(shapes.values()), small.feeds)
    larger = batch(2 * small.size) if fixed is None else None
    two: Mapping[str, Array] | None = None
    if larger is not None:
        with suppress(RunError):  # the batch size is baked into the graph: no fault of anybody
            two = session.run(tuple(shapes.values()), larger.feeds)
    tensors = {
        name: ProbedTensor(
            session.types[name],
            _shape(one[output]),
            small.size,
            None if two is None else _shape(two[output]),
        )
        for name, output in shapes.items()
    }
    return Probe(tensors, None if two is not None else small.size)


def _shape(values: Array) -> tuple[int, ...]:
    return tuple(int(v) for v in values)

"""One pass of data through an instrumented model, into a feature store."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import final

from onnx_affscore.collect import FeatureStore
from onnx_affscore.errors import DataError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Batch, TensorLayout
from onnx_affscore.run.batching import padded
from onnx_affscore.witness import Witness

__all__ = ["Pass", "first_samples", "run_pass"]


@final
@dataclass(frozen=True, slots=True)
class Pass:
    """The rows that a pass gave, and where it ran."""

    store: FeatureStore
    device: str
    providers: tuple[str, ...]
    notices: tuple[str, ...]


def run_pass(
    m: Measurement,
    batches: Iterator[Batch],
    tapped: Instrumented,
    layouts: Mapping[str, TensorLayout],
    *,
    size: int,
    witness: Witness | None = None,
) -> Pass:
    """Run every batch and return the rows of all the tensors in ``layouts``.

    The session lives for the pass only. Raises :class:`DataError` where there is no sample.
    """
    first = next(batches, None)
    if first is None:
        raise DataError("the data hold no sample; give at least one")
    if witness is not None:
        witness.before(_fed(m, first, size))
    session = m.session(tapped.proto, in_order=True)
    store = FeatureStore(tapped, layouts)
    for batch in itertools.chain([first], batches):
        feed = _fed(m, batch, size)
        own = () if witness is None else witness.wanted
        fetched = session.run((*tapped.fetches, *own), feed.feeds)
        if witness is not None:
            witness.see(batch, feed, fetched)
        store.add(fetched, samples=feed.size, kept=batch.size)
    store.finish()
    return Pass(store, session.device, session.providers, session.notices)


def first_samples(source: DataSource, size: int, most: int) -> Iterator[Batch]:
    """Yield batches until they hold ``most`` samples, or the data end."""
    samples = 0
    for batch in source.batches(size):
        yield batch
        samples += batch.size
        if samples >= most:
            return


def _fed(m: Measurement, batch: Batch, size: int) -> Batch:
    return batch if m.fixed_batch is None else padded(batch, size, m.hints)

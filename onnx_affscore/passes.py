"""One pass of data through an instrumented model, into a feature store."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from onnx_affscore.collect import FeatureStore
from onnx_affscore.errors import DataError, RunError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.halving import Halving
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, Batch, InputHint, TensorLayout
from onnx_affscore.rows import Keeper
from onnx_affscore.run.batching import padded, parts
from onnx_affscore.witness import Witness

__all__ = ["Pass", "first_samples", "run_pass"]


@final
@dataclass(frozen=True, slots=True)
class Pass:
    """The rows that a pass gave, and where and with how many samples together it ran."""

    store: FeatureStore
    device: str
    providers: tuple[str, ...]
    notices: tuple[str, ...]
    size: int


def run_pass(
    m: Measurement,
    batches: Iterator[Batch],
    tapped: Instrumented,
    layouts: Mapping[str, TensorLayout],
    *,
    size: int,
    keeper: Keeper | None = None,
    witness: Witness | None = None,
) -> Pass:
    """Run every batch and return the rows of all the tensors in ``layouts``.

    ``keeper`` keeps them, in memory where there is none. The session lives for the pass only. A
    batch that memory does not bear is run in halves.
    Raises :class:`DataError` where there is no sample.
    """
    first = next(batches, None)
    if first is None:
        raise DataError("the data hold no sample; give at least one")
    fixed = m.fixed_batch is not None
    halving = Halving(
        lambda: m.tapped_session(tapped),
        size,
        hints=m.hints,
        fixed=fixed,
        faults=m.faults(tapped),
    )

    def attempt(batch: Batch) -> tuple[Batch, dict[str, Array]]:
        feed = padded(batch, size, m.hints) if fixed else batch
        if witness is not None:
            witness.before(feed)
        own = () if witness is None else witness.wanted
        return feed, halving.session.run((*tapped.fetches, *own), feed.feeds)

    store = FeatureStore(tapped, layouts, keeper)
    # The first batch comes first and alone: the witness compares it with the model as it is.
    rest = m.engine.each_batch(lambda batch: list(halving.run(batch, attempt)), batches)
    for ran in itertools.chain([halving.run(first, attempt)], rest):
        for part, (feed, fetched) in ran:
            if witness is not None:
                witness.see(part, feed, fetched)
            store.add(fetched, samples=feed.size, kept=part.size)
    store.finish()
    if not store.samples:
        reason = next(iter(m.lost.values()))
        raise RunError(f"none of the {len(m.lost)} samples could be run; the first one: {reason}")
    session = halving.session
    notices = (*session.notices, *halving.notices)
    return Pass(store, session.device, session.providers, notices, halving.size)


def first_samples(
    source: DataSource, size: int, most: int, hints: Sequence[InputHint]
) -> Iterator[Batch]:
    """Yield batches until they hold ``most`` samples, the last one cut to that, or the data end."""
    left = most
    for batch in source.batches(size):
        yield next(parts(batch, left, hints))
        left -= batch.size
        if left <= 0:
            return

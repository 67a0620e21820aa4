"""One pass of data through an instrumented model, into a feature store."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, final

from onnx_affscore.collect import FeatureStore
from onnx_affscore.errors import DataError, RunError
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.halving import Halving
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, Batch, TensorLayout
from onnx_affscore.resume.pass_log import Ran
from onnx_affscore.rows import Keeper
from onnx_affscore.run.batching import padded, parts
from onnx_affscore.witness import Witness

__all__ = ["Pass", "Passes"]

_STAGES: Final = {"census": "samples, first look", "second": "samples, second pass"}
"""What people are told of passes that are not the one over all the data."""


@final
@dataclass(frozen=True, slots=True)
class Pass:
    """The rows that a pass gave, and where and with how many samples together it ran."""

    store: FeatureStore
    ran: Ran


@final
@dataclass(frozen=True, slots=True)
class Passes:
    """Goes over the data, as often as it takes to measure one group of sites.

    ``keeper`` keeps the rows, in memory where there is none; ``prefix`` begins the names under
    which finished batches are kept for another start. ``tell`` is called with what a pass that no
    witness watches is called, and the samples done and to be done; ``of`` ends what it is called.
    """

    m: Measurement
    source: DataSource
    keeper: Keeper | None = None
    prefix: str = ""
    tell: Callable[[str, int, int | None], None] = lambda stage, done, total: None
    of: str = ""

    def run(
        self,
        name: str,
        tapped: Instrumented,
        layouts: Mapping[str, TensorLayout],
        *,
        size: int,
        most: int | None = None,
        witness: Witness | None = None,
    ) -> Pass:
        """Run all batches, or the first ``most`` samples; return the rows of all of ``layouts``.

        Batches that an earlier start finished are not run again. The session lives for the pass
        only. A batch that memory does not bear is run in halves.
        Raises :class:`DataError` where there is no sample.
        """
        m, source = self.m, self.source
        fixed = m.fixed_batch is not None
        faults = m.faults(tapped)
        halving = Halving(
            lambda: m.tapped_session(tapped), size, hints=m.hints, fixed=fixed, faults=faults
        )
        store = FeatureStore(tapped, layouts, self.keeper)
        tell = self._teller(name, store, most, witness=witness)
        name = f"{self.prefix}{name}"
        log = m.kept.begin(name, list(tapped.taps), m.hints)
        for finished in log.finished():
            for part in finished.parts:
                store.take(part)
            halving.size = finished.ran.size
            source.leave_out(dict(finished.grown["skipped"]))
            m.lost |= dict(finished.grown["lost"])
            faults.together += [(rows, why) for rows, why in finished.grown["together"]]
            if witness is not None and finished.noted:
                witness.go_on(finished.noted)
                witness.rows_seen += finished.grown["rows"]

        tell()

        def batches(start: int, before: int) -> Iterator[Batch]:
            given = source.batches(size, start=start)
            return given if most is None else _first_samples(given, most - before, m)

        def attempt(batch: Batch) -> tuple[Batch, dict[str, Array]]:
            feed = padded(batch, size if fixed else m.least, m.hints)
            if witness is not None:
                witness.before(feed)
            own = () if witness is None else witness.wanted
            return feed, halving.session.run((*tapped.fetches, *own), feed.feeds)

        left = log.left(batches, without=faults.known, stream=source.count is None)
        first = next(left, None)
        if first is None and log.ran is None:
            raise DataError("the data hold no sample; give at least one")
        if first is not None and log.ran is not None:
            log.check_device(halving.session.device)
        m.kept.told(name, log.samples, source.count)
        # The first batch comes first and alone: the witness compares it with the model as it is.
        rest = m.engine.each_batch(lambda b: (b, list(halving.run(b, attempt))), left)
        alone = [] if first is None else [(first, halving.run(first, attempt))]
        for given, ran in itertools.chain(alone, rest):
            done = []
            for batch, (feed, fetched) in ran:
                if witness is not None:
                    witness.see(batch, feed, fetched)
                done.append((batch, store.add(fetched, samples=feed.size, kept=batch.size)))
                tell()
            grown = {
                "skipped": source.skipped.items(),
                "lost": m.lost.items(),
                "together": faults.together,
                "rows": [] if witness is None else witness.rows_seen,
            }
            log.append(
                done,
                size=given.size,
                stop=given.stop,
                ran=_ran(halving),
                grown=grown,
                noted={} if witness is None else witness.noted,
            )
            m.kept.told(name, log.samples, source.count)
        store.finish()
        if not store.samples:
            lost = next(iter(m.lost.values()))
            raise RunError(f"none of the {len(m.lost)} samples could be run; the first one: {lost}")
        return Pass(store, log.end(source.notes))

    def _teller(
        self, name: str, store: FeatureStore, most: int | None, *, witness: Witness | None
    ) -> Callable[[], None]:
        """What says how far a pass is, whenever it is called."""
        stage = f"{_STAGES.get(name, 'samples')}{self.of}"
        if witness is not None:
            return partial(witness.tell, stage)
        total = min((n for n in (most, self.source.count) if n is not None), default=None)
        return lambda: self.tell(stage, store.samples, total)


def _ran(halving: Halving) -> Ran:
    session = halving.session
    notices = (*session.notices, *halving.notices)
    return Ran(session.device, session.providers, notices, halving.size)


def _first_samples(batches: Iterator[Batch], most: int, m: Measurement) -> Iterator[Batch]:
    """Yield batches until they hold ``most`` samples, the last one cut to that, or the data end."""
    while most > 0 and (batch := next(batches, None)) is not None:
        yield next(parts(batch, most, m.hints))
        most -= batch.size

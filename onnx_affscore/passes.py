"""One pass of data through an instrumented model, into a feature store."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, final

from onnx_affscore.collect import FeatureStore
from onnx_affscore.errors import DataError, RunError
from onnx_affscore.faults import Faults
from onnx_affscore.graph.instrument import Instrumented
from onnx_affscore.halving import Halving
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Array, Batch, TensorLayout
from onnx_affscore.resume.pass_log import PassLog, Ran
from onnx_affscore.rows import Keeper
from onnx_affscore.run.batching import padded, parts
from onnx_affscore.witness import Witness

__all__ = ["Pass", "Passes"]

_Tried: TypeAlias = tuple[Batch, tuple[Batch, dict[str, Array]]]
"""A part of a batch, what was fed in its place, and what was fetched."""

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
        m = self.m
        faults = m.faults(tapped)
        fixed = m.fixed_batch is not None
        store = FeatureStore(tapped, layouts, self.keeper)
        kept_as = f"{self.prefix}{name}"
        under_way = _UnderWay(
            m,
            self.source,
            tapped,
            most=most,
            witness=witness,
            faults=faults,
            halving=Halving(
                lambda: m.tapped_session(tapped), size, hints=m.hints, fixed=fixed, faults=faults
            ),
            store=store,
            log=m.kept.begin(kept_as, list(tapped.taps), m.hints),
            tell=self._teller(name, store, most, witness=witness),
            said=lambda samples: m.kept.told(kept_as, samples, self.source.count),
        )
        under_way.restore()
        for given, ran in under_way.run(size):
            under_way.note(given, ran)
        return under_way.end()

    def _teller(
        self, name: str, store: FeatureStore, most: int | None, *, witness: Witness | None
    ) -> Callable[[], None]:
        """What says how far a pass is, whenever it is called."""
        stage = f"{_STAGES.get(name, 'samples')}{self.of}"
        if witness is not None:
            return partial(witness.tell, stage)
        total = min((n for n in (most, self.source.count) if n is not None), default=None)
        return lambda: self.tell(stage, store.samples, total)


@final
@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A pass that is run: what it gathers, and the log that keeps that for another start.

    ``tell`` says how many samples are run, ``said`` how many are kept.
    """

    m: Measurement
    source: DataSource
    tapped: Instrumented
    most: int | None
    witness: Witness | None
    faults: Faults
    halving: Halving
    store: FeatureStore
    log: PassLog
    tell: Callable[[], None]
    said: Callable[[int], None]

    def restore(self) -> None:
        """Take the batches that earlier starts finished, and how matters stood behind them."""
        m, witness = self.m, self.witness
        for finished in self.log.finished():
            for part in finished.parts:
                self.store.take(part)
            self.halving.size = finished.ran.size
            self.source.leave_out(dict(finished.grown["skipped"]))
            m.lost |= dict(finished.grown["lost"])
            self.faults.together += [(rows, why) for rows, why in finished.grown["together"]]
            if witness is not None and finished.noted:
                witness.go_on(finished.noted)
                witness.rows_seen += finished.grown["rows"]
        self.tell()

    def run(self, size: int) -> Iterator[tuple[Batch, Iterable[_Tried]]]:
        """Yield every batch that is left, of ``size`` samples, with the parts that it ran in."""
        log, halving = self.log, self.halving
        attempt = partial(self._attempt, size if self.m.fixed_batch is not None else self.m.least)
        given = partial(self._batches, size)
        left = log.left(given, without=self.faults.known, stream=self.source.count is None)
        first = next(left, None)
        if first is None and log.ran is None:
            raise DataError("the data hold no sample; give at least one")
        if first is not None and log.ran is not None:
            log.check_device(halving.session.device)
        self.said(log.samples)
        # The first batch comes first and alone: the witness compares it with the model as it is.
        if first is not None:
            yield first, halving.run(first, attempt)
        yield from self.m.engine.each_batch(lambda b: (b, list(halving.run(b, attempt))), left)

    def note(self, given: Batch, ran: Iterable[_Tried]) -> None:
        """Add what a batch gave to the rows, and keep it."""
        done, witness = [], self.witness
        for batch, (feed, fetched) in ran:
            if witness is not None:
                witness.see(batch, feed, fetched)
            done.append((batch, self.store.add(fetched, samples=feed.size, kept=batch.size)))
            self.tell()
        grown = {
            "skipped": self.source.skipped.items(),
            "lost": self.m.lost.items(),
            "together": self.faults.together,
            "rows": [] if witness is None else witness.rows_seen,
        }
        self.log.append(
            done,
            size=given.size,
            stop=given.stop,
            ran=_ran(self.halving),
            grown=grown,
            noted={} if witness is None else witness.noted,
        )
        self.said(self.log.samples)

    def end(self) -> Pass:
        """Return the rows of all batches; raises :class:`RunError` where no sample could be run."""
        self.store.finish()
        if not self.store.samples:
            lost = self.m.lost
            reason = next(iter(lost.values()))
            raise RunError(f"none of the {len(lost)} samples could be run; the first one: {reason}")
        return Pass(self.store, self.log.end(self.source.notes))

    def _batches(self, size: int, start: int, before: int) -> Iterator[Batch]:
        batches = self.source.batches(size, start=start)
        if self.most is None:
            return batches
        return _first_samples(batches, self.most - before, self.m)

    def _attempt(self, least: int, batch: Batch) -> tuple[Batch, dict[str, Array]]:
        """Run a batch, filled up to ``least`` samples; return what was fed and what was fetched."""
        feed, witness = padded(batch, least, self.m.hints), self.witness
        if witness is not None:
            witness.before(feed)
        own = () if witness is None else witness.wanted
        return feed, self.halving.session.run((*self.tapped.fetches, *own), feed.feeds)


def _ran(halving: Halving) -> Ran:
    session = halving.session
    notices = (*session.notices, *halving.notices)
    return Ran(session.device, session.providers, notices, halving.size)


def _first_samples(batches: Iterator[Batch], most: int, m: Measurement) -> Iterator[Batch]:
    """Yield batches until they hold ``most`` samples, the last one cut to that, or the data end."""
    while most > 0 and (batch := next(batches, None)) is not None:
        yield next(parts(batch, most, m.hints))
        most -= batch.size

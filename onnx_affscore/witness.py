"""What is noted of the data on their way through a model: their hash, and that outputs stay."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, final

import numpy as np

from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.errors import AllocationError, RunError
from onnx_affscore.feeds import RowNumbers
from onnx_affscore.measurement import Measurement
from onnx_affscore.protocols import DataSource
from onnx_affscore.records import Batch
from onnx_affscore.run.verify import Verdict, verify

__all__ = ["Progress", "Witness", "told"]

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the samples done and the total, None where it is not known.

One that has a method ``stage(name, done, total)`` is told by that instead, and of everything else
that takes time, too: the model, each pass over the data, the sites that are scored.
"""


def told(progress: Progress | None, name: str, done: int, total: int | None) -> None:
    """Tell of any stage, where somebody listens to it."""
    stage = getattr(progress, "stage", None)
    if stage is not None:
        stage(name, done, total)


@final
class Witness:
    """Watches one pass over all the data.

    ``verdict`` says after the first batch whether the model's own outputs are unchanged; None
    where that is not to be verified.
    """

    def __init__(self, m: Measurement, source: DataSource, progress: Progress | None) -> None:
        self._m, self._source, self._progress = m, source, progress
        self._own = tuple(o.name for o in m.model.proto.graph.output)
        self._draws = bool(m.draws)
        self._original: Mapping[str, Any] | None = None
        self.fingerprint = Fingerprint(m.hints)
        self.verdict: Verdict | None = None
        self.rows_seen: list[list[int] | None] = []  # of each part

    @property
    def rows(self) -> RowNumbers | None:
        """Which row of the data each sample is, None where nobody counted."""
        known = [row for rows in self.rows_seen if rows is not None for row in rows]
        return np.array(known, np.int64) if known and None not in self.rows_seen else None

    @property
    def wanted(self) -> tuple[str, ...]:
        """The outputs to fetch with the next batch."""
        return () if self._original is None or self.verdict is not None else self._own

    @property
    def noted(self) -> dict[str, Any]:
        """All that was noted so far, as plain data for :meth:`go_on`."""
        verdict = None if self.verdict is None else [self.verdict.unchanged, self.verdict.note]
        return {"data": self.fingerprint.state, "verdict": verdict}

    def go_on(self, noted: Mapping[str, Any]) -> None:
        """Go on behind batches that an earlier start ran."""
        self.fingerprint.state = noted["data"]
        self.verdict = None if noted["verdict"] is None else Verdict(*noted["verdict"])

    def tell(self, stage: str) -> None:
        """Say how far the pass that is watched is; ``stage`` names it."""
        done, total = self.fingerprint.samples, self._source.count
        if hasattr(self._progress, "stage"):
            told(self._progress, stage, done, total)
        elif self._progress is not None and done:
            self._progress(done, total)

    def tell_of(self, stage: str, done: int, total: int | None) -> None:
        """Say how far a pass is that nobody watches."""
        told(self._progress, stage, done, total)

    def before(self, feed: Batch) -> None:
        """Run the model as it is on the first batch, before the tapped one takes its memory.

        Raises :class:`AllocationError` where that does not fit: it may in a smaller batch.
        """
        if not self._m.options.verify or self.fingerprint.samples:
            return
        self.verdict = None  # an earlier start may have failed on a sample that is left out
        try:
            self._original = self._plain(feed)
        except AllocationError:
            raise
        except RunError as exc:  # an operator without a kernel here, opened up for the tapped run
            reason = f"outputs not compared: the model as it is does not run ({exc})"
            self.verdict = Verdict(False, reason)

    def see(self, batch: Batch, feed: Batch, fetched: Mapping[str, Any]) -> None:
        """Take note of a batch, of what was fed in its place and of what was fetched."""
        if self.wanted and self._original is not None:
            self.verdict = self._compared(feed, fetched, self._original)
            self._original = None
        self.fingerprint.update(batch)
        self.rows_seen.append(None if batch.rows is None else batch.rows.tolist())

    def _compared(
        self, feed: Batch, fetched: Mapping[str, Any], original: Mapping[str, Any]
    ) -> Verdict:
        runs = iter([original])
        try:
            return verify(
                fetched,
                original=lambda: next(runs, None) or self._plain(feed, warm=self._draws),
                unoptimised=lambda: self._plain(feed, optimisation="disabled"),
                names=self._own,
            )
        except RunError as exc:  # no memory for a second session, or no kernel without fusions
            return Verdict(False, f"outputs not compared: {exc}")

    def _plain(
        self, feed: Batch, *, optimisation: str = "all", warm: bool = False
    ) -> Mapping[str, Any]:
        """Run the model as it is; ``warm`` not for the first time, which draws as all first do."""
        session = self._m.session(self._m.model.proto, optimisation=optimisation)
        if warm:
            session.run(self._own, feed.feeds)
        return session.run(self._own, feed.feeds)

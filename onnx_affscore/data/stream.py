"""A source of feeds that come one after another, cut and joined to the batch size asked for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import final

import numpy as np

from onnx_affscore.data.columns import Column, ColumnSource
from onnx_affscore.data.fit import check_complete, find_input, fit_array
from onnx_affscore.data.labelling import check_count
from onnx_affscore.errors import DataError, OptionError
from onnx_affscore.records import Array, Batch, InputHint, Labels

__all__ = ["FeedSource", "Replayed", "one_feed"]

# Enough to look at the first feeds before the run proper, little beside a model's own memory.
REPLAY_BYTES = 64 * 2**20


@final
class Replayed:
    """A one-way iterator of feeds whose beginning can be read again.

    The first ``budget`` bytes are kept; it limits how far a second reading may follow a first
    one, and changes no result.
    """

    def __init__(self, feeds: Iterator[object], *, budget: int = REPLAY_BYTES) -> None:
        self._feeds = feeds
        self._budget = budget
        self._kept: list[object] | None = []

    def __iter__(self) -> Iterator[object]:
        if self._kept is None:
            raise DataError(
                "the data is a generator that has been read already, and it is too large to be "
                "kept; give a list, or an object whose __iter__ starts anew"
            )
        return chain(tuple(self._kept), self._fresh())

    def _fresh(self) -> Iterator[object]:
        for feed in self._feeds:
            if self._kept is not None and self._budget < 0:
                self._kept = None
            elif self._kept is not None and isinstance(feed, Mapping):
                self._kept.append(feed)
                self._budget -= sum(np.asarray(a).nbytes for a in feed.values())
            yield feed


def one_feed(feed: Mapping[str, object], hints: Sequence[InputHint], *, where: str) -> ColumnSource:
    """A feed as a small source; raises :class:`DataError` where it does not suit the model."""
    check_complete(feed, hints, where=where)
    columns: dict[str, Column] = {}
    for name, value in feed.items():
        hint = find_input(name, hints, where=where)
        columns[name] = fit_array(value, hint, where=f"{where}, '{name}'")
    return ColumnSource(columns, name=where, batched=_batched(hints))


def _batched(hints: Sequence[InputHint]) -> bool:
    """Whether the model counts samples; where it does not a feed is one."""
    return any(h.sample_axis is not None for h in hints if not h.optional)


@final
class FeedSource:
    """A data source of feeds of any size.

    Feeds are joined while their shapes agree, and so do the values of inputs without a sample
    axis; where they do not, a smaller batch comes first. At most ``samples`` rows are read.
    """

    synthetic = False
    warnings: tuple[str, ...] = ()
    count: int | None = None

    def __init__(
        self,
        feeds: Iterable[object],
        hints: Sequence[InputHint],
        *,
        name: str,
        samples: int | None = None,
        labels: Labels | None = None,
    ) -> None:
        self.name = name
        self.labels = labels
        self._feeds = Replayed(feeds) if isinstance(feeds, Iterator) else feeds
        self._hints = tuple(hints)
        self._axes = {h.spec.name: h.sample_axis for h in hints}
        self._batched = _batched(hints)
        self._samples = samples
        self._notes: dict[str, None] = {}
        if next(self._sources(), None) is None:
            raise DataError(f"found no feed in {name}; give at least one")

    @property
    def notes(self) -> tuple[str, ...]:
        """What was cast, taken for a sample or cut off, as far as the feeds have been read."""
        return tuple(self._notes)

    @property
    def skipped(self) -> Mapping[int, str]:
        """None are: what follows a feed that fails cannot be told."""
        return {}

    def leave_out(self, rows: Mapping[int, str]) -> None:
        """Do nothing: no row of a stream is left out."""

    def batches(self, size: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield feeds of ``size`` samples; smaller ones at the end and where shapes change.

        The first ``start`` of them are read and dropped: only reading them tells what they hold.
        """
        if size < 1:
            raise OptionError(f"found a batch size of {size}; give 1 or more")
        seen = 0
        for number, batch in enumerate(self._of_size(size)):
            rows = np.arange(seen, seen + batch.size)
            seen += batch.size
            check_count(self.labels, seen, where=self.name, least=True)
            if number >= start:
                yield replace(batch, rows=rows, stop=number + 1)
        if self._samples is None or seen < self._samples:
            check_count(self.labels, seen, where=self.name)

    def _of_size(self, size: int) -> Iterator[Batch]:
        step = size if self._batched else 1
        left = self._samples
        held: list[Batch] = []
        for piece in chain.from_iterable(s.batches(step) for s in self._sources()):
            batch = piece
            if left is not None and batch.size > left:
                batch = self._cut(batch, 0, left)
            if held and (not self._batched or not self._joins(held[0], batch)):
                yield self._joined(held)
                held = []
            held.append(batch)
            total = sum(b.size for b in held)
            if total >= step:
                whole = self._joined(held)
                yield self._cut(whole, 0, step)
                held = [self._cut(whole, step, total)] if total > step else []
            if left is not None:
                left -= batch.size
                if left == 0:
                    self._notes[f"{self.name}: read up to {self._samples} samples"] = None
                    break
        if held:
            yield self._joined(held)

    def _sources(self) -> Iterator[ColumnSource]:
        """Each feed as a small source, checked against the model."""
        for number, feed in enumerate(self._feeds):
            where = f"{self.name}, feed {number}"
            if not isinstance(feed, Mapping):
                raise DataError(
                    f"{where}: found {type(feed).__name__}, but a feed is a mapping of input "
                    f"names to arrays; yield {{'name': array}}"
                )
            source = one_feed(feed, self._hints, where=where)
            self._notes |= dict.fromkeys(n.replace(where, self.name) for n in source.notes)
            yield source

    def _joins(self, first: Batch, second: Batch) -> bool:
        return (
            first.feeds.keys() == second.feeds.keys()
            and {n: a.dtype for n, a in first.given.items()}
            == {n: a.dtype for n, a in second.given.items()}
            and all(
                self._agree(a, second.feeds[name], self._axes[name])
                for name, a in first.feeds.items()
            )
        )

    @staticmethod
    def _agree(a: Array, b: Array, axis: int | None) -> bool:
        if axis is None:
            return a is b or np.array_equal(a, b)
        return (*a.shape[:axis], *a.shape[axis + 1 :]) == (*b.shape[:axis], *b.shape[axis + 1 :])

    def _joined(self, batches: Sequence[Batch]) -> Batch:
        if len(batches) == 1:
            return batches[0]

        def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
            found = {}
            for name, first in parts[0].items():
                axis = self._axes[name]
                found[name] = (
                    first if axis is None else np.concatenate([p[name] for p in parts], axis)
                )
            return found

        return Batch(
            joined([b.feeds for b in batches]),
            sum(b.size for b in batches),
            joined([b.given for b in batches]),
        )

    def _cut(self, batch: Batch, start: int, stop: int) -> Batch:
        if (start, stop) == (0, batch.size):
            return batch

        def cut(arrays: Mapping[str, Array]) -> dict[str, Array]:
            found = {}
            for name, array in arrays.items():
                axis = self._axes[name]
                rows = () if axis is None else (*(slice(None),) * axis, slice(start, stop))
                found[name] = array[rows]
            return found

        return Batch(cut(batch.feeds), stop - start, cut(batch.given))

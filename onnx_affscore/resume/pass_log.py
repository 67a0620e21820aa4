"""One pass over the data as a journal: what every finished batch gave, and how the pass ended."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, Final, TypeAlias, final

from onnx_affscore.collect import Part
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.errors import DataError, InternalError, OptionError
from onnx_affscore.records import Batch, InputHint
from onnx_affscore.resume.journal import Journal, Record
from onnx_affscore.taps import TapKey

__all__ = ["Batches", "Finished", "PassLog", "Ran"]

Batches: TypeAlias = Callable[[int, int], Iterator[Batch]]
"""Gives the batches of a pass from a ``start`` on, before which it gave so many samples."""

_FIRST: Final = "taps"
_LAST: Final = "end"


@final
@dataclass(frozen=True, slots=True)
class Ran:
    """Where a pass ran and with how many samples together; ``notes`` are those of all the data."""

    device: str
    providers: tuple[str, ...]
    notices: tuple[str, ...]
    size: int
    notes: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Finished:
    """What one batch gave, in the parts that it was run in, and how matters stood behind it.

    ``grown`` is by how much each list of what was found on the way has grown; ``noted`` is what
    the witness knew, empty where there was none.
    """

    parts: Sequence[Part]
    ran: Ran
    grown: Mapping[str, list[Any]]
    noted: Mapping[str, Any]


@final
@dataclass(frozen=True, slots=True)
class _Known:
    """What tells a finished batch when it is read again.

    ``size`` counts its samples as they were given, ``samples`` those of them that ran.
    """

    samples: int
    size: int
    stop: int
    digest: str


@final
class PassLog:
    """Keeps the batches of a pass; without a journal it keeps nothing, and finds nothing kept.

    Read :meth:`finished` to the end first: then ``samples`` are kept, ``ran`` is how matters
    stand, None before the first batch, and ``ended`` says whether the pass was at its end.
    """

    def __init__(
        self, journal: Journal | None, taps: Sequence[TapKey], hints: Sequence[InputHint]
    ) -> None:
        self._journal, self._hints = journal, hints
        self._taps = list(taps)
        self._found: list[_Known] = []
        self._grown: Counter[str] = Counter()
        self.samples = 0
        self.ran: Ran | None = None
        self.ended = False

    def finished(self) -> Iterator[Finished]:
        """Yield what earlier starts kept.

        Raises :class:`OptionError` where that is of other taps, so of another run.
        """
        if self._journal is None:
            return
        records = self._journal.records()
        first = next(records, None)
        taps = [list(key) for key in self._taps]
        if first is not None and first.head.get(_FIRST) != taps:
            raise OptionError(
                f"{self._journal.path} holds the rows of other tensors than this run has; give"
                " another folder with --resume"
            )
        for record in records:
            if _LAST in record.head:
                self.ran, self.ended = _ran(record.head[_LAST]), True
            else:
                yield self._finished(record)
        if first is None:
            self._journal.append(Record({_FIRST: taps}))

    def _finished(self, record: Record) -> Finished:
        arrays = iter(record.arrays)
        parts = [
            Part({self._taps[number]: next(arrays) for number in numbers}, samples, refused)
            for samples, numbers, refused in record.head["parts"]
        ]
        self._found.append(_Known(**record.head["batch"]))
        self.samples += self._found[-1].samples
        self.ran = _ran(record.head["ran"])
        grown: Mapping[str, list[Any]] = record.head["grown"]
        self._grown.update({name: len(more) for name, more in grown.items()})
        return Finished(parts, self.ran, grown, record.head["noted"])

    def left(
        self,
        batches: Batches,
        *,
        without: Callable[[Batch], Sequence[Batch]] = lambda batch: [batch],
        stream: bool,
    ) -> Iterator[Batch]:
        """Yield the batches that no start finished.

        ``without`` takes the samples from a batch that are known to fail. The first and the last
        finished one are read again, and a :class:`DataError` is raised where they are not what was
        run. A ``stream`` is not read to its end for that alone.
        """
        if not self._found:
            yield from batches(0, 0)
            return
        first, last = self._found[0], self._found[-1]
        if last is not first:
            self._check(first, next(batches(first.stop - 1, 0), None), without)
        if self.ended and stream and last is not first:
            return
        rest = batches(last.stop - 1, sum(known.size for known in self._found[:-1]))
        self._check(last, next(rest, None), without)
        if not self.ended:
            yield from rest

    def _check(
        self, known: _Known, batch: Batch | None, without: Callable[[Batch], Sequence[Batch]]
    ) -> None:
        if batch is None or _hash(without(batch), self._hints) != known.digest:
            raise DataError(
                f"batch {known.stop} of the data is not the one that was run, whose rows are kept"
                f" in {self._folder}; give the data of the earlier start, or another folder with"
                " --resume"
            )

    def check_device(self, device: str) -> None:
        """Refuse to go on with a pass on another device; raises :class:`OptionError`."""
        if self.ran is not None and device and self.ran.device not in ("", device):
            raise OptionError(
                f"the finished batches in {self._folder} ran on {self.ran.device}, this start runs"
                f" on {device}; wanted the same --device for all of a run"
            )

    def append(
        self,
        done: Sequence[tuple[Batch, Part]],
        *,
        size: int,
        stop: int,
        ran: Ran,
        grown: Mapping[str, Collection[Any]],
        noted: Mapping[str, Any],
    ) -> None:
        """Keep what one batch gave, by the parts that it was run in.

        ``size`` are its samples before any was lost, ``stop`` is where the next one begins;
        ``grown`` holds the whole lists.
        """
        self.ran = ran
        if self._journal is None:
            return
        place = {key: number for number, key in enumerate(self._taps)}
        samples = sum(part.samples for _, part in done)
        digest = _hash([batch for batch, _ in done], self._hints)
        head = {
            "parts": [[p.samples, [place[k] for k in p.rows], p.refused] for _, p in done],
            "batch": asdict(_Known(samples, size, stop, digest)),
            "ran": asdict(ran),
            "grown": {n: list(islice(all_, self._grown[n], None)) for n, all_ in grown.items()},
            "noted": noted,
        }
        self._journal.append(Record(head, [a for _, part in done for a in part.rows.values()]))
        self.samples += samples
        self._grown = Counter({name: len(all_) for name, all_ in grown.items()})

    def end(self, notes: Sequence[str]) -> Ran:
        """Note that no batch is left, and what the data say; return how the pass ran."""
        if self.ran is None:
            raise InternalError("a pass ended without a batch")
        if not self.ended:
            self.ran = replace(self.ran, notes=tuple(notes))
            if self._journal is not None:
                self._journal.append(Record({_LAST: asdict(self.ran)}))
            self.ended = True
        self.close()
        return self.ran

    def close(self) -> None:
        """Close the file."""
        if self._journal is not None:
            self._journal.close()

    @property
    def _folder(self) -> str:
        return "" if self._journal is None else str(self._journal.path.parent)


def _ran(kept: Mapping[str, Any]) -> Ran:
    lists = {name: tuple(kept[name]) for name in ("providers", "notices", "notes")}
    return Ran(device=kept["device"], size=kept["size"], **lists)


def _hash(parts: Sequence[Batch], hints: Sequence[InputHint]) -> str:
    """The hash of a batch, however it was cut."""
    taken = Fingerprint(hints)
    for part in parts:
        taken.update(part)
    return taken.hexdigest()

"""Data that several models are fed in turn: opened once, every row read and decoded once.

Rows are kept in one temporary file, which has no name and goes with the process; memory holds a
batch. Where the disk is full the rows that are not kept are read again; where they come once only
that is an error.
"""

import io
import tempfile
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from onnx_affscore.data.columns import Column
from onnx_affscore.data.drawing import Rows
from onnx_affscore.data.opening import Feeds, Opened, Request, Table
from onnx_affscore.data.spec import kind_of, open_spec
from onnx_affscore.data.stdin import STDIN, kept_stdin, open_kept
from onnx_affscore.errors import DataError, StorageError, UnreadableRowsError
from onnx_affscore.records import Array, InputHint

__all__ = ["SharedData"]

Read: TypeAlias = Callable[[Rows], Array]


@final
@dataclass(frozen=True, slots=True)
class _Place:
    """An array in the file."""

    start: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@final
class _Store:
    """Arrays in a temporary file; objects, which are text, stay in memory."""

    def __init__(self) -> None:
        self._file: io.FileIO | None = None
        self._end = 0

    def keep(self, array: Array) -> "_Place | Array":
        """Take an array; raises :class:`StorageError` where the disk does not."""
        if array.dtype.hasobject:
            return array.copy()
        content = array.tobytes()
        try:
            if self._file is None:
                # Unbuffered: what found no room must not be written again at the next reading.
                file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with self
                weakref.finalize(self, file.close)
                self._file = file
            self._file.seek(self._end)
            left = memoryview(content)
            while left:
                left = left[self._file.write(left) :]
        except OSError as exc:
            raise StorageError(
                f"found no room for the data of several models in the temporary folder"
                f" {tempfile.gettempdir()}: {exc.strerror or exc}; free some, set TMPDIR to another"
                " folder, or score the models one by one"
            ) from exc
        place = _Place(self._end, array.shape, array.dtype)
        self._end += len(content)
        return place

    def get(self, place: "_Place | Array") -> Array:
        """Return what was kept."""
        if isinstance(place, np.ndarray) or self._file is None:
            return np.asarray(place)
        self._file.seek(place.start)
        count = int(np.prod(place.shape, dtype=np.int64))
        left, pieces = count * place.dtype.itemsize, list[bytes]()
        while left and (piece := self._file.read(left)):  # no more than 2 GiB at once
            pieces.append(piece)
            left -= len(piece)
        return np.frombuffer(b"".join(pieces), place.dtype, count).reshape(place.shape)


@final
class SharedData:
    """What was opened and read for one model, for those that are fed the same.

    Two models are where their inputs have the same names, types and shapes; of data that do not
    go by names, whatever a single input is called. Values that are made up are none of this.
    """

    def __init__(self) -> None:
        self._store = _Store()
        self._sent: Path | DataError | None = None
        self._opened: dict[Hashable, tuple[Opened, str]] = {}
        self._feeds: dict[int, tuple[Iterable[Any], _KeptFeeds]] = {}

    def open(self, request: Request) -> Opened:
        """Open a specification, or return what was opened for a model of the same inputs."""
        kind = kind_of(request.text)
        alone = (
            len(request.hints) == len(request.model) == 1 and kind is not None and not kind.named
        )
        name = request.hints[0].spec.name if alone else ""
        hints = tuple(_key(h, named=not alone) for h in request.hints)
        key = (
            request.text,
            request.feeding,
            request.samples,
            hints,
            *(_key(h, named=not alone) for h in request.model),
        )
        if key not in self._opened:
            self._opened[key] = (
                self._kept(self._fresh(request), request, rows=kind is None or kind.slow),
                name,
            )
        opened, first = self._opened[key]
        if alone and isinstance(opened, Table) and first != name:
            columns = {name if n == first else n: c for n, c in opened.columns.items()}
            return replace(opened, columns=columns)
        return opened

    def _fresh(self, request: Request) -> Opened:
        """Open what no model of the same inputs had; standard input was read for the first one."""
        if request.text != STDIN:
            return open_spec(request)
        if self._sent is None:
            try:
                self._sent = kept_stdin()
            except DataError as exc:  # the next model must not hear that nothing was sent
                self._sent = exc
        if isinstance(self._sent, DataError):
            raise self._sent
        return open_kept(request, self._sent)

    def feeds(self, feeds: Iterable[Any]) -> Iterable[Any]:
        """Return feeds that can be read again, also where they come one after another only."""
        if id(feeds) not in self._feeds:  # they are held here, so that no other gets their number
            self._feeds[id(feeds)] = (feeds, _KeptFeeds(feeds, self._store))
        return self._feeds[id(feeds)][1]

    def _kept(self, opened: Opened, request: Request, *, rows: bool) -> Opened:
        if isinstance(opened, Feeds):
            return replace(opened, feeds=_KeptFeeds(opened.feeds, self._store))
        return self._table(opened, request) if rows and isinstance(opened, Table) else opened

    def _table(self, table: Table, request: Request) -> Table:
        axes = {h.spec.name: h.sample_axis for h in request.hints}
        settle, settled = table.settle, dict[bytes | None, Table]()

        def once(rows: Rows | None) -> Table:
            key = None if rows is None else rows.tobytes()
            if settle is not None and key not in settled:
                settled[key] = self._table(settle(rows), request)
            return settled[key]

        columns = {n: self._column(c, axes.get(n)) for n, c in table.columns.items()}
        return replace(table, columns=columns, settle=None if settle is None else once)

    def _column(self, column: Column, axis: int | None) -> Column:
        if axis is None or column.count is None:  # one value for all rows
            return column
        origin = None if column.origin is None else _once(column.origin, axis, self._store)
        return replace(column, read=_once(column.read, axis, self._store), origin=origin)


def _key(hint: InputHint, *, named: bool) -> Hashable:
    """What of an input decides how data become its values; what its samples are called does not."""
    spec, axis = hint.spec, hint.sample_axis
    shape = spec.shape and tuple(
        None if place == axis and isinstance(dim, str) else dim
        for place, dim in enumerate(spec.shape)
    )
    return replace(hint, spec=replace(spec, name=spec.name if named else "", shape=shape))


def _once(read: Read, axis: int, store: _Store) -> Read:
    """Read every row once, also one that cannot be."""
    places: dict[int, _Place | Array] = {}
    bad: dict[int, str] = {}

    def keep(rows: Rows, table: Array) -> None:
        try:
            for place, row in enumerate(rows.tolist()):
                places[row] = store.keep(np.take(table, place, axis))
        except StorageError:
            return  # these are read again

    def shared(rows: Rows) -> Array:
        if known := {row: bad[row] for row in rows.tolist() if row in bad}:
            raise UnreadableRowsError(known)
        missing = rows[[row not in places for row in rows.tolist()]]
        fresh: dict[int, Array] = {}
        if len(missing):
            try:
                table = read(missing)
            except UnreadableRowsError as exc:
                bad.update(exc.reasons)
                raise
            keep(missing, table)
            if len(missing) == len(rows):
                return table
            fresh = {row: np.take(table, i, axis) for i, row in enumerate(missing.tolist())}
        found = [fresh[r] if r in fresh else store.get(places[r]) for r in rows.tolist()]
        return np.stack(found, axis)

    return shared


@final
class _KeptFeeds:
    """Feeds read once however often they are gone through; what ended them ends them again."""

    def __init__(self, feeds: Iterable[Any], store: _Store) -> None:
        self._source, self._store = feeds, store
        self._feeds: Iterator[Any] | None = None
        self._kept: list[Any] = []
        self._end: Exception | None = None
        self._full = False

    def __iter__(self) -> Iterator[Any]:
        at = 0
        while True:
            while at < len(self._kept):
                yield self._given(self._kept[at])
                at += 1
            if self._end is not None:
                if isinstance(self._end, StopIteration):
                    return
                raise self._end
            if self._full:
                yield from islice(self._source, at, None)
                return
            try:
                self._feeds = iter(self._source) if self._feeds is None else self._feeds
                feed = next(self._feeds)
            except Exception as exc:  # noqa: BLE001 - the next reader must meet the same end
                self._end = exc
                continue
            try:
                self._kept.append(self._taken(feed))
            except StorageError as exc:
                if isinstance(self._source, Iterator):  # the feed is gone, for every reader
                    self._end = exc
                self._full = True

    def _taken(self, feed: Any) -> Any:
        if not isinstance(feed, Mapping):
            return feed
        return {n: self._store.keep(v) if isinstance(v, np.ndarray) else v for n, v in feed.items()}

    def _given(self, kept: Any) -> Any:
        if not isinstance(kept, Mapping):
            return kept
        return {n: self._store.get(v) if isinstance(v, _Place) else v for n, v in kept.items()}

"""The seams: what a data source and an engine look like (a metric: see ``score/table.py``)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar, final, runtime_checkable

from onnx_affscore.records import Array, Batch, Labels

__all__ = ["DataSource", "Engine", "OpenModel", "SessionPlan"]

T = TypeVar("T")
R = TypeVar("R")


@runtime_checkable
class DataSource(Protocol):
    """Where the rows that a model is fed come from.

    ``name`` goes into the record; ``synthetic`` says that the rows were made up; ``notes`` are
    sentences for the user (what was made, cast or ignored), ``warnings`` those that tell what was
    guessed and may be wrong.
    """

    @property
    def name(self) -> str: ...

    @property
    def synthetic(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def count(self) -> int | None:
        """Number of samples, None where only the end of the stream tells."""
        ...

    @property
    def labels(self) -> Labels | None:
        """The class of every row of the data, by the numbers in ``Batch.rows``; None if unknown."""
        ...

    @property
    def skipped(self) -> Mapping[int, str]:
        """Rows that could not be read so far and were left out, with the reason of each."""
        ...

    def leave_out(self, rows: Mapping[int, str]) -> None:
        """Add rows to ``skipped`` that an earlier start could not read."""
        ...

    def batches(self, size: int, *, start: int = 0) -> Iterator[Batch]:
        """Yield feeds of ``size`` samples, the last one possibly smaller; repeatable.

        The first ``start`` of them are left out, and not read where rows can be picked. A feed of
        which no row can be read counts there, and is not yielded: see ``Batch.stop``.
        """
        ...


@final
@dataclass(frozen=True, slots=True)
class SessionPlan:
    """All that it takes to open a model anywhere.

    ``model`` is the serialised protocol buffer, ``external`` the files with its external data,
    relative to ``folder``, and their sizes in bytes. ``early`` are outputs that are to be computed
    as soon as they can be.
    """

    model: bytes
    folder: Path
    external: Mapping[str, int]
    optimisation: str = "all"
    early: tuple[str, ...] = ()
    custom_operators: tuple[str, ...] = ()


class OpenModel(Protocol):
    """A model that can be run; ``notices`` say where its device is not what was asked."""

    @property
    def device(self) -> str: ...

    @property
    def providers(self) -> tuple[str, ...]: ...

    @property
    def notices(self) -> tuple[str, ...]: ...

    @property
    def types(self) -> Mapping[str, str]:
        """Element type by input or output."""
        ...

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return the named outputs of one run."""
        ...


class Engine(Protocol):
    """Where models run and sites are scored: on this machine, or on many.

    A measurement goes over its batches and sites by the engine's two loops and does not know how
    many are under way at once. Leaving the context drops whatever still is.
    """

    @property
    def notices(self) -> tuple[str, ...]:
        """Where the device is not what was asked."""
        ...

    @property
    def record(self) -> Mapping[str, Any]:
        """What the signature keeps of the engine, once the work is done."""
        ...

    def open(self, plan: SessionPlan) -> OpenModel:
        """Open a model on the device of the options."""
        ...

    def each_batch(self, work: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Yield what ``work`` makes of every batch, in order; few are taken ahead."""
        ...

    def each_site(self, work: Callable[[T], R], sites: Iterable[T]) -> Iterator[R]:
        """Yield what ``work`` makes of every site, in order."""
        ...

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Return ``function(argument)``; all three must pickle, since they may travel."""
        ...

    def __enter__(self) -> "Engine": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

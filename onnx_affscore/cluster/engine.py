"""The engine on a cluster: threads here, each of which waits for one call on a worker."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar, final

from onnx_affscore.cluster.crew import Crew, Held
from onnx_affscore.cluster.worker import (
    Facts,
    ShippedModel,
    call_alone,
    describe,
    run_model,
    versions,
)
from onnx_affscore.errors import ClusterError
from onnx_affscore.options import Options
from onnx_affscore.protocols import SessionPlan
from onnx_affscore.records import Array

__all__ = ["ClusterEngine", "RemoteModel"]

T = TypeVar("T")
R = TypeVar("R")


@final
class RemoteModel:
    """A model that the workers have open.

    Its device is that of the workers which have run it, empty until one has.
    """

    def __init__(self, crew: Crew, shipped: ShippedModel) -> None:
        self._crew = crew
        self._held = Held(crew.client, shipped)
        self._types: Mapping[str, str] | None = None
        self._facts: dict[Facts, None] = {}

    @property
    def types(self) -> Mapping[str, str]:
        """Element type by input or output."""
        if self._types is None:
            self._types = self._crew.call(describe, self._held)
        return self._types

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model once, on a worker that Dask chooses."""
        fetched, facts = self._crew.call(run_model, self._held, tuple(names), dict(feeds))
        if facts not in self._facts:
            _check_version(facts)
            self._facts[facts] = None
        return fetched

    @property
    def device(self) -> str:
        """The device; several, comma-separated, where workers have different ones."""
        return ", ".join(sorted({facts.device for facts in self._facts}))

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers of all workers."""
        return tuple(dict.fromkeys(p for facts in self._facts for p in facts.providers))

    @property
    def notices(self) -> tuple[str, ...]:
        """What the workers' sessions say, and where workers are not alike."""
        ran = self._facts
        notices = list(dict.fromkeys(n for facts in ran for n in facts.notices))
        if len({facts.device for facts in ran}) > 1:
            notices.append(f"workers ran on different devices: {self.device}")
        here = dict(versions())
        for name, version in sorted({v for facts in ran for v in facts.versions}):
            if version != here[name]:
                notices.append(f"a worker has {name} {version}, this machine {here[name]}")
        return tuple(notices)


def _check_version(facts: Facts) -> None:
    """Refuse workers that may measure otherwise than this machine would."""
    name = "onnx-affscore"
    there, here = dict(facts.versions)[name], dict(versions())[name]
    if there != here:
        raise ClusterError(
            f"a worker has {name} {there}, this machine {here}; wanted the same on all of them:"
            f" install {name}=={here} there"
        )


@final
class ClusterEngine:
    """Gives batches and sites to the workers, one thread of a worker to each.

    As many are under way as the workers have threads, and one more for each worker, so that none
    waits for the driver: that bounds what the driver holds.
    """

    notices: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        self._options = options
        self._crew = Crew(str(options.cluster))
        self._workers = 0
        self._pools: list[ThreadPoolExecutor] = []

    def __enter__(self) -> "ClusterEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the cluster with nothing under way."""
        if kind is not None:
            self._crew.stop()
        for pool in self._pools:  # those of loops that were left in the middle
            pool.shutdown(cancel_futures=True)
        self._crew.close()

    @property
    def record(self) -> Mapping[str, Any]:
        """Threads of each task, and the most workers that there were."""
        return {"threads": self._threads, "blas_threads": 1, "workers": self._workers}

    @property
    def _threads(self) -> int:
        """One: a worker runs as many tasks at once as it was given threads."""
        return self._options.threads or 1

    def open(self, plan: SessionPlan) -> RemoteModel:
        """Send a model to the workers; each opens it when it first runs it."""
        o = self._options
        shipped = ShippedModel(plan, o.device, self._threads, o.provider, o.provider_options)
        return RemoteModel(self._crew, shipped)

    def each_batch(self, work: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Work on several batches at once; no more are taken or kept than are under way."""
        with self._pool() as (pool, most):
            waiting: deque[Future[R]] = deque()
            for batch in batches:
                if len(waiting) == most:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(work, batch))
            while waiting:
                yield waiting.popleft().result()

    def each_site(self, work: Callable[[T], R], sites: Iterable[T]) -> Iterator[R]:
        """Work on several sites at once; a long one does not hold up the others."""
        with self._pool() as (pool, _):
            yield from pool.map(work, sites)

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Return ``function(argument)`` from a worker, computed with one BLAS thread."""
        result: R = self._crew.call(call_alone, function, argument)
        return result

    @contextmanager
    def _pool(self) -> Iterator[tuple[ThreadPoolExecutor, int]]:
        workers, threads = self._crew.slots()
        self._workers = max(self._workers, workers)
        with ThreadPoolExecutor(workers + threads) as pool:
            self._pools.append(pool)
            try:
                yield pool, workers + threads
            except BaseException:  # an interrupt above all: the threads wait for workers
                pool.shutdown(wait=False, cancel_futures=True)
                self._crew.stop()
                raise

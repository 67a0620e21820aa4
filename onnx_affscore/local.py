"""This machine as the engine: a session of ONNX Runtime, and a pool of threads for the sites."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar, final

from onnx_affscore.options import Options
from onnx_affscore.protocols import SessionPlan
from onnx_affscore.run.providers import Device
from onnx_affscore.run.session import Session
from onnx_affscore.run.starting import start_device
from onnx_affscore.threads import automatic_jobs, shared_cores

__all__ = ["LocalEngine", "open_session"]

T = TypeVar("T")
R = TypeVar("R")


def open_session(plan: SessionPlan, device: Device, *, threads: int) -> Session:
    """Open a session as planned, in this process."""
    return Session(
        plan.model,
        device,
        folder=plan.folder,
        threads=threads,
        optimisation=plan.optimisation,
        early=plan.early,
        custom_operators=plan.custom_operators,
    )


@final
class LocalEngine:
    """Runs batch after batch in this process, and scores ``options.jobs`` sites at a time."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._device, self.notices = start_device(
            options.device, provider=options.provider, options=options.provider_options
        )
        self._blas_threads: int | None = None

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is left to drop: sessions go with those who hold them."""

    @property
    def record(self) -> Mapping[str, Any]:
        """Threads, where 0 leaves their number to ONNX Runtime, and no workers."""
        return {
            "threads": self._options.threads,
            "blas_threads": self._blas_threads,
            "workers": 0,
        }

    def open(self, plan: SessionPlan) -> Session:
        """Open a session on the device."""
        return open_session(plan, self._device, threads=self._options.threads)

    def each_batch(self, work: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Work on one batch after the other: ONNX Runtime has threads of its own."""
        return map(work, batches)

    def each_site(self, work: Callable[[T], R], sites: Iterable[T]) -> Iterator[R]:
        """Work on sites in threads."""
        sites = list(sites)
        jobs = self._options.jobs
        if jobs is None:
            jobs = 1 if self._options.memory_limit else automatic_jobs(len(sites))
        with shared_cores(jobs) as share, ThreadPoolExecutor(jobs) as pool:
            self._blas_threads = share
            yield from pool.map(work, sites)

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Return ``function(argument)``."""
        return function(argument)

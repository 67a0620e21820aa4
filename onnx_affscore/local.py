"""This machine as the engine: a session of ONNX Runtime, and a pool of threads for the sites."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar, final

from onnx_affscore.options import Options
from onnx_affscore.protocols import SessionPlan
from onnx_affscore.run.session import Session
from onnx_affscore.run.starting import start_device
from onnx_affscore.score.threads import shared_cores

__all__ = ["LocalEngine"]

T = TypeVar("T")
R = TypeVar("R")


@final
class LocalEngine:
    """Runs batch after batch in this process, and scores ``options.jobs`` sites at a time."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._device, self.notices = start_device(options.device)
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
        return Session(
            plan.model,
            self._device,
            folder=plan.folder,
            threads=self._options.threads,
            optimisation=plan.optimisation,
            early=plan.early,
            custom_operators=plan.custom_operators,
        )

    def each_batch(self, work: Callable[[T], R], batches: Iterable[T]) -> Iterator[R]:
        """Work on one batch after the other: ONNX Runtime has threads of its own."""
        return map(work, batches)

    def each_site(self, work: Callable[[T], R], sites: Iterable[T]) -> Iterator[R]:
        """Work on sites in threads."""
        jobs = self._options.jobs
        with shared_cores(jobs) as share, ThreadPoolExecutor(jobs) as pool:
            self._blas_threads = share
            yield from pool.map(work, sites)

    def call(self, function: Callable[[T], R], argument: T) -> R:
        """Return ``function(argument)``."""
        return function(argument)

"""The workers behind a scheduler: calls that survive the loss of some, and end with the last."""

import math
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import ExitStack, suppress
from typing import Any, Final, TypeVar, final

import dask
from distributed import Client, Future, KilledWorker

from onnx_affscore.errors import AffscoreError, ClusterError, OptionError

__all__ = ["Crew", "Held"]

R = TypeVar("R")

PATIENCE: Final = 30.0
"""Seconds without any worker until the run is given up: a nanny needs some to start another."""

_CONNECT_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 1.0  # between two questions to the scheduler, of all threads together
_TRANSFER_SECONDS: Final = 120.0  # for a result that is done: some MiB, over a slow network
_LOSSES: Final = 5
"""How often a call may lose its worker and all copies of a model before it is given up."""


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError) as exc:
        raise ClusterError(
            f"no scheduler answers at {address} within {_CONNECT_SECONDS:g} s; wanted the"
            " address that 'dask scheduler' prints, such as tcp://10.0.0.1:8786"
        ) from exc
    except ValueError as exc:
        raise OptionError(
            f"no address of a cluster: {address!r}; wanted tcp://HOST:PORT, as"
            " 'dask scheduler' prints it"
        ) from exc


@final
class Held:
    """A value that every worker has a copy of; it is sent again where all of them were lost."""

    def __init__(self, client: Client, value: object) -> None:
        self._client, self._value = client, value
        self._lock = threading.Lock()
        self._future: Future[Any] | None = None

    def future(self) -> "Future[Any]":
        """Return what stands for the value in a call."""
        with self._lock:
            if self._future is None or self._future.status in ("cancelled", "lost", "error"):
                self._future = self._client.scatter(
                    self._value, broadcast=True, hash=False, timeout=PATIENCE
                )
            return self._future

    def lost(self, future: object) -> None:
        """Send the value again when it is next asked for, unless somebody has done so already."""
        with self._lock:
            if self._future is future:
                self._future = None


@final
class Crew:
    """A connection to a scheduler.

    Dask runs the tasks of a worker that died on another. What it cannot mend is done here: values
    of which no copy is left, and a cluster without workers, on which it would wait for ever.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        with ExitStack() as undo:
            # Batches travel within their tasks, so that the scheduler can give them to another
            # worker; Dask would warn of each.
            limit = {"distributed.admin.large-graph-warning-threshold": sys.maxsize}
            undo.enter_context(dask.config.set(limit))
            self.client = _connected(address)
            undo.callback(self.client.close)
            self._undo = undo.pop_all()
        self._under_way: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self._looked, self._empty_since = -math.inf, math.inf

    def slots(self) -> tuple[int, int]:
        """Return the number of workers, at least one, and of the tasks that they run at once.

        Waits for the first worker to come.
        """
        while not (threads := self._threads()):
            self._look()
            time.sleep(_LOOK_SECONDS)
        return len(threads), sum(threads.values())

    def call(self, function: Callable[..., R], *arguments: object) -> R:
        """Return ``function(*arguments)`` from a worker; raises what it raised there.

        Any :class:`Held` among the arguments is replaced by its value.
        """
        last: Exception | None = None
        for _ in range(_LOSSES):
            sent: list[object] = []
            try:
                sent = [a.future() if isinstance(a, Held) else a for a in arguments]
                return self._result(self.client.submit(function, *sent, pure=False))
            except AffscoreError:
                raise
            except CancelledError as exc:
                self._check_connection(exc)
                last = exc
                for argument, future in zip(arguments, sent, strict=False):  # not all may be sent
                    if isinstance(argument, Held):
                        argument.lost(future)
            except (KilledWorker, OSError, TimeoutError) as exc:
                self._check_connection(exc)
                if isinstance(exc, KilledWorker):
                    raise self._failure(
                        f"one task ended {exc.allowed_failures + 1} worker(s)"
                    ) from exc
                self._look()
                last = exc
            except MemoryError:  # of this call alone: the caller may do with less
                raise
            except Exception as exc:  # whatever the environment of a worker may raise
                raise self._failure(f"{type(exc).__name__} on a worker, {exc}") from exc
        raise self._failure(f"{_LOSSES} attempts, the last one with {last}") from last

    def stop(self) -> None:
        """Cancel whatever is under way, and let nothing else begin."""
        with self._lock:
            stopped, self._stopped = self._stopped, True
            left = list(self._under_way)
        if stopped:
            return
        with suppress(OSError, TimeoutError, CancelledError):
            self.client.cancel(left)

    def close(self) -> None:
        """Leave the cluster."""
        self._undo.close()

    def _result(self, future: "Future[R]") -> R:
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        with self._lock:
            stopped = self._stopped
            self._under_way.add(future)
        try:
            if stopped:
                future.cancel()
            while not done.wait(_LOOK_SECONDS):
                self._look()
            result: R = future.result(timeout=_TRANSFER_SECONDS)
            self._empty_since = math.inf  # somebody is there
            return result
        finally:
            with self._lock:
                self._under_way.discard(future)
            future.release()

    def _look(self) -> None:
        """Give up where there has been no worker for too long."""
        with self._lock:
            now = time.monotonic()
            if now - self._looked < _LOOK_SECONDS:
                return
            self._looked = now
        if self._threads():
            self._empty_since = math.inf
            return
        self._empty_since = min(self._empty_since, now)
        if now - self._empty_since > PATIENCE:
            raise ClusterError(
                f"no worker has been left at {self.address} for {PATIENCE:g} s; wanted at least"
                f" one: start 'dask worker {self.address}' where onnx-affscore is installed"
            )

    def _threads(self) -> dict[str, int]:
        try:
            found: dict[str, int] = self.client.nthreads()
        except (OSError, TimeoutError, CancelledError) as exc:
            self._check_connection(exc)
            return {}
        return found

    def _check_connection(self, exc: BaseException) -> None:
        if self._stopped:
            raise ClusterError("the run was stopped") from exc
        if self.client.status != "running":
            raise ClusterError(
                f"the connection to the scheduler at {self.address} was lost; see its log for the"
                " reason, and run again"
            ) from exc

    def _failure(self, what: str) -> ClusterError:
        return ClusterError(
            f"the cluster at {self.address} fails: {' '.join(what.split())[:400]}; wanted the same"
            " onnx-affscore on the scheduler and all workers, with memory enough: see their logs"
        )

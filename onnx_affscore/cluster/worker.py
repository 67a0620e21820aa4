"""What runs on a worker: a model with its session, and functions with one BLAS thread each."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar, final

from onnx_affscore import __version__
from onnx_affscore.errors import ModelError
from onnx_affscore.local import open_session
from onnx_affscore.protocols import SessionPlan
from onnx_affscore.records import Array
from onnx_affscore.run.session import Session, runtime_versions
from onnx_affscore.run.starting import start_device
from onnx_affscore.threads import cores, shared_cores

__all__ = ["Facts", "ShippedModel", "call_alone", "describe", "run_model", "versions"]

_PACKAGE: Final = {"onnx-affscore": __version__}

T = TypeVar("T")
R = TypeVar("R")


@final
@dataclass(frozen=True, slots=True)
class Facts:
    """Where a model ran: what a session says of itself, and the versions that decide results."""

    device: str
    providers: tuple[str, ...]
    notices: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]


@final
class ShippedModel:
    """A model on its way to the workers; there it opens its session once and keeps it.

    The session stays behind when it is pickled, and is freed with the model, which Dask drops
    from its workers when the driver does.
    """

    def __init__(
        self,
        plan: SessionPlan,
        device: str,
        threads: int,
        provider: str | None = None,
        provider_options: tuple[str, ...] = (),
    ) -> None:
        self._plan, self._device, self._threads = plan, device, threads
        self._provider, self._provider_options = provider, provider_options
        self._lock = threading.Lock()
        self._opened: tuple[Session, Facts] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        place = (self._device, self._threads, self._provider, self._provider_options)
        return ShippedModel, (self._plan, *place)

    def __sizeof__(self) -> int:
        """Tell Dask what it costs to move: it asks ``sys.getsizeof``."""
        return len(self._plan.model)

    def opened(self) -> tuple[Session, Facts]:
        """Return the session, and what it says of itself."""
        with self._lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> tuple[Session, Facts]:
        plan = self._plan
        device, notices = start_device(
            self._device, provider=self._provider, options=self._provider_options
        )
        _check_visible(plan)
        session = open_session(plan, device, threads=self._threads)
        said = (*notices, *session.notices)
        return session, Facts(session.device, session.providers, said, versions())


def versions() -> tuple[tuple[str, str], ...]:
    """Return the versions that decide results, this package's among them."""
    return tuple(sorted((_PACKAGE | runtime_versions()).items()))


def _check_visible(plan: SessionPlan) -> None:
    """Refuse to open a model whose weights are not what they are on the driver."""
    for name, size in plan.external.items():
        path = plan.folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            state = "is missing" if found is None else f"has {found} bytes, not {size},"
            raise ModelError(
                f"the external data file {path} {state} on a worker of the cluster; wanted the"
                " model's folder under the same path on every worker: share or copy it"
            )


def describe(model: ShippedModel) -> Mapping[str, str]:
    """Return the element types of a model's inputs and outputs."""
    return dict(model.opened()[0].types)


def run_model(
    model: ShippedModel, names: tuple[str, ...], feeds: Mapping[str, Array]
) -> tuple[dict[str, Array], Facts]:
    """Run a model once, and say where that was."""
    session, facts = model.opened()
    return session.run(names, feeds), facts


def call_alone(function: Callable[[T], R], argument: T) -> R:
    """Return ``function(argument)``, computed with one BLAS thread."""
    with _ONE_BLAS_THREAD.held():
        return function(argument)


@final
class _OneBlasThread:
    """The limit of BLAS threads, which is the process's: taken by the first, left by the last."""

    def __init__(self) -> None:
        self._lock, self._users, self._limit = threading.Lock(), 0, ExitStack()

    @contextmanager
    def held(self) -> Iterator[None]:
        with self._lock:
            if not self._users:
                self._limit.enter_context(shared_cores(cores()))
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._limit.close()


_ONE_BLAS_THREAD: Final = _OneBlasThread()

"""ONNX Runtime sessions: opened strictly, run with named outputs, errors in our own words."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import onnx
import onnxruntime as ort

from onnx_affscore.errors import AllocationError, RunError
from onnx_affscore.leaving import TemporaryFolder
from onnx_affscore.records import Array
from onnx_affscore.run.gpu import gpu_versions
from onnx_affscore.run.messages import plainly
from onnx_affscore.run.ordering import move_forward
from onnx_affscore.run.providers import CPU, PROVIDERS, Device, check_assignment, plain

__all__ = ["Session", "runtime_versions"]

# The builds for Windows tell Microsoft of sessions unless they are told not to.
ort.disable_telemetry_events()

_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
# What ONNX Runtime, CUDA, cuDNN and cuBLAS say where memory runs out: they raise no class for it.
_OUT_OF_MEMORY = re.compile(
    r"failed to allocate memory|available memory of \d+ is smaller than requested|out of memory"
    r"|bad[_ ]alloc|STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation",
    re.IGNORECASE,
)
_FATAL = 4
_NVIDIA = ("cuda", "tensorrt")
_BY_DEPTH, _IN_ORDER = ort.ExecutionOrder.DEFAULT, ort.ExecutionOrder.PRIORITY_BASED


def runtime_versions(device: str = "cpu", *, index: int = 0) -> dict[str, str]:
    """Return the versions that decide what is computed, on a GPU its own and its driver's too."""
    versions = {"onnxruntime": str(ort.__version__), "onnx": onnx.__version__}
    versions["numpy"] = np.__version__
    return versions | gpu_versions(index) if any(n in device for n in _NVIDIA) else versions


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn whatever ONNX Runtime throws into a :class:`RunError` that says what was done.

    An :class:`AllocationError` where it says that memory ran out.
    """
    try:
        yield
    except RunError:
        raise
    except Exception as exc:  # ONNX Runtime's own classes share no base but Exception
        if isinstance(exc, MemoryError):
            raise AllocationError(f"{action}: out of memory") from exc
        message = plainly(exc)
        kind = AllocationError if _OUT_OF_MEMORY.search(message) else RunError
        raise kind(f"{action}: ONNX Runtime says {message}") from exc


@final
class Session:
    """A model that can be run: ``run(names, feeds)`` returns arrays by name.

    ``model`` may be serialised already. ``folder`` is where external data lie. ``early`` are
    outputs that are computed as soon as what they read is there, so that a tap finds its tensor in
    a cache, and frees it. ``notices`` say where the device is not what was asked.
    """

    def __init__(
        self,
        model: onnx.ModelProto | bytes,
        device: Device,
        *,
        folder: Path,
        threads: int = 0,
        optimisation: str = "all",
        early: Collection[str] = (),
        custom_operators: Sequence[str] = (),
    ) -> None:
        content = model if isinstance(model, bytes) else model.SerializeToString()
        start = partial(_start, device=device, threads=threads, custom_operators=custom_operators)
        with translated("cannot load the model"):
            if early and optimisation == "all" and device.wanted == CPU:
                self._session = _reordered(content, start, folder, early)
            else:
                order = _IN_ORDER if early else _BY_DEPTH
                self._session = start(content, folder, optimisation=optimisation, order=order)
        self.providers = tuple(self._session.get_providers())
        self.notices = check_assignment(device, self.providers, self._assignment(device))
        self.outputs = tuple(o.name for o in self._session.get_outputs())
        self.types = {
            port.name: _element_type(port.type)
            for port in (*self._session.get_inputs(), *self._session.get_outputs())
        }

    @property
    def device(self) -> str:
        """The device that runs the graph: ``cpu``, ``cuda``, or a name in ``PROVIDERS``."""
        first = str(self.providers[0])
        named = (name for name, row in PROVIDERS.items() if row.name == first)
        return next(named, first.removesuffix("ExecutionProvider").lower())

    def run(self, names: Sequence[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Run the model once; raises :class:`RunError` with ONNX Runtime's reason.

        :class:`AllocationError`, one of them, where a smaller batch may fit.
        """
        options = ort.RunOptions()
        options.log_severity_level = _FATAL
        asked = list(names) or self.outputs[:1]  # asking for nothing would compute everything
        with translated("cannot run the model"):
            values = self._session.run(list(asked), dict(feeds), options)
        return dict(zip(asked, values, strict=True))

    def _assignment(self, device: Device) -> list[tuple[str, str, str]]:
        if device.wanted not in self.providers or device.wanted == CPU:
            return []
        return [
            (group.ep_name, node.op_type, node.name)
            for group in self._session.get_provider_graph_assignment_info()
            for node in group.get_nodes()
        ]


def _start(
    content: bytes,
    folder: Path,
    *,
    device: Device,
    threads: int,
    custom_operators: Sequence[str],
    optimisation: str,
    order: ort.ExecutionOrder,
    saved: Path | None = None,
) -> ort.InferenceSession:
    """Start a session; ``saved`` is where it writes the optimised model, weights beside it."""
    options = ort.SessionOptions()
    options.execution_order = order
    # A plan of all buffers at once is laid out for the runtime's own order: in another one it
    # takes half as much again.
    options.enable_mem_pattern = order == _BY_DEPTH and (device.row is None or device.row.plan)
    options.graph_optimization_level = _LEVELS[optimisation]
    options.intra_op_num_threads = threads
    options.log_severity_level = _FATAL
    entries = {"session.model_external_initializers_file_folder_path": str(folder)}
    if device.wanted != CPU:
        entries["session.record_ep_graph_assignment_info"] = "1"
    if saved is not None:
        options.optimized_model_filepath = str(saved)
        entries["session.optimized_model_external_initializers_file_name"] = "weights"
        entries["session.optimized_model_external_initializers_min_size_in_bytes"] = "1024"
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    for library in custom_operators:
        options.register_custom_ops_library(library)
    fallback = int(not device.strict)  # which the runtime's Python would take by itself
    providers = plain(device.providers)
    return ort.InferenceSession(content, options, providers=providers, enable_fallback=fallback)


def _reordered(
    content: bytes, start: Callable[..., ort.InferenceSession], folder: Path, early: Collection[str]
) -> ort.InferenceSession:
    """Start a session on the optimised graph with the nodes of some outputs moved forward.

    ONNX Runtime maps the weights of the saved graph: its files may go once it has started. Where
    they cannot be written the graph runs in the runtime's own order.
    """
    try:
        with TemporaryFolder() as folder_of_its_own:
            saved = folder_of_its_own / "optimised.onnx"
            start(content, folder, optimisation="all", order=_BY_DEPTH, saved=saved)
            optimised = onnx.load(saved, load_external_data=False)
            move_forward(optimised.graph, early)
            ordered = optimised.SerializeToString()
            return start(ordered, saved.parent, optimisation="disabled", order=_IN_ORDER)
    except Exception:  # noqa: BLE001 - a full disk is an error of ONNX Runtime's own kind
        return start(content, folder, optimisation="all", order=_IN_ORDER)


_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def _element_type(text: str) -> str:
    """NumPy's name for ``tensor(float)``; sequences and maps as ONNX Runtime writes them."""
    inner = text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else text
    return _NUMPY_NAMES.get(inner, inner)

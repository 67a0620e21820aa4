"""ONNX Runtime sessions: opened strictly, run with named outputs, errors in our own words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import numpy as np
import onnx
import onnxruntime as ort

from onnx_affscore.errors import AllocationError, RunError
from onnx_affscore.records import Array
from onnx_affscore.run.providers import CPU, Device, check_assignment

__all__ = ["Session", "runtime_versions"]

_LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
# ONNX Runtime prefixes its messages with the place in its own source, and often the function.
_SOURCE_PLACE = re.compile(
    r"\S*/\S+\.(?:cc|h|cpp):\d+\s+(?:[^()]*?[\w:~]+\([^()]*\)\s*(?:const\s+)?)?"
)
# What ONNX Runtime, CUDA, cuDNN and cuBLAS say where memory runs out: they raise no class for it.
_OUT_OF_MEMORY = re.compile(
    r"failed to allocate memory|available memory of \d+ is smaller than requested|out of memory"
    r"|bad[_ ]alloc|STATUS_ALLOC_FAILED|cudaErrorMemoryAllocation",
    re.IGNORECASE,
)
_FATAL = 4


def runtime_versions() -> dict[str, str]:
    """Return the versions that decide what is computed."""
    return {"onnxruntime": str(ort.__version__), "onnx": onnx.__version__, "numpy": np.__version__}


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
        message = _SOURCE_PLACE.sub("", " ".join(str(exc).split()))
        message = re.sub(r"^\[ONNXRuntimeError\] : \d+ : ", "", message)
        kind = AllocationError if _OUT_OF_MEMORY.search(message) else RunError
        raise kind(f"{action}: ONNX Runtime says {message[:500]}") from exc


@final
class Session:
    """A model that can be run: ``run(names, feeds)`` returns arrays by name.

    ``model`` may be serialised already. ``folder`` is where external data lie. ``in_order`` runs
    nodes in the order of the file as far as possible, so that a tap reads its tensor while that is
    still in a cache, and frees it.
    ``notices`` say where the device is not what was asked.
    """

    def __init__(
        self,
        model: onnx.ModelProto | bytes,
        device: Device,
        *,
        folder: Path,
        threads: int = 0,
        optimisation: str = "all",
        in_order: bool = False,
        custom_operators: Sequence[str] = (),
    ) -> None:
        options = ort.SessionOptions()
        if in_order:
            options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
        options.graph_optimization_level = _LEVELS[optimisation]
        options.intra_op_num_threads = threads
        options.log_severity_level = _FATAL
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(folder)
        )
        if device.wanted != CPU:
            options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        with translated("cannot load the model"):
            for library in custom_operators:
                options.register_custom_ops_library(library)
            self._session = ort.InferenceSession(
                model if isinstance(model, bytes) else model.SerializeToString(),
                options,
                providers=_plain(device.providers),
            )
        self.providers = tuple(self._session.get_providers())
        self.notices = check_assignment(device, self.providers, self._assignment(device))
        self.outputs = tuple(o.name for o in self._session.get_outputs())
        self.types = {
            port.name: _element_type(port.type)
            for port in (*self._session.get_inputs(), *self._session.get_outputs())
        }

    @property
    def device(self) -> str:
        """The device that runs the graph: ``cpu`` or ``cuda``."""
        return str(self.providers[0]).removesuffix("ExecutionProvider").lower()

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


def _plain(providers: Sequence[str | tuple[str, Mapping[str, Any]]]) -> list[Any]:
    return [p if isinstance(p, str) else (p[0], dict(p[1])) for p in providers]


_NUMPY_NAMES = {"float": "float32", "double": "float64"}


def _element_type(text: str) -> str:
    """NumPy's name for ``tensor(float)``; sequences and maps as ONNX Runtime writes them."""
    inner = text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else text
    return _NUMPY_NAMES.get(inner, inner)

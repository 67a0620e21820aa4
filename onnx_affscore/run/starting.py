"""Choose the device once: start CUDA on a model of one node, and say in a sentence what failed."""

import io
import re
from contextlib import redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from onnx_affscore.errors import ProviderError
from onnx_affscore.run.providers import CPU, CUDA, Device, parse_device

__all__ = ["available_providers", "built_and_started", "start_device"]

_FATAL = 4
_MISSING = re.compile(r"(lib[\w.+-]+\.so[.\d]*\b|[\w.-]+\.dll)")
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


def available_providers() -> tuple[str, ...]:
    """Return the execution providers that the installed ONNX Runtime was built with."""
    return tuple(ort.get_available_providers())


def start_device(text: str) -> tuple[Device, tuple[str, ...]]:
    """Return the device that will run, and notices for the user.

    ``auto`` becomes the CPU where CUDA does not start; with a notice where the machine has an
    NVIDIA driver, so that somebody might expect the GPU. Raises :class:`ProviderError` where a
    device that was asked for by name does not start.
    """
    device = parse_device(text, available_providers())
    if device.wanted != CUDA:
        return device, ()
    failure = _cuda_failure(device.index)
    if failure is None:
        return device, ()
    if device.strict:
        raise ProviderError(
            f"--device {text}: CUDA does not start: {failure}. Install the driver and the CUDA 13"
            " and cuDNN 9 libraries (pip install 'onnxruntime-gpu[cuda,cudnn]'),"
            " or use --device auto"
        )
    fallback = Device("auto", (CPU,), strict=False)
    if any(Path(p).exists() for p in _DRIVER_FILES):
        return fallback, (f"running on the CPU, CUDA does not start: {failure}",)
    return fallback, ()


def built_and_started() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the providers that are built in, and the devices on which a model ran."""
    built = available_providers()
    cuda = CUDA in built and _cuda_failure(0) is None
    return built, ("cpu", "cuda") if cuda else ("cpu",)


@lru_cache
def _cuda_failure(index: int) -> str | None:
    """Return why a model of one node does not run on CUDA, None where it does."""
    ort.set_default_logger_severity(_FATAL)
    said = io.StringIO()
    with redirect_stdout(said):  # preload_dlls prints what it does not find
        ort.preload_dlls()
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    providers: list[Any] = [(CUDA, {"device_id": index}), CPU]
    try:
        session = ort.InferenceSession(_one_relu(), options, providers=providers)
        if CUDA in session.get_providers():
            session.run(["y"], {"x": np.ones((1, 2), np.float32)})
            return None
    except Exception as exc:  # noqa: BLE001 - the runtime's classes share no base but Exception
        return " ".join(str(exc).split())[:200]
    missing = _MISSING.search(said.getvalue())
    return f"the library {missing.group(1)} is missing" if missing else "no usable GPU was found"


def _one_relu() -> bytes:
    ports = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "one", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())

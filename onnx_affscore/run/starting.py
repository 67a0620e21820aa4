"""Choose the device once: start it on a model of one node, and say in a sentence what failed."""

import io
import re
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from onnx_affscore.errors import ProviderError
from onnx_affscore.run.messages import plainly
from onnx_affscore.run.providers import (
    CPU,
    CUDA,
    PROVIDERS,
    Device,
    Providers,
    parse_device,
    parse_provider,
    plain,
)

__all__ = ["available_providers", "built_and_started", "provider_failures", "start_device"]

_FATAL = 4
_NO_DEVICE = "no usable device was found"
_MISSING = re.compile(r"(lib[\w.+-]+\.so[.\d]*\b|[\w.-]+\.dll)")
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


def available_providers() -> tuple[str, ...]:
    """Return the execution providers that the installed ONNX Runtime was built with."""
    return tuple(ort.get_available_providers())


def start_device(
    text: str, *, provider: str | None = None, options: Sequence[str] = ()
) -> tuple[Device, tuple[str, ...]]:
    """Return the device that will run, and notices for the user.

    A ``provider`` takes the place of the device; ``options`` are its own. ``auto`` becomes the CPU
    where CUDA does not start; with a notice where the machine has an NVIDIA driver, so that
    somebody might expect the GPU. Raises :class:`ProviderError` where a device or provider that
    was asked for by name does not start.
    """
    if provider is not None:
        return _started(parse_provider(provider, available_providers(), options=options))
    device = parse_device(text, available_providers())
    if device.wanted != CUDA:
        return device, ()
    failure = _cuda_failure(device.index)
    if failure is None:
        return device, ()
    if device.strict:
        raise ProviderError(f"{device.asked}: CUDA does not start: {failure}; {device.cure}")
    fallback = Device("auto", (CPU,), strict=False)
    if any(Path(p).exists() for p in _DRIVER_FILES):
        return fallback, (f"running on the CPU, CUDA does not start: {failure}",)
    return fallback, ()


def _started(device: Device) -> tuple[Device, tuple[str, ...]]:
    failure = _failure(device.providers)
    if failure is not None:
        raise ProviderError(f"{device.asked}: it does not start: {failure}; {device.cure}")
    caveat = None if device.row is None else device.row.caveat
    return device, () if caveat is None else (caveat,)


def built_and_started() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the providers that are built in, and the devices and providers that ran a model."""
    started = [name for name, failure in provider_failures().items() if failure is None]
    return available_providers(), ("cpu", *started)


def provider_failures() -> dict[str, str | None]:
    """Return why each device and provider that is built in does not start, None where it does."""
    built = available_providers()
    found = {"cuda": _cuda_failure(0)} if CUDA in built else {}
    named = [name for name, row in PROVIDERS.items() if row.name in built]
    return found | {name: _failure(parse_provider(name, built).providers) for name in named}


@lru_cache
def _cuda_failure(index: int) -> str | None:
    """Return why a model of one node does not run on CUDA, None where it does."""
    ort.set_default_logger_severity(_FATAL)
    said = io.StringIO()
    with redirect_stdout(said):  # preload_dlls prints what it does not find
        ort.preload_dlls()
    failure = _failure(((CUDA, {"device_id": index}), CPU))
    missing = _MISSING.search(said.getvalue())
    return (
        f"the library {missing.group(1)} is missing"
        if failure == _NO_DEVICE and missing
        else failure
    )


def _failure(providers: Providers) -> str | None:
    """Return why a model of one node does not run, None where it does."""
    ort.set_default_logger_severity(_FATAL)
    session_options = ort.SessionOptions()
    session_options.log_severity_level = _FATAL
    wanted = providers[0]
    name = wanted if isinstance(wanted, str) else wanted[0]
    try:
        session = ort.InferenceSession(
            _one_relu(), session_options, providers=plain(providers), enable_fallback=0
        )
        if name in session.get_providers():
            session.run(["y"], {"x": np.ones((1, 2), np.float32)})
            return None
    except Exception as exc:  # noqa: BLE001 - the runtime's classes share no base but Exception
        return plainly(exc)
    return _NO_DEVICE


def _one_relu() -> bytes:
    ports = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 2]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "one", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())

"""What a measurement depends on besides the code: the machine, its load and the libraries."""

import os
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

__all__ = ["available_memory", "conditions", "peak_memory"]

_KIB = 1024


def conditions() -> str:
    """Return one line: processor, cores, load average, memory, versions."""
    libraries = " ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "onnx"))
    runtime = _runtime()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{_processor()}, {cores} cores (default threads), load {load};"
        f" {platform.system()}, Python {platform.python_version()}, {runtime}, {libraries}"
    )


def peak_memory() -> int:
    """Return the peak of this process's resident memory in bytes.

    On Linux it is read from /proc: ``ru_maxrss`` survives an exec, so that a child would start
    with its parent's peak.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return _field(status, "VmHWM") * _KIB
    unit = 1 if sys.platform == "darwin" else _KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available_memory() -> int | None:
    """Return the bytes that can be had without swapping, None where the system does not say."""
    info = Path("/proc/meminfo")
    return _field(info, "MemAvailable") * _KIB if info.exists() else None


def _field(file: Path, name: str) -> int:
    """Return the number of a line ``name:   123 kB``."""
    (line,) = [li for li in file.read_text("utf-8").splitlines() if li.startswith(f"{name}:")]
    return int(line.split()[1])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _runtime() -> str:
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"

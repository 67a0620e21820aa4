"""What a record says of a GPU: its name, the driver, and the libraries that compute on it."""

import ctypes
import subprocess
import sys

from onnxruntime.capi import build_and_package_info

__all__ = ["gpu_versions"]

_QUERY = "--query-gpu=name,driver_version"
_SECONDS = 10
_CUDNN = "cudnn64_9.dll" if sys.platform == "win32" else "libcudnn.so.9"


def gpu_versions(index: int) -> dict[str, str]:
    """Return the GPU, its driver, CUDA as the runtime was built with it, and cuDNN as loaded.

    What the machine does not tell is left out.
    """
    found: dict[str, str] = {}
    told = _told_by_driver(index)
    if len(told) == 2:
        found |= {"gpu": told[0], "driver": told[1]}
    cuda = getattr(build_and_package_info, "cuda_version", "")
    cudnn = _cudnn()
    return found | ({"cuda": cuda} if cuda else {}) | ({"cudnn": cudnn} if cudnn else {})


def _told_by_driver(index: int) -> list[str]:
    command = ["nvidia-smi", _QUERY, "--format=csv,noheader", f"--id={index}"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [part.strip() for part in ran.stdout.strip().split(",")]


def _cudnn() -> str:
    """The version of cuDNN, major.minor.patch, from the number that the library gives."""
    try:
        number = int(ctypes.CDLL(_CUDNN).cudnnGetVersion())
    except (OSError, AttributeError):
        return ""
    major, rest = divmod(number, 10000)
    return f"{major}.{rest // 100}.{rest % 100}"

"""ONE table of devices: which execution provider each takes, and whether it really runs there."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from onnx_affscore.errors import OptionError, ProviderError

__all__ = ["CPU", "CUDA", "Device", "check_assignment", "device_index", "parse_device"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_CUDA_DEVICE = re.compile(r"cuda(:(?P<number>[0-9]+))?")

# Operators that ONNX Runtime keeps on the CPU on purpose: they compute shapes and indices.
_SHAPE_OPERATORS = frozenset({
    "Shape", "Size", "Gather", "Concat", "Cast", "Slice", "Unsqueeze", "Squeeze", "Range", "Add",
    "Sub", "Mul", "Div", "Mod", "Floor", "ConstantOfShape", "Constant", "Reshape", "Equal",
    "Where", "Identity", "Less", "Greater", "Not", "And", "Or", "Min", "Max", "ReduceProd",
    "ReduceMin", "ReduceMax", "NonZero", "Expand", "Transpose", "If", "Loop", "Scan",
    "MemcpyToHost", "MemcpyFromHost",
})  # fmt: skip


@final
@dataclass(frozen=True, slots=True)
class Device:
    """A device as the user names it; ``strict`` devices never fall back to another."""

    name: str
    providers: tuple[str | tuple[str, Mapping[str, Any]], ...]
    strict: bool
    index: int = 0

    @property
    def wanted(self) -> str:
        """The provider that must run the graph."""
        first = self.providers[0]
        return first if isinstance(first, str) else first[0]


def parse_device(text: str, available: Sequence[str]) -> Device:
    """Return the device for ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    ``available`` are the providers that the installed ONNX Runtime was built with. Raises
    :class:`OptionError` for another name, :class:`ProviderError` where CUDA is asked for and the
    build has none.
    """
    if text == "cpu":
        return Device("cpu", (CPU,), strict=True)
    if text == "auto":
        providers = (_cuda(0), CPU) if CUDA in available else (CPU,)
        return Device("auto", providers, strict=False)
    if _CUDA_DEVICE.fullmatch(text) is None:
        raise OptionError(f"no device {text!r}; wanted auto, cpu, cuda or cuda:N")
    if CUDA not in available:
        raise ProviderError(
            f"--device {text}: the installed ONNX Runtime has no CUDA provider (it has"
            f" {', '.join(available)}); install onnxruntime-gpu, or use --device auto"
        )
    index = device_index(text)
    return Device(text, (_cuda(index), CPU), strict=True, index=index)


def device_index(text: str) -> int:
    """Return N of ``cuda:N``, 0 for other names of devices."""
    match = _CUDA_DEVICE.fullmatch(text)
    return int(match["number"] or 0) if match else 0


def _cuda(index: int) -> tuple[str, Mapping[str, Any]]:
    # TF32 rounds products to 10 bits: off, so that CPU and CUDA agree to float32 rounding.
    return CUDA, {"device_id": index, "use_tf32": 0}


def check_assignment(
    device: Device, obtained: Sequence[str], assignment: Sequence[tuple[str, str, str]]
) -> tuple[str, ...]:
    """Compare the provider asked for with what the session took, node by node.

    ``assignment`` lists (provider, operator, node). Returns notices; raises
    :class:`ProviderError` where a strict device was not obtained or another provider computes.
    """
    if device.wanted not in obtained:
        if device.strict:
            raise ProviderError(
                f"--device {device.name}: {device.wanted} could not be started (ONNX Runtime took"
                f" {', '.join(obtained)} instead); its libraries are missing or do not match:"
                " install the CUDA 13 and cuDNN 9 libraries"
                " (pip install 'onnxruntime-gpu[cuda,cudnn]') and the driver, or use --device auto"
            )
        return (f"{device.wanted} could not be started: running on {obtained[0]}",)
    if device.wanted == CPU:
        return ()
    elsewhere = [
        (provider, op, node)
        for provider, op, node in assignment
        if provider != device.wanted and op not in _SHAPE_OPERATORS
    ]
    if not elsewhere:
        return ()
    shown = ", ".join(f"{op} {node!r}" for _, op, node in elsewhere[:3])
    sentence = f"{len(elsewhere)} node(s) have no {device.wanted} kernel: {shown}"
    if device.strict:
        raise ProviderError(f"--device {device.name}: {sentence}; use --device auto or cpu")
    return (f"{sentence}; they run on the CPU",)

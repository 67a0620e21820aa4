"""ONE table of execution providers: what each is set to, and whether it really runs the graph."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final

from onnx_affscore.errors import OptionError, ProviderError

__all__ = [
    "CPU",
    "CUDA",
    "PROVIDERS",
    "Device",
    "Provider",
    "Providers",
    "check_assignment",
    "device_index",
    "parse_device",
    "parse_options",
    "parse_provider",
    "plain",
]

Providers: TypeAlias = tuple[str | tuple[str, Mapping[str, Any]], ...]
"""Names in the order in which nodes are offered to them, some with options."""

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

# Those of them that compute features as well.
_ARITHMETIC = frozenset(
    {"Add", "Sub", "Mul", "Div", "Where", "Min", "Max", "ReduceMax", "ReduceMin"}
)


@final
@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider that ``--provider`` names.

    ``options`` are set unless the user sets them otherwise: the model's own precision above all.
    ``kind`` is what computes, ``install`` where the provider comes from, ``caveat`` what no option
    can mend. ``plan``: it bears ONNX Runtime's plan of all buffers at once.
    """

    name: str
    kind: str
    install: str
    options: Mapping[str, str] = field(default_factory=dict)
    caveat: str | None = None
    plan: bool = True


PROVIDERS: Final[Mapping[str, Provider]] = {
    "tensorrt": Provider(
        "TensorrtExecutionProvider",
        "NVIDIA GPU",
        "onnxruntime-gpu, and the TensorRT 10 libraries (pip install tensorrt-cu13)",
        {"trt_fp16_enable": "0", "trt_int8_enable": "0"},
        "TensorRT rounds float32 products to 10 bits (TF32) on recent GPUs unless the environment"
        " variable NVIDIA_TF32_OVERRIDE is 0",
    ),
    "openvino": Provider(
        "OpenVINOExecutionProvider",
        "Intel CPU, GPU or NPU",
        "onnxruntime-openvino in the place of onnxruntime",
        {"device_type": "CPU", "precision": "ACCURACY"},
    ),
    "coreml": Provider(
        "CoreMLExecutionProvider",
        "Apple CPU and GPU",
        "onnxruntime on macOS",
        {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"},
        "Core ML may sum in float16 on a GPU; its neural engine, which computes in float16"
        " throughout, is left out (MLComputeUnits=ALL takes it)",
    ),
    "directml": Provider(
        "DmlExecutionProvider",
        "GPU under Windows",
        "onnxruntime-directml in the place of onnxruntime",
        {"device_id": "0"},
        plan=False,
    ),
    "migraphx": Provider(
        "MIGraphXExecutionProvider",
        "AMD GPU",
        "onnxruntime-migraphx, from AMD, in the place of onnxruntime",
        {"device_id": "0", "migraphx_fp16_enable": "0", "migraphx_int8_enable": "0"},
    ),
    "rocm": Provider(
        "ROCMExecutionProvider",
        "AMD GPU",
        "onnxruntime-rocm, from AMD, up to version 1.22 (later ones have migraphx)",
        {"device_id": "0"},
    ),
    "qnn": Provider(
        "QNNExecutionProvider",
        "Qualcomm NPU",
        "onnxruntime-qnn in the place of onnxruntime",
        {"backend_type": "htp", "enable_htp_fp16_precision": "0"},
        "this NPU is made for float16 and whole numbers: float32 may be refused, or rounded",
    ),
    "xnnpack": Provider(
        "XnnpackExecutionProvider",
        "CPU",
        "a build of ONNX Runtime with XNNPACK (build.sh --use_xnnpack)",
    ),
}
"""What ``--provider`` takes; the devices of ``--device`` are in :func:`parse_device`."""


@final
@dataclass(frozen=True, slots=True)
class Device:
    """A device as the user names it; ``strict`` devices never fall back to another.

    ``row`` is its provider in :data:`PROVIDERS`, None for the CPU and CUDA.
    """

    name: str
    providers: Providers
    strict: bool
    index: int = 0
    row: Provider | None = None

    @property
    def wanted(self) -> str:
        """The provider that must run the graph."""
        first = self.providers[0]
        return first if isinstance(first, str) else first[0]

    @property
    def asked(self) -> str:
        """How the user asks for it."""
        return f"--{'device' if self.row is None else 'provider'} {self.name}"

    @property
    def cure(self) -> str:
        """What to do where it does not start."""
        if self.row is None:
            return (
                "install the driver and the CUDA 13 and cuDNN 9 libraries"
                " (pip install 'onnxruntime-gpu[cuda,cudnn]'), or use --device auto"
            )
        return f"it wants {self.row.install}, and a device to run on ({self.row.kind})"


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


def parse_options(texts: Sequence[str]) -> dict[str, str]:
    """Return the options of a provider, each ``KEY=VALUE``; the last one of a key counts.

    Raises :class:`OptionError` where one has no ``=`` or no key.
    """
    pairs = [text.partition("=") for text in texts]
    for text, (key, equals, _) in zip(texts, pairs, strict=True):
        if not equals or not key.strip():
            raise OptionError(f"--provider-option {text!r} is not KEY=VALUE")
    return {key.strip(): value.strip() for key, _, value in pairs}


def parse_provider(name: str, available: Sequence[str], *, options: Sequence[str] = ()) -> Device:
    """Return the device for a name in :data:`PROVIDERS`, with what ``options`` say otherwise.

    Raises :class:`OptionError` for another name, :class:`ProviderError` where the installed ONNX
    Runtime has no such provider.
    """
    row = PROVIDERS.get(name)
    if row is None:
        raise OptionError(f"no provider {name!r}; wanted one of {', '.join(PROVIDERS)}")
    if row.name not in available:
        raise ProviderError(
            f"--provider {name}: the installed ONNX Runtime has no {row.name} (it has"
            f" {', '.join(available)}); install {row.install}"
        )
    settings = {**row.options, **parse_options(options)}
    number = settings.get("device_id", "0")
    index = int(number) if number.isdecimal() else 0
    return Device(name, ((row.name, settings), CPU), strict=True, index=index, row=row)


def plain(providers: Providers) -> list[Any]:
    """Return providers as ONNX Runtime takes them."""
    return [p if isinstance(p, str) else (p[0], dict(p[1])) for p in providers]


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
                f"{device.asked}: {device.wanted} could not be started (ONNX Runtime took"
                f" {', '.join(obtained)} instead); its libraries are missing or do not match:"
                f" {device.cure}"
            )
        return (f"{device.wanted} could not be started: running on {obtained[0]}",)
    if device.wanted == CPU:
        return ()
    others = [(op, node) for provider, op, node in assignment if provider != device.wanted]
    elsewhere = [(op, node) for op, node in others if op not in _SHAPE_OPERATORS]
    if not elsewhere:
        left = [(op, node) for op, node in others if op in _ARITHMETIC]
        if device.row is None or not left:
            return ()
        return (
            f"{len(left)} node(s) run on the CPU, which is right only where they compute shapes:"
            f" {_some(left)}",
        )
    sentence = f"{len(elsewhere)} node(s) have no {device.wanted} kernel: {_some(elsewhere)}"
    if device.strict:
        without = "use --device auto or cpu" if device.row is None else "run without --provider"
        raise ProviderError(f"{device.asked}: {sentence}; {without}")
    return (f"{sentence}; they run on the CPU",)


def _some(nodes: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{op} {node!r}" for op, node in nodes[:3])

"""ONE table of the ways to run a model that are compared: plain, ours, pooled, exposed raw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final

import onnx
import onnxruntime as ort
from onnx import helper

from onnx_affscore.records import Array, TensorLayout
from onnx_affscore.run.starting import start_device
from tools.benchmarks.ours import Ours, tapped_layouts

__all__ = ["PLAIN", "TAPS", "VARIANTS", "Runner", "Variant", "run_all"]

PLAIN = "plain"
TAPS = "taps"
_FATAL = 4
_AXES_ARE_INPUTS = 18  # from this opset on, ReduceMean takes its axes as an input


class Runner(Protocol):
    """A model ready to run over data; ``batch_size`` is the one asked for, or chosen."""

    batch_size: int

    def begin(self) -> None:
        """Start a pass over the data, forgetting what was kept of the last one."""

    def run_once(self, batch: Array) -> None:
        """Run one batch."""


def run_all(runner: Runner, data: Array) -> None:
    """Run all the data once, in batches of the runner's size."""
    runner.begin()
    for first in range(0, len(data), runner.batch_size):
        runner.run_once(data[first : first + runner.batch_size])


@final
class Bare:
    """ONNX Runtime with its default options: every output is fetched and dropped."""

    def __init__(self, file: Path, batch_size: int, device: str) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        providers = list(start_device(device)[0].providers)
        self._session = ort.InferenceSession(file, options, providers=providers)
        self._input = self._session.get_inputs()[0].name
        self.batch_size = batch_size

    def begin(self) -> None:
        """Nothing was kept."""

    def run_once(self, batch: Array) -> None:
        """Run one batch and drop its outputs."""
        self._session.run(None, {self._input: batch})


@final
@dataclass(frozen=True, slots=True)
class Variant:
    """``open`` makes a runner of a file, data, a batch size (0: choose) and a device.

    ``rewrite`` makes the model that is opened, before anything is timed, from the file and a few
    samples; None opens the file as it is.
    """

    open: Callable[[Path, Array, int, str], Runner]
    rewrite: Callable[[Path, Array], onnx.ModelProto] | None = None


def exposed(file: Path, data: Array) -> onnx.ModelProto:
    """Return the model with every tensor of a scored site as an output, whole."""
    model = onnx.load(file)
    for name in _own(model, tapped_layouts(file, data)):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    return model


def pooled_at_the_end(file: Path, data: Array) -> onnx.ModelProto:
    """Return the model with means over positions as outputs, their nodes behind all others."""
    model = onnx.load(file)
    graph = model.graph
    opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    for name, layout in _own(model, tapped_layouts(file, data)).items():
        kept = (layout.sample_axis, layout.feature_axis)
        axes = [a for a in range(layout.rank) if a not in kept]
        output = f"{name}/pooled" if axes else name
        if axes == [2, 3] and layout.rank == 4:
            graph.node.append(helper.make_node("GlobalAveragePool", [name], [output]))
        elif axes and opset >= _AXES_ARE_INPUTS:
            constant = helper.make_tensor(f"{name}/axes", onnx.TensorProto.INT64, [len(axes)], axes)
            graph.initializer.append(constant)
            graph.node.append(helper.make_node("ReduceMean", [name, constant.name], [output]))
        elif axes:
            graph.node.append(helper.make_node("ReduceMean", [name], [output], axes=axes))
        graph.output.append(onnx.ValueInfoProto(name=output))
    return model


def _own(model: onnx.ModelProto, layouts: Mapping[str, TensorLayout]) -> dict[str, TensorLayout]:
    """Keep the tensors that a user sees in the file's main graph and can add to its outputs."""
    there = {name for node in model.graph.node for name in node.output}
    outputs = {port.name for port in model.graph.output}
    return {n: layout for n, layout in layouts.items() if n in there and n not in outputs}


def _bare(file: Path, _data: Array, size: int, device: str) -> Runner:
    return Bare(file, size, device)


def _ours(file: Path, data: Array, size: int, device: str) -> Runner:
    return Ours(file, data, size, device=device)


def _ours_with_hash(file: Path, data: Array, size: int, device: str) -> Runner:
    return Ours(file, data, size, device=device, hashed=True)


def _ours_with_sparsity(file: Path, data: Array, size: int, device: str) -> Runner:
    return Ours(file, data, size, device=device, sparsity=True)


VARIANTS: Mapping[str, Variant] = {
    PLAIN: Variant(_bare),
    TAPS: Variant(_ours),
    "taps, data hashed": Variant(_ours_with_hash),
    "taps and sparsity": Variant(_ours_with_sparsity),
    "pooling nodes at the end": Variant(_bare, rewrite=pooled_at_the_end),
    "raw exposure": Variant(_bare, rewrite=exposed),
}

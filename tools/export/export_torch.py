"""Trains a PyTorch network and exports it through the TorchScript or the dynamo exporter."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from tools.export.manifest import Site
from tools.export.publish import Origin, publish
from tools.train.split import load_part
from tools.train.torch_loop import Schedule, train

__all__ = ["Recipe", "build"]

STACK_TRACE = "pkg.torch.onnx.stack_trace"  # holds file names of the exporting machine


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, the way out of PyTorch, and the sites its architecture implies."""

    name: str
    net: Callable[[], nn.Module]
    sites: Sequence[Site]
    exporter: Literal["torchscript", "dynamo"]
    opset: int
    schedule: Schedule = field(default_factory=Schedule)
    seed: int = 0


def build(recipe: Recipe) -> None:
    """Train, export and publish one network; one thread, so that a seed gives one result."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(recipe.seed)
    net = recipe.net()
    train(net, recipe.schedule, seed=recipe.seed)
    # Three rows: exporters take an example batch of one for a fixed axis.
    example = torch.from_numpy(load_part("image", "train").x[:3])
    model = (_torchscript if recipe.exporter == "torchscript" else _dynamo)(
        net, example, recipe.opset
    )
    test = torch.from_numpy(load_part("image", "test").x)
    with torch.no_grad():
        wanted: np.ndarray = net(test).numpy()
    origin = Origin(
        name=recipe.name,
        framework="torch",
        exporter="torch" if recipe.exporter == "torchscript" else "onnxscript",
        route=f"torch.onnx.export ({recipe.exporter})",
        seed=recipe.seed,
        input="image",
        output="logits",
        sites=recipe.sites,
    )
    publish(model, origin, wanted=wanted)


def _torchscript(net: nn.Module, example: Tensor, opset: int) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            net,
            (example,),
            file,
            dynamo=False,
            opset_version=opset,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        )
        return onnx.load(file)


def _dynamo(net: nn.Module, example: Tensor, opset: int) -> onnx.ModelProto:
    program = torch.onnx.export(
        net,
        (example,),
        dynamo=True,
        external_data=False,
        opset_version=opset,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    if program is None:
        raise RuntimeError("the dynamo exporter gave no program")
    model = program.model_proto
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != STACK_TRACE]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    return model

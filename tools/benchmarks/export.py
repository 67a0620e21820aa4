"""Export torchvision's architectures at 224 px with random weights, for the benchmarks."""

import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torchvision
from torch import Tensor, nn

from tools.benchmarks.exports import EXPORTS, PIXELS

__all__ = ["export"]

SEED = 0
OPSET = 17
# Batches in training mode from which batch norms take their statistics.
CALIBRATION_BATCHES = 2
CALIBRATION_SIZE = 8
# Outputs in float32 after up to 121 layers: a few thousand roundings of 2**-24.
TOLERANCE = 2e-4


def export(name: str, folder: Path) -> Path:
    """Write one architecture as ``folder/name.onnx``, its batch axis open, and check it."""
    torch.manual_seed(SEED)
    net = torchvision.models.get_model(name, weights=None)
    _give_zero_weights_values(net)
    _calibrate(net)
    net.eval()
    partial = folder / f"{name}.partial"
    torch.onnx.export(
        net,
        (_images(2),),
        partial,
        dynamo=False,
        opset_version=OPSET,
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
    )
    _check(partial, name, net)
    return partial.rename(folder / f"{name}.onnx")


def _images(count: int) -> Tensor:
    return torch.randn(count, 3, PIXELS, PIXELS)


def _give_zero_weights_values(net: nn.Module) -> None:
    """Initialise matrices that are zero before training (ViT's head), or outputs are constant."""
    for parameter in net.parameters():
        if parameter.dim() > 1 and not parameter.any():
            nn.init.trunc_normal_(parameter, std=0.02)


@torch.no_grad()
def _calibrate(net: nn.Module) -> None:
    """Give batch norms the mean and variance of their inputs, as training does.

    With the initial statistics (0, 1) activations die out or overflow in deep networks.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # running statistics become plain means over the batches
    net.train()
    for _ in range(CALIBRATION_BATCHES if norms else 0):
        net(_images(CALIBRATION_SIZE))


def _check(file: Path, name: str, net: nn.Module) -> None:
    """Compare ONNX Runtime with PyTorch, at a batch size other than the exporter's."""
    onnx.checker.check_model(str(file), full_check=True)
    images = _images(3)
    with torch.no_grad():
        wanted = net(images).numpy()
    session = ort.InferenceSession(file, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": images.numpy()})
    error = float(np.abs(found - wanted).max() / np.ptp(wanted, axis=0).max())
    verdict = f"{name}: outputs differ from PyTorch's by {error:.1e} of their range over images"
    if not error < TOLERANCE:  # catches NaN too
        raise RuntimeError(verdict)
    print(verdict, flush=True)


def main() -> None:
    """Export the architectures named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="*")
    options = parser.parse_args()
    for name in options.name or EXPORTS:
        export(name, options.folder)


if __name__ == "__main__":
    main()

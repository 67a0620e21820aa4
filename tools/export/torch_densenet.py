"""DenseNet in miniature: layers of BN-ReLU-Conv, each fed by all before it in its block."""

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site

STEM = 16
GROWTH = 8
BOTTLENECK = 4 * GROWTH
BLOCKS = (2, 2, 2, 2)


def _bn_relu_conv(inner: int, outer: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(inner),
        nn.ReLU(),
        nn.Conv2d(inner, outer, kernel, padding=kernel // 2, bias=False),
    )


class DenseLayer(nn.Module):
    """A 1x1 and a 3x3 convolution, whose few new channels join the old ones."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.narrow = _bn_relu_conv(inner, BOTTLENECK, 1)
        self.grow = _bn_relu_conv(BOTTLENECK, GROWTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c + growth, h, w) from (n, c, h, w)."""
        return torch.cat([x, self.grow(self.narrow(x))], dim=1)


def densenet() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    layers: dict[str, nn.Module] = {
        "enlarge": nn.Upsample(scale_factor=4, mode="bilinear"),
        "conv0": nn.Conv2d(1, STEM, 7, stride=2, padding=3, bias=False),
        "norm0": nn.BatchNorm2d(STEM),
        "relu0": nn.ReLU(),
        "pool0": nn.MaxPool2d(3, stride=2, padding=1),
    }
    width = STEM
    for number, depth in enumerate(BLOCKS):
        if number:
            layers[f"transition{number}"] = nn.Sequential(
                _bn_relu_conv(width, width // 2, 1), nn.AvgPool2d(2)
            )
            width //= 2
        layers[f"block{number + 1}"] = nn.Sequential(
            *(DenseLayer(width + GROWTH * layer) for layer in range(depth))
        )
        width += GROWTH * depth
    layers["norm"] = nn.BatchNorm2d(width)
    layers["relu"] = nn.ReLU()
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["classifier"] = nn.Linear(width, 10)
    return nn.Sequential(OrderedDict(layers))


def sites() -> Iterator[Site]:
    """Yield the stem's ReLU, two a layer, one a transition, and the last one."""
    yield Site("Relu", "hidden", STEM)
    width = STEM
    for number, depth in enumerate(BLOCKS):
        if number:
            yield Site("Relu", "hidden", width)
            width //= 2
        for _ in range(depth):
            yield Site("Relu", "hidden", width)
            yield Site("Relu", "hidden", BOTTLENECK)
            width += GROWTH
    yield Site("Relu", "hidden", width)


if __name__ == "__main__":
    build(Recipe("torch_densenet", densenet, tuple(sites()), "dynamo", opset=18))

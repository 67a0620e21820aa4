"""ConvNeXt in miniature: 7x7 depthwise filters, then a channels-last GELU perceptron."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site
from tools.train.torch_loop import Schedule

STAGES = (12, 16, 24, 32)
BLOCKS = 2
EXPANSION = 4
SCALE = 0.1  # where the learnt scale of each branch starts
SITES = tuple(Site("Gelu", "hidden", EXPANSION * width) for width in STAGES for _ in range(BLOCKS))


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of (n, c, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` with each pixel's channels normalised."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A depthwise convolution, a perceptron on each pixel, a learnt scale, and a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.filter = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, EXPANSION * width),
            nn.GELU(),
            nn.Linear(EXPANSION * width, width),
        )
        self.scale = nn.Parameter(torch.full((width,), SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, h, w); the perceptron works on (n, h, w, c)."""
        y = self.perceptron(self.filter(x).permute(0, 2, 3, 1)) * self.scale
        return x + y.permute(0, 3, 1, 2)


def convnext() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    stem = nn.Sequential(nn.Conv2d(1, STAGES[0], 4, stride=4), ChannelNorm(STAGES[0], eps=1e-6))
    layers: dict[str, nn.Module] = {
        "enlarge": nn.Upsample(scale_factor=4, mode="bilinear"),
        "stem": stem,
        "stage1": nn.Sequential(*(Block(STAGES[0]) for _ in range(BLOCKS))),
    }
    for stage, (narrow, wide) in enumerate(pairwise(STAGES), start=2):
        layers[f"down{stage}"] = nn.Sequential(
            ChannelNorm(narrow, eps=1e-6), nn.Conv2d(narrow, wide, 2, stride=2)
        )
        layers[f"stage{stage}"] = nn.Sequential(*(Block(wide) for _ in range(BLOCKS)))
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["norm"] = nn.LayerNorm(STAGES[-1], eps=1e-6)
    layers["head"] = nn.Linear(STAGES[-1], 10)
    return nn.Sequential(OrderedDict(layers))


if __name__ == "__main__":
    build(
        Recipe("torch_convnext", convnext, SITES, "dynamo", opset=18, schedule=Schedule(epochs=80))
    )

"""ResNet-18 in miniature: a strided stem and four stages of two basic blocks with skips."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site

STEM = 16
STAGES = (16, 20, 28, 36)
BLOCKS = 2


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a skip, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or inner != outer:
            self.skip = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(residual + skip)."""
        residual = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(residual + self.skip(x))


def resnet() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    layers: dict[str, nn.Module] = {
        "enlarge": nn.Upsample(scale_factor=4, mode="bilinear"),
        "conv1": nn.Conv2d(1, STEM, 7, stride=2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(STEM),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
    }
    for stage, (inner, outer) in enumerate(pairwise((STEM, *STAGES)), start=1):
        layers[f"layer{stage}"] = nn.Sequential(
            BasicBlock(inner, outer, stride=1 if stage == 1 else 2),
            *(BasicBlock(outer, outer, stride=1) for _ in range(BLOCKS - 1)),
        )
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(STAGES[-1], 10)
    return nn.Sequential(OrderedDict(layers))


def sites() -> Iterator[Site]:
    """Yield the stem's ReLU, then in each block the inner one and the one behind the sum."""
    yield Site("Relu", "hidden", STEM)
    for width in STAGES:
        yield from [Site("Relu", "hidden", width)] * (2 * BLOCKS)


if __name__ == "__main__":
    build(Recipe("torch_resnet", resnet, tuple(sites()), "torchscript", opset=17))

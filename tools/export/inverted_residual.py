"""The block of MobileNetV3 and EfficientNet: expand, filter by depth, squeeze-excite, project."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from tools.export.manifest import Site

__all__ = ["Activation", "Block", "InvertedResidual", "SqueezeExcite", "block_sites", "conv_bn"]


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation's module and the family it belongs to."""

    module: Callable[[], nn.Module]
    family: str


@dataclass(frozen=True, slots=True)
class Block:
    """One block's widths and shape; ``squeeze`` 0 leaves squeeze-excite out."""

    inner: int
    expanded: int
    outer: int
    kernel: int
    stride: int
    squeeze: int
    hidden: Activation
    squeezed: Activation
    gate: Activation


def conv_bn(inner: int, outer: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
    """Return a convolution that keeps the size, but for its stride, and its normalisation."""
    return nn.Sequential(
        nn.Conv2d(inner, outer, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outer),
    )


class SqueezeExcite(nn.Module):
    """Scales each channel by a gate computed from the mean of all channels."""

    def __init__(self, width: int, block: Block) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(width, block.squeeze, 1)
        self.activation = block.squeezed.module()
        self.fc2 = nn.Conv2d(block.squeeze, width, 1)
        self.gate = block.gate.module()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` times its gate."""
        return x * self.gate(self.fc2(self.activation(self.fc1(self.avgpool(x)))))


class InvertedResidual(nn.Module):
    """A narrow-wide-narrow block, beside a skip where the shape stays."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        wide = block.expanded
        filtered = conv_bn(wide, wide, block.kernel, stride=block.stride, groups=wide)
        layers: dict[str, nn.Module] = {}
        if wide != block.inner:
            layers["expand"] = nn.Sequential(conv_bn(block.inner, wide, 1), block.hidden.module())
        layers["depthwise"] = nn.Sequential(filtered, block.hidden.module())
        if block.squeeze:
            layers["se"] = SqueezeExcite(wide, block)
        layers["project"] = conv_bn(wide, block.outer, 1)
        self.layers = nn.Sequential(OrderedDict(layers))
        self.skips = block.stride == 1 and block.inner == block.outer

    def forward(self, x: Tensor) -> Tensor:
        """Return the narrow tensor, with the input added where the shape stays."""
        return x + self.layers(x) if self.skips else self.layers(x)


def block_sites(block: Block) -> Iterator[Site]:
    """Yield the sites of one block: expansion, depthwise, then those of squeeze-excite."""
    if block.expanded != block.inner:
        yield Site(block.hidden.family, "hidden", block.expanded)
    yield Site(block.hidden.family, "hidden", block.expanded)
    if block.squeeze:
        yield Site(block.squeezed.family, "hidden", block.squeeze)
        yield Site(block.gate.family, "gate", block.expanded)

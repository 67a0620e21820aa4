"""EfficientNet in miniature: MBConv blocks with SiLU and sigmoid-gated squeeze-excite."""

from collections import OrderedDict
from collections.abc import Iterator

from torch import nn

from tools.export.export_torch import Recipe, build
from tools.export.inverted_residual import (
    Activation,
    Block,
    InvertedResidual,
    block_sites,
    conv_bn,
)
from tools.export.manifest import Site

SILU = Activation(nn.SiLU, "Silu")
SIGMOID = Activation(nn.Sigmoid, "Sigmoid")
STEM = 16
TOP = 96


def _mbconv(inner: int, outer: int, kernel: int, stride: int, *, expansion: int = 4) -> Block:
    squeeze = inner // 4  # a quarter of the block's input, not of its expanded width
    return Block(inner, expansion * inner, outer, kernel, stride, squeeze, SILU, SILU, SIGMOID)


BLOCKS = (
    _mbconv(STEM, 12, 3, 1, expansion=1),
    _mbconv(12, 16, 3, 2),
    _mbconv(16, 16, 3, 1),
    _mbconv(16, 20, 5, 2),
    _mbconv(20, 20, 5, 1),
    _mbconv(20, 24, 3, 2),
    _mbconv(24, 24, 3, 1),
)


def efficientnet() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    return nn.Sequential(
        OrderedDict(
            enlarge=nn.Upsample(scale_factor=4, mode="bilinear"),
            stem=nn.Sequential(conv_bn(1, STEM, 3, stride=2), nn.SiLU()),
            blocks=nn.Sequential(*(InvertedResidual(block) for block in BLOCKS)),
            top=nn.Sequential(conv_bn(BLOCKS[-1].outer, TOP, 1), nn.SiLU()),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(nn.Dropout(0.2), nn.Linear(TOP, 10)),
        )
    )


def sites() -> Iterator[Site]:
    """Yield the sites of the stem, the blocks and the top."""
    yield Site("Silu", "hidden", STEM)
    for block in BLOCKS:
        yield from block_sites(block)
    yield Site("Silu", "hidden", TOP)


if __name__ == "__main__":
    build(Recipe("torch_efficientnet", efficientnet, tuple(sites()), "torchscript", opset=15))

"""MobileNetV3 in miniature: ReLU and HardSwish blocks, HardSigmoid gates, a dense top."""

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

RELU = Activation(nn.ReLU, "Relu")
HARD_SWISH = Activation(nn.Hardswish, "HardSwish")
HARD_SIGMOID = Activation(nn.Hardsigmoid, "HardSigmoid")
STEM = 8
TOP = 96
DENSE = 64
# input, expanded and output width, kernel, stride, activation, whether squeeze-excite is there
ROWS = (
    (STEM, STEM, STEM, 3, 1, RELU, True),
    (STEM, 32, 12, 3, 2, RELU, False),
    (12, 40, 12, 3, 1, RELU, False),
    (12, 48, 16, 5, 2, HARD_SWISH, True),
    (16, 64, 16, 5, 1, HARD_SWISH, True),
    (16, 72, 24, 5, 2, HARD_SWISH, True),
    (24, 96, 24, 5, 1, HARD_SWISH, True),
)
BLOCKS = tuple(
    Block(inner, wide, outer, kernel, stride, wide // 4 if gated else 0, act, RELU, HARD_SIGMOID)
    for inner, wide, outer, kernel, stride, act, gated in ROWS
)


def mobilenet() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    classifier = nn.Sequential(
        nn.Linear(TOP, DENSE), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(DENSE, 10)
    )
    return nn.Sequential(
        OrderedDict(
            enlarge=nn.Upsample(scale_factor=4, mode="bilinear"),
            stem=nn.Sequential(conv_bn(1, STEM, 3, stride=2), nn.Hardswish()),
            blocks=nn.Sequential(*(InvertedResidual(block) for block in BLOCKS)),
            top=nn.Sequential(conv_bn(BLOCKS[-1].outer, TOP, 1), nn.Hardswish()),
            avgpool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            classifier=classifier,
        )
    )


def sites() -> Iterator[Site]:
    """Yield the sites of the stem, the blocks and the top."""
    yield Site("HardSwish", "hidden", STEM)
    for block in BLOCKS:
        yield from block_sites(block)
    yield Site("HardSwish", "hidden", TOP)
    yield Site("HardSwish", "hidden", DENSE)


if __name__ == "__main__":
    build(Recipe("torch_mobilenetv3", mobilenet, tuple(sites()), "torchscript", opset=17))

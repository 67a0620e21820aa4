"""AlexNet in miniature: five convolutions and two hidden dense layers, each with a ReLU."""

from collections import OrderedDict

from torch import nn

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site

CONVOLUTIONS = (16, 32, 48, 32, 32)
DENSE = (64, 64)
SITES = tuple(Site("Relu", "hidden", width) for width in CONVOLUTIONS + DENSE)


def alexnet() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    c1, c2, c3, c4, c5 = CONVOLUTIONS
    d1, d2 = DENSE
    features = nn.Sequential(
        nn.Conv2d(1, c1, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(c1, c2, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(c2, c3, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c3, c4, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(c4, c5, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1),
    )
    classifier = nn.Sequential(
        nn.Dropout(0.3),
        nn.Linear(c5 * 2 * 2, d1),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(d1, d2),
        nn.ReLU(),
        nn.Linear(d2, 10),
    )
    return nn.Sequential(
        OrderedDict(
            enlarge=nn.Upsample(scale_factor=4, mode="bilinear"),
            features=features,
            flatten=nn.Flatten(),
            classifier=classifier,
        )
    )


if __name__ == "__main__":
    build(Recipe("torch_alexnet", alexnet, SITES, "torchscript", opset=13))

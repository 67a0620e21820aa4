"""VGG-11 in miniature: eight 3x3 convolutions in five pooled groups, two hidden dense layers."""

from collections import OrderedDict

from torch import nn

from tools.export.export_torch import Recipe, build
from tools.export.manifest import Site
from tools.train.torch_loop import Schedule

GROUPS = ((12,), (16,), (24, 24), (32, 32), (32, 32))
DENSE = (64, 64)
SITES = tuple(Site("Relu", "hidden", width) for group in (*GROUPS, DENSE) for width in group)


def vgg() -> nn.Module:
    """Return the untrained network; images are enlarged to 32x32 first."""
    features: list[nn.Module] = []
    width = 1
    for group in GROUPS:
        for wider in group:
            conv = nn.Conv2d(width, wider, 3, padding=1)
            # Without normalisation, eight layers learn nothing from the default start.
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            features += [conv, nn.ReLU()]
            width = wider
        features.append(nn.MaxPool2d(2))
    classifier: list[nn.Module] = []
    for wider in DENSE:
        classifier += [nn.Linear(width, wider), nn.ReLU(), nn.Dropout(0.2)]
        width = wider
    return nn.Sequential(
        OrderedDict(
            enlarge=nn.Upsample(scale_factor=4, mode="bilinear"),
            features=nn.Sequential(*features),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier, nn.Linear(width, 10)),
        )
    )


if __name__ == "__main__":
    build(Recipe("torch_vgg", vgg, SITES, "torchscript", opset=11, schedule=Schedule(rate=2e-3)))

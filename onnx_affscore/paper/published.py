"""Every published or golden value that an experiment is held against: data, nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, final

__all__ = [
    "ACTIVATIONS_987",
    "DTW",
    "GOLDEN_CASES",
    "HIGH_DIMENSION",
    "METRIC_CORRELATIONS",
    "POLYNOMIALS",
    "POLYNOMIALS_LEDOIT_WOLF",
    "POPULATION",
    "RANGES_987",
    "READ_OFF",
    "REDSHIFT",
    "REDSHIFT_FLOAT32",
    "SHIFT",
    "SIGNATURES",
    "SIGNATURE_STATISTICS",
    "UNSHRUNK",
    "Values",
]

PAPER: Final = "Bouniot et al., CVPR 2025, arXiv 2310.11439"
RECOMPUTED: Final = f"the protocol of {PAPER}, recomputed in float64"

EXACT: Final = 1e-5  # six decimals are given
READ_OFF: Final = 0.002  # read off a published plot


@final
@dataclass(frozen=True, slots=True)
class Values:
    """Values by name with one tolerance, and where they are from."""

    source: str
    tolerance: float
    values: Mapping[Any, float]


POLYNOMIALS: Final = Values(
    RECOMPUTED,
    EXACT,
    MappingProxyType(
        {
            1: 1.0, 2: 0.821890, 3: 0.711209, 4: 0.634160, 5: 0.576721, 7: 0.495636,
            11: 0.399456, 21: 0.288922, 41: 0.204844,
        }
    ),
)  # fmt: skip
"""x**k on linspace(-1, 1, 1000), covariances with ddof 1 and the absolute ridge."""

POLYNOMIALS_LEDOIT_WOLF: Final = Values(
    RECOMPUTED,
    EXACT,
    MappingProxyType(
        {3: 0.711064, 5: 0.576507, 7: 0.495382, 11: 0.399152, 21: 0.288559, 41: 0.204430}
    ),
)
"""The same with Ledoit-Wolf covariances and no ridge."""

ACTIVATIONS_987: Final = Values(
    RECOMPUTED,
    EXACT,
    MappingProxyType({"relu": 0.487422, "tanh": 0.669752, "sigmoid": 0.774861}),
)
"""seed 987, n = 1000, one normal(-1, 2) sample each, in this order, cast to float32."""

RANGES_987: Final = Values(
    RECOMPUTED,
    EXACT,
    MappingProxyType(
        dict.fromkeys(range(20), 1.0)
        | {
            5: 0.133877, 6: 0.319877, 7: 0.435423, 8: 0.526278, 9: 0.627161, 10: 0.716275,
            11: 0.792085, 12: 0.870309, 13: 0.940124, 14: 0.993314,
        }
    ),
)  # fmt: skip
"""The same stream continued: ReLU on uniform(m - 2, m + 2), m the index-th of linspace(-4, 4, 20).
Where all inputs are negative the output is constant, and the published code answers 1."""

GOLDEN_CASES: Final[Mapping[str, Values]] = MappingProxyType(
    {
        "G1": Values(
            "RandomState(0).randn(256, 16), relu",
            EXACT,
            MappingProxyType(
                {
                    "reference": 0.626048, "reference-lw": 0.617804, "ledoit-wolf": 0.617803,
                    "cka": 0.741265, "r2": 0.746870,
                    "entropy_before": 4.981116, "entropy_after": 4.193086,
                    "sparsity_before": 0.000488, "sparsity_after": 0.511963,
                    "norm_diff": 45.297625,
                }
            ),
        ),
        "G2": Values(
            "RandomState(0).randn(256, 16), tanh",
            EXACT,
            MappingProxyType(
                {
                    "reference": 0.819716, "reference-lw": 0.816267, "ledoit-wolf": 0.816267,
                    "cka": 0.936734, "r2": 0.937663, "entropy_after": 4.958243,
                    "norm_diff": 26.400351,
                }
            ),
        ),
        "G4": Values(
            "RandomState(1).randn(128, 8, 6, 6), relu, mean over the last two axes",
            EXACT,
            MappingProxyType(
                {
                    "reference": 0.646317, "reference-lw": 0.639464, "ledoit-wolf": 0.639452,
                    "cka": 0.759210, "r2": 0.766947,
                    "sparsity_before": 0.000705, "sparsity_after": 0.497640,
                }
            ),
        ),
    }
)  # fmt: skip

POPULATION: Final = Values(
    RECOMPUTED,
    5e-4,
    MappingProxyType(
        {
            "relu": 0.6211, "relu6": 0.6211, "leaky": 0.6271, "gelu": 0.6448, "silu": 0.6834,
            "mish": 0.6921, "hardswish": 0.7123, "hardtanh": 0.7771, "softplus": 0.7989,
            "elu": 0.8207, "tanh": 0.8119, "softsign": 0.8125, "selu": 0.8785,
            "sigmoid": 0.9109, "hardsigmoid": 0.9859,
        }
    ),
)  # fmt: skip
"""N(0, 1), d = 1, infinitely many samples."""

HIGH_DIMENSION: Final = Values(
    PAPER,
    READ_OFF,
    MappingProxyType(
        {
            "gelu": 0.614, "relu": 0.622, "relu6": 0.622, "leaky": 0.628, "silu": 0.674,
            "hardswish": 0.695, "hardtanh": 0.777, "tanh": 0.812, "sigmoid": 0.911,
        }
    ),
)  # fmt: skip
"""N(0, I), n = 1000, Ledoit-Wolf, any d from 500 to 4500."""

UNSHRUNK: Final = Values(PAPER, READ_OFF, MappingProxyType({500: 0.662, 1500: 0.755, 4500: 0.858}))
"""ReLU on N(0, I), n = 1000, by the dimension d, without shrinkage; the truth is .622."""

REDSHIFT: Final = Values(RECOMPUTED, 0.05, MappingProxyType({"mean": 0.635}))
"""ReLU, s = 6, in float64: one published draw has .635 with a standard deviation over its layers of
.05; the mean over draws is asked to lie within that."""

REDSHIFT_FLOAT32: Final = Values(PAPER, 0.005, MappingProxyType({"mean": 0.37, "std": 0.41}))
"""The same draw as it is printed, two decimals: an artefact of float32, not to be reproduced."""

SIGNATURES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "alexnet": (0.489, 0.440, 0.495, 0.529, 0.557, 0.594, 0.548),
        "vgg16": (
            0.566, 0.592, 0.542, 0.511, 0.526, 0.504, 0.490, 0.520, 0.523, 0.514, 0.554, 0.552,
            0.524, 0.600, 0.608,
        ),
        "vgg19": (
            0.568, 0.520, 0.551, 0.499, 0.521, 0.508, 0.503, 0.489, 0.510, 0.512, 0.514, 0.513,
            0.548, 0.548, 0.554, 0.543, 0.601, 0.614,
        ),
        "vit_l_32": (
            0.612, 0.486, 0.374, 0.357, 0.283, 0.270, 0.327, 0.330, 0.358, 0.289, 0.321, 0.297,
            0.295, 0.308, 0.315, 0.295, 0.332, 0.326, 0.316, 0.296, 0.283, 0.264, 0.260, 0.672,
        ),
    }
)  # fmt: skip
"""ImageNet, torchvision's weights, batches of 512; read off plots."""

SIGNATURE_STATISTICS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "alexnet": (0.439, 0.529, 0.594),
        "vgg19": (0.489, 0.521, 0.614),
        "resnet18": (0.636, 0.688, 0.799),
        "resnet50": (0.677, 0.755, 0.888),
        "densenet121": (0.452, 0.762, 0.953),
        "efficientnet_b1": (0.573, 0.878, 0.988),
        "vit_b_32": (0.287, 0.391, 0.879),
        "vit_h_14": (0.049, 0.108, 0.704),
        "swin_t": (0.494, 0.621, 0.751),
        "convnext_tiny": (0.485, 0.565, 0.723),
    }
)
"""Min, median and max of signatures on ImageNet, in the order of their years."""

DTW: Final[Mapping[tuple[str, str], tuple[float, float]]] = MappingProxyType(
    {("alexnet", "vgg16"): (0.170, 0.006), ("vgg16", "vgg19"): (0.045, 0.004)}
)
"""Distance and tolerance: the signatures it is computed from are read off to .002."""

METRIC_CORRELATIONS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "cka": (0.33, 0.47),
        "norm_diff": (-0.46, 0.34),
        "sparsity_after": (-0.35, 0.43),
        "entropy_after": (-0.31, 0.41),
        "r2": (0.08, 0.53),
    }
)
"""Correlation of the score with other metrics over the sites of a network: mean, std over 33."""

SHIFT: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"CIFAR10": (0.28, 0.11), "CIFAR100": (0.26, 0.11), "random": (0.77, 0.32)}
)
"""Distance of a network's signature from its signature on ImageNet: mean, std over networks."""

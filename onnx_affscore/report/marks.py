"""How each activation is drawn in every picture: colour by kin, shape by name.

Colours come in three tiers of lightness; within a tier no two activations share a shape, so that
grey paper and any colour vision tell all of them apart. Hues are those of Okabe and Ito (2008).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from onnx_affscore.records import Role, ScoredSite

__all__ = ["KINS", "MARKS", "Kin", "Mark", "is_filled", "mark"]


@dataclass(frozen=True, slots=True)
class Kin:
    """A kind of function and its colour on a light and on a dark ground."""

    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The kin of an activation, and its marker in Matplotlib's letters."""

    kin: str
    shape: str


KINS: Mapping[str, Kin] = {
    "rectifier": Kin("#00569A", "#4DA9E0"),
    "self-gated": Kin("#D55E00", "#F0803C"),
    "exponential": Kin("#26BF93", "#2FC79B"),
    "squashing": Kin("#B8609A", "#E29AC2"),
    "softmax": Kin("#E69F00", "#F2B632"),
    "shrinkage": Kin("#56B4E9", "#8CCDF2"),
    "other": Kin("#3A3A3A", "#B8B8B8"),
}

MARKS: Mapping[str, Mark] = {
    "Relu": Mark("rectifier", "o"),
    "LeakyRelu": Mark("rectifier", "<"),
    "PRelu": Mark("rectifier", ">"),
    "ThresholdedRelu": Mark("rectifier", "v"),
    "SquaredRelu": Mark("rectifier", "D"),
    "Clip": Mark("rectifier", "p"),
    "Gelu": Mark("self-gated", "s"),
    "QuickGelu": Mark("self-gated", "p"),
    "Silu": Mark("self-gated", "D"),
    "Swish": Mark("self-gated", ">"),
    "Mish": Mark("self-gated", "<"),
    "HardSwish": Mark("self-gated", "P"),
    "Elu": Mark("exponential", "^"),
    "Selu": Mark("exponential", "v"),
    "Celu": Mark("exponential", "<"),
    "Softplus": Mark("exponential", "h"),
    "Sigmoid": Mark("squashing", "^"),
    "HardSigmoid": Mark("squashing", "d"),
    "Tanh": Mark("squashing", "v"),
    "Softsign": Mark("squashing", "h"),
    "LogSigmoid": Mark("squashing", "o"),
    "Erf": Mark("squashing", "*"),
    "Softmax": Mark("softmax", "*"),
    "LogSoftmax": Mark("softmax", "d"),
    "SoftShrink": Mark("shrinkage", "s"),
    "HardShrink": Mark("shrinkage", "D"),
    "TanhShrink": Mark("shrinkage", "p"),
    "Abs": Mark("other", "d"),
    "Sign": Mark("other", "P"),
    "Sin": Mark("other", "s"),
    "Exp": Mark("other", "^"),
    "Custom": Mark("other", "h"),
}


def mark(activation: str) -> Mark:
    """Return the mark of an activation; one that is not in the table is drawn as ``Custom``."""
    return MARKS.get(activation, MARKS["Custom"])


def is_filled(site: ScoredSite) -> bool:
    """Tell whether a site is part of the trunk; the marks of all others are hollow."""
    return site.role == Role.HIDDEN

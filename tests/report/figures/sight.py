"""How a colour is seen: its lightness, and what is left of it without red or green cones."""

import numpy as np

from onnx_affscore.records import FloatArray

__all__ = ["EYES", "distance", "lab", "lightness"]

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear sRGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# sRGB (D65) to XYZ, IEC 61966-2-1.
_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def _linear(colour: str) -> FloatArray:
    srgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(colour: str, *, eye: str = "normal") -> FloatArray:
    """Return CIE L*a*b* of a colour as an eye sees it."""
    seen = np.clip(EYES[eye] @ _linear(colour), 0.0, 1.0)
    t = _XYZ @ seen / (_XYZ @ np.ones(3))
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def lightness(colour: str) -> float:
    """Return L*, 0 for black and 100 for white: what is left on grey paper."""
    return float(lab(colour)[0])


def distance(one: str, two: str, *, eye: str) -> float:
    """Return the CIE 1976 difference of two colours; 2.3 is just noticeable."""
    return float(np.linalg.norm(lab(one, eye=eye) - lab(two, eye=eye)))

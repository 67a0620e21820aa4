"""ONE table of activations with flat ends, and the outputs from which on an end is reached.

A bound that is attained (Relu, Clip) is an end; one that is only approached (Tanh) starts within
1 % of the distance between both bounds, or, where there is one (Elu), of its size. Gelu, Silu,
HardSwish and their like have no row: they come near their lower limit in the middle as well, so
that an output does not tell where it lies. To add a family, add a row.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from onnx_affscore.graph.operators import SELU_ALPHA, SELU_GAMMA
from onnx_affscore.records import ActivationSite, TensorLayout

__all__ = ["FLAT", "Ends", "flat_ends", "with_flat_ends"]

Ends: TypeAlias = tuple[float | None, float | None]
"""Outputs up to the first and from the second on lie at a flat end; None where there is none."""

_SHARE: Final = 0.01  # of the way to a bound that is only approached
_ROUNDING: Final = 1e-3  # of half precision


def _between(low: float, high: float, *, share: float = _SHARE) -> Ends:
    margin = share * (high - low)
    return low + margin, high - margin


def _clip(params: Mapping[str, Any]) -> Ends:
    low, high = params.get("min", 0.0), params.get("max", 1.0)  # found up to an affine map: 0, 1
    if low is not None and high is not None:
        return _between(low, high, share=_ROUNDING)
    return (
        None if low is None else low + _ROUNDING * abs(low),
        None if high is None else high - _ROUNDING * abs(high),
    )


def _softcap(params: Mapping[str, Any]) -> Ends:
    cap = params.get("softcap", 1.0)
    return _between(-cap, cap)


FLAT: Final[Mapping[str, Callable[[Mapping[str, Any]], Ends]]] = {
    "Relu": lambda params: (0.0, None),
    "ThresholdedRelu": lambda params: (0.0, None),
    "SquaredRelu": lambda params: (0.0, None),
    "Elu": lambda params: ((_SHARE - 1.0) * params.get("alpha", 1.0), None),
    "Celu": lambda params: ((_SHARE - 1.0) * params["alpha"], None),
    "Selu": lambda params: ((_SHARE - 1.0) * SELU_GAMMA * SELU_ALPHA, None),
    "Sigmoid": lambda params: _between(0.0, 1.0),
    "HardSigmoid": lambda params: _between(0.0, 1.0, share=_ROUNDING),
    "Tanh": _softcap,
    "Softsign": lambda params: _between(-1.0, 1.0),
    "Erf": lambda params: _between(-1.0, 1.0),
    "Clip": _clip,
}


def flat_ends(activation: str, params: Mapping[str, Any]) -> Ends | None:
    """Return the flat ends of an activation, or None where its output does not tell them."""
    if activation not in FLAT:
        return None
    scale, shift = params.get("scale_out", 1.0), params.get("shift_out", 0.0)
    low, high = FLAT[activation](params)
    return (
        None if low is None else scale * low + shift + _ROUNDING * abs(shift),
        None if high is None else scale * high + shift - _ROUNDING * abs(shift),
    )


def with_flat_ends(
    sites: Iterable[ActivationSite], layouts: Mapping[str, TensorLayout]
) -> dict[str, TensorLayout]:
    """Return the layouts, those of outputs with the flat ends of their activation."""
    found = {}
    for site in sites:  # a probe may end where an activation does
        if ends := flat_ends(site.activation, site.params):
            found[site.output] = ends
    return {
        name: replace(layout, flat=found.get(name, layout.flat)) for name, layout in layouts.items()
    }

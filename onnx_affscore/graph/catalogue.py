"""ONE table of activation families: closed forms, and how their parameters are read off a curve.

The order is the contract's: the first form that fits names a region. ``fit`` gets the region's
function as a callable and returns the parameters that the form would need to equal it, or None
where no parameters could; the caller then checks the form on the whole grid. To add a family, add
a row.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from scipy import special

from onnx_affscore.graph.operators import GELU_SCALE, SELU_ALPHA, SELU_GAMMA
from onnx_affscore.records import FloatArray

__all__ = ["FAMILIES", "Curve", "Family", "Parameters"]

Curve: TypeAlias = Callable[[FloatArray], FloatArray]
Parameters: TypeAlias = dict[str, Any]

# Far enough for every saturating family to have reached its limit in float64.
_FAR = 1e4


@final
@dataclass(frozen=True, slots=True)
class Family:
    """A named activation: ``form(x, **parameters)``, elementwise on float64 arrays.

    ``fit`` reads the parameters off a curve. ``operators`` spell the family in one node.
    ``affine`` is the form used up to an affine map, its parameters at their defaults, or None
    where the family is not sought in that way (its parameters are affine themselves).
    """

    name: str
    form: Callable[..., FloatArray]
    fit: Callable[[Curve], Parameters | None]
    operators: tuple[str, ...] = ()
    affine: Callable[[FloatArray], FloatArray] | None = None


def _at(f: Curve, x: float) -> float:
    return float(f(np.array([x]))[0])


def _none(_f: Curve) -> Parameters:
    return {}


def _between(value: float, low: float, high: float) -> bool:
    return math.isfinite(value) and low < value < high


def relu(x: FloatArray) -> FloatArray:
    """max(x, 0)."""
    return np.maximum(x, 0)


def leaky_relu(x: FloatArray, alpha: float) -> FloatArray:
    """X for x >= 0, alpha x below."""
    return np.where(x < 0, alpha * x, x)


def _fit_leaky(f: Curve) -> Parameters | None:
    alpha = -_at(f, -1.0)
    return {"alpha": alpha} if _between(alpha, -0.999, 1) and alpha else None


def _fit_prelu(f: Curve) -> Parameters | None:
    slope = -_at(f, -1.0)
    return {"slope": slope} if _between(slope, -0.999, 1e3) and slope not in (0.0, 1.0) else None


def prelu(x: FloatArray, slope: float) -> FloatArray:
    """X for x >= 0, slope x below; the slope was learned, one for each channel."""
    return leaky_relu(x, slope)


def thresholded_relu(x: FloatArray, alpha: float) -> FloatArray:
    """X above alpha, 0 elsewhere."""
    return np.where(x > alpha, x, 0.0)


def _jump(f: Curve) -> float | None:
    """Return the threshold in (0, 64) above which a curve is no longer zero, by bisection."""
    low, high = 1e-6, 64.0
    if _at(f, low) != 0 or _at(f, high) == 0:
        return None
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _at(f, middle) == 0 else (low, middle)
    return float(f"{high:.9g}")


def _fit_jump(name: str) -> Callable[[Curve], Parameters | None]:
    def fit(f: Curve) -> Parameters | None:
        threshold = _jump(f)
        return None if threshold is None else {name: threshold}

    return fit


def elu(x: FloatArray, alpha: float = 1.0) -> FloatArray:
    """X for x > 0, alpha (exp x - 1) below."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _fit_elu(f: Curve) -> Parameters | None:
    alpha = _at(f, -1.0) / math.expm1(-1.0)
    return {"alpha": alpha} if _between(alpha, 1e-6, 1e6) else None


def celu(x: FloatArray, alpha: float) -> FloatArray:
    """X for x > 0, alpha (exp(x / alpha) - 1) below."""
    return alpha * elu(x / alpha)


def _fit_celu(f: Curve) -> Parameters | None:
    alpha = -_at(f, -_FAR)
    return {"alpha": alpha} if _between(alpha, 1e-3, _FAR / 50) else None


def selu(x: FloatArray) -> FloatArray:
    """gamma elu(x; alpha) with the self-normalising constants."""
    return SELU_GAMMA * elu(x, SELU_ALPHA)


def sigmoid(x: FloatArray) -> FloatArray:
    """1 / (1 + exp(-x))."""
    return np.asarray(special.expit(x))


def hard_sigmoid(x: FloatArray, alpha: float = 1 / 6, beta: float = 0.5) -> FloatArray:
    """Clip alpha x + beta to [0, 1]."""
    return np.clip(alpha * x + beta, 0.0, 1.0)


def _fit_hard_sigmoid(f: Curve) -> Parameters | None:
    beta = _at(f, 0.0)
    alpha = (_at(f, 0.25) - _at(f, -0.25)) / 0.5
    # beta = 1/2 in every definition in use; other bounded lines are Clips.
    return (
        {"alpha": alpha, "beta": beta}
        if (_between(alpha, 0.01, 0.99) and abs(beta - 0.5) < 1e-3)
        else None
    )


def tanh(x: FloatArray, softcap: float | None = None) -> FloatArray:
    """Hyperbolic tangent; with a soft cap c, c tanh(x / c)."""
    return np.tanh(x) if softcap is None else softcap * np.tanh(x / softcap)


def _fit_tanh(f: Curve) -> Parameters | None:
    cap = _at(f, _FAR)
    if abs(cap - 1) < 1e-3:
        return {}
    return {"softcap": cap} if _between(cap, 1e-3, _FAR / 20) else None


def softplus(x: FloatArray) -> FloatArray:
    """log(1 + exp x)."""
    return np.logaddexp(0.0, x)


def softsign(x: FloatArray) -> FloatArray:
    """X / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


def mish(x: FloatArray) -> FloatArray:
    """X tanh(softplus x)."""
    return x * np.tanh(softplus(x))


def gelu(x: FloatArray, approximate: str = "none") -> FloatArray:
    """X Phi(x), Phi the normal distribution function, or its tanh approximation."""
    if approximate == "tanh":
        return np.asarray(0.5 * x * (1 + np.tanh(GELU_SCALE * (x + 0.044715 * x**3))))
    return np.asarray(x * special.ndtr(x))


def _fit_gelu(f: Curve) -> Parameters | None:
    # The two forms differ most, by 4.7e-4, near x = 2.3; both are checked on the grid afterwards.
    x = np.array([-2.3, 2.3])
    errors = {a: float(np.abs(f(x) - gelu(x, a)).max()) for a in ("none", "tanh")}
    return {"approximate": min(errors, key=lambda a: errors[a])}


def silu(x: FloatArray) -> FloatArray:
    """X sigmoid(x)."""
    return x * sigmoid(x)


def swish(x: FloatArray, beta: float) -> FloatArray:
    """X sigmoid(beta x)."""
    return x * sigmoid(beta * x)


def quick_gelu(x: FloatArray) -> FloatArray:
    """X sigmoid(1.702 x)."""
    return swish(x, 1.702)


def _fit_swish(f: Curve) -> Parameters | None:
    gate = _at(f, 1.0)
    if not _between(gate, 0.5, 1):
        return None
    beta = float(special.logit(gate))
    return {"beta": beta} if _between(beta, 1e-3, 30) else None


def hard_swish(x: FloatArray) -> FloatArray:
    """X hard_sigmoid(x)."""
    return x * hard_sigmoid(x)


def clip(x: FloatArray, min: float | None = None, max: float | None = None) -> FloatArray:
    """X held between min and max; None leaves that side open."""
    low = x if min is None else np.maximum(x, min)
    return low if max is None else np.minimum(low, max)


def _fit_clip(f: Curve) -> Parameters | None:
    low, high = _at(f, -_FAR), _at(f, _FAR)
    bounds = {
        "min": None if low <= -_FAR else low,
        "max": None if high >= _FAR else high,
    }
    ordered = low < high and math.isfinite(low) and math.isfinite(high)
    return bounds if ordered and bounds != {"min": None, "max": None} else None


def soft_shrink(x: FloatArray, lambd: float = 0.5) -> FloatArray:
    """X moved towards 0 by lambd, 0 within it."""
    return x - np.clip(x, -lambd, lambd)


def _fit_soft_shrink(f: Curve) -> Parameters | None:
    lambd = 100.0 - _at(f, 100.0)
    return {"lambd": lambd} if _between(lambd, 1e-6, 50) else None


def hard_shrink(x: FloatArray, lambd: float = 0.5) -> FloatArray:
    """X, 0 where |x| <= lambd."""
    return np.where(np.abs(x) > lambd, x, 0.0)


def tanh_shrink(x: FloatArray) -> FloatArray:
    """X - tanh x."""
    return x - np.tanh(x)


def log_sigmoid(x: FloatArray) -> FloatArray:
    """log sigmoid(x) = -softplus(-x)."""
    return -softplus(-x)


def squared_relu(x: FloatArray) -> FloatArray:
    """max(x, 0)^2."""
    return np.asarray(relu(x) ** 2)


def erf(x: FloatArray) -> FloatArray:
    """Error function."""
    return np.asarray(special.erf(x))


ORT_GELUS = ("com.microsoft::Gelu", "com.microsoft::FastGelu", "com.microsoft::BiasGelu")

# name, form, fit, operators that spell it, form used up to an affine map
FAMILIES: tuple[Family, ...] = (
    Family("Relu", relu, _none, ("Relu",), relu),
    Family("LeakyRelu", leaky_relu, _fit_leaky, ("LeakyRelu",)),
    Family("PRelu", prelu, _fit_prelu, ("PRelu",)),
    Family("ThresholdedRelu", thresholded_relu, _fit_jump("alpha"), ("ThresholdedRelu",)),
    Family("Elu", elu, _fit_elu, ("Elu",), elu),
    Family("Selu", selu, _none, ("Selu",), selu),
    Family("Celu", celu, _fit_celu, ("Celu",)),
    Family("Sigmoid", sigmoid, _none, ("Sigmoid",), sigmoid),
    Family("HardSigmoid", hard_sigmoid, _fit_hard_sigmoid, ("HardSigmoid",)),
    Family("Tanh", tanh, _fit_tanh, ("Tanh", "ScaledTanh"), np.tanh),
    Family("Softplus", softplus, _none, ("Softplus", "ParametricSoftplus"), softplus),
    Family("Softsign", softsign, _none, ("Softsign",), softsign),
    Family("Mish", mish, _none, ("Mish",), mish),
    Family("Gelu", gelu, _fit_gelu, ("Gelu", *ORT_GELUS), gelu),
    Family("QuickGelu", quick_gelu, _none, ("com.microsoft::QuickGelu",)),
    Family("Silu", silu, _none, (), silu),
    Family("Swish", swish, _fit_swish, ("Swish",)),
    Family("HardSwish", hard_swish, _none, ("HardSwish",), hard_swish),
    Family("Clip", clip, _fit_clip, ("Clip",), lambda x: clip(x, 0.0, 1.0)),
    Family("SoftShrink", soft_shrink, _fit_soft_shrink, (), soft_shrink),
    Family("HardShrink", hard_shrink, _fit_jump("lambd"), (), hard_shrink),
    Family("TanhShrink", tanh_shrink, _none, (), tanh_shrink),
    Family("LogSigmoid", log_sigmoid, _none, (), log_sigmoid),
    Family("SquaredRelu", squared_relu, _none, (), squared_relu),
    Family("Erf", erf, _none, ("Erf",), erf),
    Family("Sin", np.sin, _none, ("Sin",), np.sin),
    Family("Exp", np.exp, _none, ("Exp",), np.exp),
    Family("Abs", np.abs, _none, ("Abs",), np.abs),
    Family("Sign", np.sign, _none, ("Sign",), np.sign),
)  # fmt: skip

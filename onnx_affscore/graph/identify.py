"""Name a scalar function by its values: closed forms first, then up to a positive affine map.

A curve is evaluated on a grid, dense in -8..8 and thin in the tails, and compared with every
family of :mod:`onnx_affscore.graph.catalogue` in turn. How the graph spells it does not matter.
"""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import final

import numpy as np
from scipy import optimize

from onnx_affscore.graph.catalogue import FAMILIES, Curve, Family, Parameters
from onnx_affscore.records import FloatArray

__all__ = [
    "Identity",
    "affine_map",
    "custom",
    "exact",
    "fingerprint",
    "is_finite",
    "is_polynomial",
    "up_to_affine",
]

# Off the round numbers, so that no point falls on a jump (HardShrink at 0.5, Sign at 0).
_DENSE = np.linspace(-8.0, 8.0, 513) + 0.00137
_TAILS = np.concatenate([-np.geomspace(1000.0, 9.3, 12), np.geomspace(9.3, 1000.0, 12)])
_GRID = np.concatenate([_DENSE, _TAILS])
_COARSE = _DENSE[::16]

# A tenth of a percent separates the closest pair of families (the two GELUs: 4.7e-4 absolute);
# constants rounded to half precision move a curve by up to 1e-3 of its value.
_TOLERANCE = 2e-4
_HALF_TOLERANCE = 2e-3
# An affine piece is affine to the rounding of float32 constants.
_AFFINE_TOLERANCE = 1e-6


@final
@dataclass(frozen=True, slots=True)
class Identity:
    """What a curve is: a family, its parameters, and the affine map around it, if any.

    ``params`` may hold ``scale_in``, ``shift_in``, ``scale_out`` and ``shift_out``:
    y = scale_out * f(scale_in * x + shift_in) + shift_out.
    """

    name: str
    params: Parameters = field(default_factory=dict)


def _values(f: Curve, x: FloatArray) -> FloatArray:
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(f(x), dtype=np.float64), x.shape)


def _close(y: FloatArray, z: FloatArray, tolerance: float) -> bool:
    """Whether two curves agree on the grid; in the tails, overflowing points are left out."""
    finite = np.isfinite(y) & np.isfinite(z)
    if not finite[: _DENSE.size].all():
        return False
    y, z = y[finite], z[finite]
    return bool(np.all(np.abs(y - z) <= tolerance * (1 + np.abs(z))))


def affine_map(f: Curve) -> tuple[float, float] | None:
    """Return (a, b) where f(x) = a x + b on the whole grid, else None.

    The tails count where they are finite: a Clip at 10 bends, one at the bounds of half precision
    does not.
    """
    y = _values(f, _GRID)
    dense = y[: _DENSE.size]
    if not np.isfinite(dense).all():
        return None
    slope = float((dense[-1] - dense[0]) / (_DENSE[-1] - _DENSE[0]))
    offset = float(dense.mean() - slope * _DENSE.mean())
    scale = np.full_like(y, max(float(np.abs(dense).max()), 1e-30))
    scale[_DENSE.size :] += np.abs(slope * _TAILS)
    finite = np.isfinite(y)
    error = np.abs(y[finite] - slope * _GRID[finite] - offset)
    return (slope, offset) if (error <= _AFFINE_TOLERANCE * scale[finite]).all() else None


def is_polynomial(f: Curve, degree: int = 6) -> bool:
    """Whether a curve is a polynomial: a power or a product, not an activation by itself."""
    y = _values(f, _DENSE)
    if not np.isfinite(y).all():
        return False
    basis = np.polynomial.chebyshev.chebvander(_DENSE / 8.01, degree)
    residual = y - basis @ np.linalg.lstsq(basis, y)[0]
    return bool(np.abs(residual).max() <= 1e-9 * max(float(np.abs(y).max()), 1e-30))


def is_finite(f: Curve) -> bool:
    """Whether a curve is finite on the dense grid and at 0 (a root or a quotient is not)."""
    return bool(np.isfinite(_values(f, np.append(_DENSE, 0.0))).all())


def exact(f: Curve, *, operators: Collection[str] = (), half: bool = False) -> Identity | None:
    """Return the first family whose closed form equals the curve on the grid.

    ``operators`` are those that spell it: where a lone operator is a family's own, that family
    goes first, so that a PRelu with one slope is not called a LeakyRelu. ``half`` says that the
    constants were rounded to half precision.
    """
    y = _values(f, _GRID)
    if not np.isfinite(y[: _DENSE.size]).all():
        return None
    own = [g for g in FAMILIES if len(operators) == 1 and set(operators) & set(g.operators)]
    for tolerance in (_TOLERANCE, _HALF_TOLERANCE)[: 1 + half]:
        for family in _in_order(own):
            params = family.fit(f)
            if params is not None and _close(y, _values(_form(family, params), _GRID), tolerance):
                return Identity(family.name, {k: _plain(v) for k, v in params.items()})
    return None


def _in_order(own: list[Family]) -> list[Family]:
    # Relu stays first even for a LeakyRelu or Clip operator whose parameters make it one, and
    # Silu for a Swish operator: an operator's own family goes in front of its equals only.
    leaky = [g for g in own if g.name in ("PRelu", "Clip", "HardSigmoid")]
    return [FAMILIES[0], *leaky, *(g for g in FAMILIES[1:] if g not in leaky)]


def _form(family: Family, params: Parameters) -> Curve:
    return lambda x: family.form(x, **params)


def _plain(value: object) -> object:
    return float(f"{value:.7g}") if isinstance(value, float) else value


def up_to_affine(
    f: Curve, *, operators: Collection[str] = (), half: bool = False
) -> Identity | None:
    """Return the first family that equals the curve up to y = a g(b x + c) + d, a, b > 0.

    Families whose own operator is among ``operators`` are tried first (tanh is a sigmoid up to an
    affine map, and should be called what the file calls it).
    """
    y = _values(f, _GRID)
    dense = y[: _DENSE.size]
    if not np.isfinite(dense).all() or np.ptp(dense) == 0:
        return None
    tolerance = _HALF_TOLERANCE if half else _TOLERANCE
    ordered = sorted(FAMILIES, key=lambda g: not set(operators) & set(g.operators))
    for family in ordered:
        if family.affine is None:
            continue
        found = _fit_affine(dense, family.affine)
        if found is None:
            continue
        a, b, c, d = found
        if (
            a > 0
            and b > 0
            and _close(
                y / np.abs(dense).max(),
                (a * _values(family.affine, b * _GRID + c) + d) / np.abs(dense).max(),
                tolerance,
            )
        ):
            names = ("scale_out", "scale_in", "shift_in", "shift_out")
            return Identity(
                family.name, {n: _plain(float(v)) for n, v in zip(names, found, strict=True)}
            )
    return None


def _fit_affine(
    y: FloatArray, form: Callable[[FloatArray], FloatArray]
) -> tuple[float, float, float, float] | None:
    """Fit y = a g(b x + c) + d by least squares over (b, c), a and d being linear."""
    x, y = _DENSE[::4], y[::4]

    def linear(b: float, c: float) -> tuple[FloatArray, FloatArray]:
        basis = np.stack([_values(form, b * x + c), np.ones_like(x)], axis=1)
        weights = np.linalg.lstsq(basis, y)[0]
        return np.asarray(weights, np.float64), basis @ weights - y

    def residual(theta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            r = linear(float(np.exp(theta[0])), float(theta[1]))[1]
        return np.where(np.isfinite(r), r, 1e6)

    starts = [(np.log(b), c) for b in (0.25, 1.0, 4.0) for c in (0.0, 2.0, -2.0)]
    scored = sorted(starts, key=lambda s: float(np.square(residual(np.array(s))).sum()))
    scale = float(np.abs(y).max())
    for start in scored[:2]:
        found = optimize.least_squares(residual, start, bounds=([-5, -60], [5, 60]), max_nfev=60)
        if np.abs(found.fun).max() <= 1e-2 * scale:
            b, c = float(np.exp(found.x[0])), float(found.x[1])
            a, d = linear(b, c)[0]
            return float(a), b, c, float(d)
    return None


def fingerprint(f: Curve) -> str:
    """Return a hash of a curve's values: three digits on a coarse grid.

    Coarse, so that the rounding of constants to the model's precision does not change it.
    """
    y = _values(f, _COARSE)
    peak = float(np.abs(y[np.isfinite(y)]).max(initial=0.0)) or 1.0
    text = ",".join(f"{v:.3f}" for v in np.round(y / peak, 3) + 0.0)
    return hashlib.sha256(f"{peak:.2e}:{text}".encode()).hexdigest()[:16]


def custom(f: Curve) -> Identity:
    """Return the name for a curve that is no family: Custom, with its fingerprint."""
    return Identity("Custom", {"fingerprint": fingerprint(f)})

"""Prove that a model's own outputs are unchanged by the taps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from onnx_affscore.records import Array

__all__ = ["Verdict", "alike", "verify"]

Run = Callable[[], Mapping[str, Any]]

# Sums are taken in another order where a tap keeps the runtime from fusing operators: a few
# units in the last place of the largest value, per layer.
_ROUNDING = 64


@final
@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the outputs are the same, and if not, or not to the bit, in which way."""

    unchanged: bool
    note: str | None = None


def verify(
    tapped: Mapping[str, Any], *, original: Run, unoptimised: Run, names: Sequence[str]
) -> Verdict:
    """Compare the outputs of the instrumented run with those of the model as it is.

    Equal to the bit is proof. Otherwise they may differ by no more than twice what ONNX Runtime's
    own optimisations change (the same model without them), or by rounding. A model that differs
    from itself is not deterministic.
    """
    first = original()
    if all(_same(tapped[n], first[n]) for n in names):
        return Verdict(True)
    if not alike(original(), {n: first[n] for n in names}):
        return Verdict(False, "the model is not deterministic: two runs on the same data differ")
    plain = unoptimised()
    for name in names:
        off, allowed = _distance(tapped[name], first[name]), _distance(plain[name], first[name])
        limit = 2 * allowed + _rounding(first[name])
        if not off <= limit:
            return Verdict(
                False,
                f"output {name!r} changed by {off:.3g} with the taps in place, more than the"
                f" {limit:.3g} that rounding and ONNX Runtime's own optimisations account for",
            )
    return Verdict(True, "outputs equal to rounding: the taps keep ONNX Runtime from some fusions")


def alike(outputs: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether the wanted outputs have the same bits as those of another run."""
    return all(_same(outputs[name], value) for name, value in wanted.items())


def _same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and _equal(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    return bool(a == b) or (a != a and b != b)  # noqa: PLR0124 - NaN equals itself here


def _equal(a: Array, b: Array) -> bool:
    if a.dtype.kind in "OSU":
        return bool((a == b).all())
    return a.tobytes() == b.tobytes()


def _distance(a: Any, b: Any) -> float:
    numbers = all(isinstance(v, np.ndarray) and v.dtype.kind in "fV" for v in (a, b))
    if not numbers or a.shape != b.shape:
        return 0.0 if _same(a, b) else float("inf")
    x, y = a.astype(np.float64), b.astype(np.float64)
    if not np.array_equal(np.isnan(x), np.isnan(y)):
        return float("inf")
    with np.errstate(invalid="ignore"):
        gap = np.where(x == y, 0.0, np.abs(x - y))
    return float(np.nanmax(gap, initial=0.0))


def _rounding(a: Any) -> float:
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return 0.0
    finite = np.abs(a[np.isfinite(a)]).astype(np.float64)
    return float(_ROUNDING * np.finfo(a.dtype).eps * finite.max(initial=0.0))

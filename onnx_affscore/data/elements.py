"""Element types: NumPy's side of a declared type, and which casts lose nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import ml_dtypes
import numpy as np

from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, TensorSpec

__all__ = ["Cast", "Dtype", "cast", "element_type", "kind_of"]

Dtype: TypeAlias = np.dtype[np.generic]

_PLAIN = frozenset(
    {"bool", "float16", "float32", "float64", "complex64", "complex128"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)
_BFLOAT16: Dtype = np.dtype(ml_dtypes.bfloat16)
_KINDS = {"U": "text", "S": "text", "T": "text", "O": "Python objects", "M": "dates", "m": "dates"}
_NUMBERS = {"b": "bool", "i": "int", "u": "int", "f": "float", "c": "complex"}


@dataclass(frozen=True, slots=True)
class Cast:
    """How to read elements as another type: ``apply`` raises DataError where a value is lost.

    ``numbers``: other numbers may come of it, as a note says.
    """

    apply: Callable[[Array], Array]
    note: str | None = None
    numbers: bool = False


def element_type(spec: TensorSpec) -> Dtype:
    """NumPy's type for a declared one; text is held as objects.

    Raises
    ------
    DataError
        The input is no tensor, or its elements have no NumPy type that can be fed.
    """
    if spec.dtype == "string":
        return np.dtype(object)
    if spec.dtype == "bfloat16":
        return _BFLOAT16
    if spec.dtype in _PLAIN:
        return np.dtype(spec.dtype)
    raise DataError(
        f"input '{spec.name}' is declared as {spec.dtype}, and only tensors of bool, integers, "
        f"floats and text can be fed; convert the model so that it takes such a tensor"
    )


def kind_of(dtype: Dtype) -> str:
    """One word for a family of types: bool, int, float, complex, text, ..."""
    if dtype.name == "bfloat16":
        return "float"
    return _NUMBERS.get(dtype.kind) or _KINDS.get(dtype.kind) or f"records ({dtype})"


def cast(found: Dtype, spec: TensorSpec, *, where: str) -> Cast:
    """The way from ``found`` to the declared type, which keeps every value or refuses.

    Floats may be rounded to narrower floats, and integers become floats; both with a note.
    Floats never become integers; integers that may not fit are looked at as they are read.
    """
    wanted = element_type(spec)
    have = kind_of(found)
    if spec.dtype == "string":
        if have not in ("text", "Python objects"):
            raise _refusal(found, spec, where, "give text, for example a NumPy array of str")
        return Cast(lambda a: _as_text(a, where))
    if found.newbyteorder("=") == wanted:
        return Cast(lambda a: a.astype(wanted, copy=False))
    apply = _conversion(found, wanted, where)
    if apply is None:
        raise _refusal(found, spec, where, _cure(have, spec))
    return Cast(apply, f"{where}: {found} read as {spec.dtype}", have in _NUMBERS.values())


def _conversion(found: Dtype, wanted: Dtype, where: str) -> Callable[[Array], Array] | None:
    """The conversion that loses nothing that matters, None where there is none."""
    have, want = kind_of(found), kind_of(wanted)
    if wanted == _BFLOAT16 and found.kind == "V" and found.itemsize == 2:
        return lambda a: a.view(wanted)  # what np.save makes of bfloat16
    if want == "float" and have in ("bool", "int", "float"):
        return lambda a: _rounded(a, wanted, where)
    if want in ("int", "bool") and have in ("int", "bool"):
        if np.can_cast(found, wanted):
            return lambda a: a.astype(wanted)
        return lambda a: _exact(a, wanted, where)
    return None


def _cure(have: str, spec: TensorSpec) -> str:
    if have == "float":
        return f"if its numbers are whole, convert it: x.astype('{spec.dtype}')"
    if have == "complex":
        return "give real and imaginary part, or the modulus, as the model expects"
    return f"save it as a plain array of {spec.dtype}"


def _refusal(found: Dtype, spec: TensorSpec, where: str, cure: str) -> DataError:
    kind = kind_of(found)
    what = str(found) if kind in _NUMBERS.values() else kind
    return DataError(f"{where}: found {what}, but input '{spec.name}' wants {spec.dtype}; {cure}")


def _rounded(array: Array, wanted: Dtype, where: str) -> Array:
    try:
        with np.errstate(over="raise"):
            return array.astype(wanted)
    except FloatingPointError as exc:
        raise DataError(
            f"{where}: found values too large for {wanted} (largest {np.nanmax(np.abs(array)):g}), "
            f"which the model wants; scale the data as the model was trained on"
        ) from exc


def _exact(array: Array, wanted: Dtype, where: str) -> Array:
    result: Array = array.astype(wanted)
    lost = result.astype(array.dtype) != array
    if not np.issubdtype(wanted, np.bool_):
        lost |= (result < 0) != (array < 0)  # 2**63 as uint64 comes back the same from int64
    if lost.any():
        raise DataError(
            f"{where}: found {array[lost].flat[0]} ({array.dtype}), which is no {wanted}, as the "
            f"model wants; check that this array belongs to this input"
        )
    return result


def _as_text(array: Array, where: str) -> Array:
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as exc:
            raise DataError(f"{where}: found bytes that are no UTF-8 ({exc}); give str") from exc
    result = array.astype(object)
    odd = next((x for x in result.flat if not isinstance(x, str)), None)
    if odd is not None:
        raise DataError(f"{where}: found {odd!r} among text; give str elements only")
    return result

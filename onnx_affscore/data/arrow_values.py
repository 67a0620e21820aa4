"""From Arrow's arrays and types to NumPy's, with what is missing told apart."""

from typing import Any, Final

import numpy as np

from onnx_affscore.data.elements import Dtype
from onnx_affscore.errors import MissingExtraError
from onnx_affscore.records import Array

__all__ = [
    "PICTURES",
    "arrow",
    "encode",
    "holds_bytes",
    "kind_of",
    "list_of",
    "numpy_type",
    "values_of",
    "whole",
]

PICTURES: Final = "pictures"
"""The kind of a column whose values are files of pictures."""


def arrow() -> Any:
    """The module pyarrow; MissingExtraError where it is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.ipc
    except ImportError as exc:
        raise MissingExtraError(
            "pyarrow", extra="parquet", purpose="reading Parquet and Arrow files"
        ) from exc
    return pa


def _plain(column: Any) -> Array:
    """The values of an Arrow array of numbers or text, zero and empty where they are missing."""
    pa = arrow()
    kind = column.type
    if pa.types.is_decimal(kind):
        column, kind = column.cast(pa.float64()), pa.float64()
    fill: Any = "" if kind_of(kind) == "text" else pa.scalar(0).cast(kind)
    found: Array = column.fill_null(fill).to_numpy(zero_copy_only=False)
    return found


def values_of(column: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Values (n, *shape) of an Arrow array, and which of them are whole and finite."""
    pa = arrow()
    if not shape:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        values = _plain(column)
        good = ~column.is_null().to_numpy(zero_copy_only=False)
        if values.dtype.kind == "f":
            good &= np.isfinite(values)
        return values, good
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).fill_null(-1).to_numpy(zero_copy_only=False)
    good = lengths == shape[0]
    inner, fine = values_of(whole(column.filter(pa.array(good)).flatten()), shape[1:])
    values = np.zeros((len(column), *shape), inner.dtype)
    values[good] = inner.reshape(-1, *shape)
    good[good] = fine.reshape(-1, shape[0]).all(1)
    return values, good


def encode(column: Any) -> tuple[list[Any], Array] | None:
    """The values that an Arrow array takes, and the place in them of each of its own.

    The place of what is missing is behind the last; None for lists, structures and their like.
    """
    types = arrow().types
    encoded = types.is_dictionary(column.type)
    if types.is_nested(column.type.value_type if encoded else column.type):
        return None
    column = column if encoded else column.dictionary_encode()
    values = column.dictionary.to_pylist()
    # The type of the indices may end at the last of the values.
    places = column.indices.cast("int64").fill_null(len(values))
    return values, places.to_numpy(zero_copy_only=False)


def whole(column: Any) -> Any:
    """One array without chunks, of what an extension type stores."""
    pa = arrow()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return getattr(column, "storage", column)


def list_of(kind: Any) -> Any:
    """What a list type is a list of, None for other types."""
    types = arrow().types
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return kind.value_type if any(is_one(kind) for is_one in lists) else None


def holds_bytes(kind: Any) -> bool:
    """Whether values are bytes, or as Hugging Face's library has files: bytes and their path."""
    types = arrow().types
    if types.is_struct(kind):
        fields = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        return fields.keys() == {"bytes", "path"} and holds_bytes(fields["bytes"])
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def kind_of(kind: Any) -> str:
    """The kind of a column's elements, or the name of a type that cannot be fed."""
    types = arrow().types
    if types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if types.is_boolean(kind):
        return "flag"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    return str(kind)


def numpy_type(kind: Any) -> Dtype:
    """The type of the array that :func:`values_of` makes of numbers or truth values."""
    types = arrow().types
    if types.is_dictionary(kind):
        return numpy_type(kind.value_type)
    found: Dtype = np.dtype(np.float64 if types.is_decimal(kind) else kind.to_pandas_dtype())
    return found

"""What Hugging Face's library says of the columns of a table that it wrote: classes, pictures."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from onnx_affscore.given_json import parsed

__all__ = ["Features", "class_names", "features_of", "holds_pictures"]

Features: TypeAlias = Mapping[str, Any]
"""By column, what ``dataset_info.json`` and the schema of a file say of it."""

# Where the library puts them among a schema's metadata.
_KEY: Final = b"huggingface"
# How files of pictures begin, for columns of which nothing is said.
_BEGINNINGS: Final = (
    b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*",
)  # fmt: skip
_WEBP: Final = b"WEBP"


def features_of(schema: Any) -> Features:
    """The features in the metadata of an Arrow schema, none where it has no such or broken ones."""
    try:
        told = parsed((schema.metadata or {}).get(_KEY, b"{}"))
        found = told["info"]["features"]
    except (ValueError, LookupError, TypeError):
        return {}
    return found if isinstance(found, Mapping) else {}


def class_names(features: Features) -> dict[str, list[str]]:
    """The names of the classes of every column of classes."""
    return {
        name: [str(c) for c in names] if isinstance(names := feature.get("names"), list) else []
        for name, feature in features.items()
        if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel"
    }


def holds_pictures(feature: Any, first: Callable[[], object]) -> bool:
    """Whether a column of bytes holds pictures: as is said of it, else by its first value."""
    if isinstance(feature, Mapping) and feature.get("_type") not in (None, "Value"):
        return bool(feature["_type"] == "Image")
    value = first()
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if not isinstance(value, bytes) or not value.startswith(_BEGINNINGS):
        return False
    return not value.startswith(b"RIFF") or value[8:12] == _WEBP  # sound is RIFF, too

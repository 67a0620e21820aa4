"""Which signature is called what: each one wants exactly one label."""

from collections.abc import Sequence

from onnx_affscore.errors import OptionError
from onnx_affscore.records import Signature
from onnx_affscore.report.notes import model_name

__all__ = ["titled"]


def titled(
    signatures: Signature | Sequence[Signature], labels: Sequence[str] | None
) -> list[tuple[str, Signature]]:
    """Pair signatures with their labels, the models' file names where there are none."""
    many = [signatures] if isinstance(signatures, Signature) else list(signatures)
    titles = [model_name(s) for s in many] if labels is None else list(labels)
    if not many or len(titles) != len(many):
        raise OptionError(
            f"cannot draw {len(many)} signature(s) with {len(titles)} label(s); "
            "give at least one signature, and one label for each"
        )
    return list(zip(titles, many, strict=True))

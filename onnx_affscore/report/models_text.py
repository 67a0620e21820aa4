"""A line a model: the statistics of several signatures, below their tables."""

from collections.abc import Sequence

from onnx_affscore.records import Signature
from onnx_affscore.report.names import printable
from onnx_affscore.report.notes import number
from onnx_affscore.report.text_table import columns

__all__ = ["models_text"]

_STATISTICS = ("mean", "std", "min", "max", "median")


def models_text(members: Sequence[tuple[str, Signature]], *, width: int = 80) -> str:
    """Render named signatures as a table, none where there are fewer than two."""
    if len(members) < 2:
        return ""
    rows = [
        (
            str(place),
            printable(name),
            f"{signature.summary['scored']}/{signature.summary['sites']}",
            *(number(signature.summary[statistic]) for statistic in _STATISTICS),
        )
        for place, (name, signature) in enumerate(members, start=1)
    ]
    header = ("#", "model", "scored", *_STATISTICS)
    lines = ["Models", *columns(header, rows, "rl" + "r" * (len(header) - 2), width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"

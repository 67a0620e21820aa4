"""Which family has which look: in the order in which families first appear."""

from collections.abc import Mapping, Sequence

from onnx_affscore.report.figures.styles import Look, look

__all__ = ["group_looks"]


def group_looks(groups: Sequence[str]) -> Mapping[str, Look]:
    """Give each family its look."""
    return {name: look(place) for place, name in enumerate(dict.fromkeys(groups))}

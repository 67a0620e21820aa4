"""How to tap a model so that it runs about as fast as without taps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import final

from onnx_affscore.graph.bundling import Shape
from onnx_affscore.graph.commuting import Commuted, commuted
from onnx_affscore.graph.commuting_rules import RULES
from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.view import GraphView
from onnx_affscore.records import ActivationSite, TensorLayout

__all__ = ["Lean", "plan_lean"]

# Older operators broadcast and train by attributes that the rules do not read.
_FIRST_OPSET_WITH_RULES = 9


@final
@dataclass(frozen=True, slots=True)
class Lean:
    """What a lean instrumentation knows beyond the layouts.

    ``ways``: tensors whose pooled mean is taken elsewhere in the graph; ``shapes``: those of
    tensors with channels and positions, where the graph fixes all but the first axis.
    """

    ways: Mapping[str, Commuted] = field(default_factory=dict)
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def without(self, tensors: Iterable[str]) -> "Lean":
        """Return the same with some tensors pooled where they stand."""
        kept = set(self.ways) - set(tensors)
        return Lean({t: w for t, w in self.ways.items() if t in kept}, self.shapes)


def plan_lean(
    model: LoadedModel,
    sites: Iterable[ActivationSite],
    layouts: Mapping[str, TensorLayout],
    *,
    pool: str,
) -> Lean:
    """Return where the features of each site are cheapest to take.

    Only shapes that the graph itself fixes count: those of a probe run may change with the data.
    """
    view = GraphView(model.proto.graph, types=types_of(infer(model.proto)), folder=model.folder)
    versions = {o.domain or "ai.onnx": o.version for o in model.proto.opset_import}
    ruled = pool == "mean" and versions.get("ai.onnx", 0) >= _FIRST_OPSET_WITH_RULES
    ways = commuted(view, sites, layouts, RULES) if ruled else {}
    sources = (source.tensor for way in ways.values() for source in way.sources)
    shapes = {}
    for name in dict.fromkeys((*layouts, *sources)):
        first, *others = view.shape(name) or (None,)
        fixed = tuple(size for size in others if isinstance(size, int))
        if first is not None and len(fixed) == len(others) > 1:
            shapes[name] = (first, *fixed)
    return Lean(ways, shapes)

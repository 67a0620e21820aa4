"""Search one graph for activations: its regions cut into pieces, look-alikes refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from onnx_affscore.graph.clamps import implicit_clamps
from onnx_affscore.graph.context import Context
from onnx_affscore.graph.lookalikes import refusal
from onnx_affscore.graph.regions import DEEPEST, Cone, Regions
from onnx_affscore.graph.segment import Piece, Segmenter
from onnx_affscore.graph.view import GraphView, attributes
from onnx_affscore.records import Role

__all__ = ["NORMALISING", "Found", "Search"]

# Activations that are no function of one number, and those whose parameters may be tensors.
NORMALISING = ("Softmax", "LogSoftmax")
_TENSOR_PARAMETERS = ("PRelu", "Clip")
# Functions of a channel that count as one activation when all channels have the same family.
_CHANNELWISE = ("LeakyRelu", "PRelu", "Relu", "Swish", "Silu")
_MOST_CHANNELS = 4096


@final
@dataclass(frozen=True, slots=True)
class Found:
    """An activation in one graph: its tensors, its nodes by position, and what it computes.

    ``role`` is given where the graph around does not tell it.
    """

    input: str
    output: str
    nodes: tuple[int, ...]
    activation: str
    params: dict[str, Any]
    role: Role | None = None


@final
class Search:
    """Finds the activations of one view; ``refused`` holds reasons by node position."""

    def __init__(self, view: GraphView, context: Context) -> None:
        self.view = view
        self.context = context
        self.regions = Regions(view)
        self.segmenter = Segmenter(self.regions)
        self.refused: dict[int, str] = {}
        self._found: dict[tuple[str, str], Found] = {}

    def activations(self) -> list[Found]:
        """Return what is found, in execution order."""
        for found in self._channelwise():
            self._add(found)
        inside = {p for f in self._found.values() for p in f.nodes}
        for target in self._sinks():
            cone = self.regions.cone(target)
            if cone.nodes and not set(cone.nodes) <= inside:
                self._take(cone)
        for position in sorted(self.view.live):
            self._take_whole(position)
        self._drop_interiors()
        for clamp in implicit_clamps(self.view):
            ends = (clamp.input, clamp.output)
            nodes = self.regions.cone(clamp.output, clamp.input).nodes
            params = {"max": clamp.high, "implicit": True}
            self._found.setdefault(ends, Found(*ends, nodes, "Relu", params))
        return sorted(self._found.values(), key=lambda f: f.nodes[-1])

    def _add(self, found: Found) -> None:
        self._found.setdefault((found.input, found.output), found)

    def _sinks(self) -> list[str]:
        """Tensors at which a region ends: graph outputs, and inputs of anything outside it."""
        sinks = []
        for position, node in enumerate(self.view.nodes):
            name = node.output[0] if node.output else ""
            if not name or position not in self.view.live or self.regions.is_source(name):
                continue
            leaves = any(
                not c.output
                or self.regions.is_source(c.output[0])
                or name not in self.regions.inputs(c)
                for c in self.view.consumers_of(name)
            )
            if leaves or name in self.view.outputs:
                sinks.append(name)
        return sinks

    def _take(self, cone: Cone) -> None:
        reason = self._wrong_type(cone.source)
        if reason is None and len(cone.nodes) >= DEEPEST:
            reason = f"{len(cone.nodes)} elementwise operators in a row are no activation"
        if reason is not None:
            self._refuse(cone.nodes, reason)
            return
        try:
            pieces = self.segmenter.pieces(cone)
        except (ValueError, TypeError, KeyError) as exc:
            self._refuse(cone.nodes, f"cannot be evaluated: {exc}")
            return
        for piece in pieces:
            reason = refusal(piece, self.view, self.context)
            if reason is not None:
                self._refuse(piece.cone.nodes, reason)
            else:
                self._add(_as_found(piece))

    def _wrong_type(self, source: str) -> str | None:
        dtype = self.view.dtype(source)
        if source not in self.context.from_data:
            return "depends on shapes or constants only"
        if dtype is not None and "float" not in dtype and not self._dequantised(source):
            return f"{dtype} arithmetic"
        return None

    def _dequantised(self, source: str) -> bool:
        return any(c.op_type == "DequantizeLinear" for c in self.view.consumers_of(source))

    def _refuse(self, nodes: Sequence[int], reason: str) -> None:
        for position in nodes:
            self.refused.setdefault(position, reason)

    def _take_whole(self, position: int) -> None:
        """Take an activation operator that is no region: Softmax, PRelu with a slope tensor."""
        node = self.view.nodes[position]
        if node.domain not in ("", "ai.onnx") or not node.output or not node.output[0]:
            return
        source, output = node.input[0] if node.input else "", node.output[0]
        if node.op_type in NORMALISING:
            params: dict[str, Any] = {"axis": attributes(node).get("axis", -1)}
        elif node.op_type in _TENSOR_PARAMETERS and self.regions.is_source(output):
            if self.view.is_constant(source):
                return
            params = self._tensor_parameters(position)
        else:
            return
        reason = self._wrong_type(source)
        if reason is not None:
            self._refuse([position], reason)
        else:
            self._add(Found(source, output, (position,), node.op_type, params))

    def _tensor_parameters(self, position: int) -> dict[str, Any]:
        node = self.view.nodes[position]
        if node.op_type == "PRelu":
            slope = self.view.constant(node.input[1])
            return {"slope": None if slope is None else _numbers(slope.ravel())}
        bounds = [self.view.constant(n) if n else None for n in node.input[1:3]]
        bounds += [None] * (2 - len(bounds))
        return {
            name: None if value is None or value.size != 1 else float(value.ravel()[0])
            for name, value in zip(("min", "max"), bounds, strict=True)
        }

    def _channelwise(self) -> list[Found]:
        """Activations whose parameter is learned per channel and spelled in several nodes."""
        wide = Regions(self.view, channelwise=True)
        segmenter = Segmenter(wide)
        found = []
        for position, node in enumerate(self.view.nodes):
            if position not in self.view.live or not node.output or not node.output[0]:
                continue
            name = node.output[0]
            merges = self.regions.is_source(name) and len(wide.inputs(node)) > 1
            if not merges or wide.is_source(name):
                continue
            # A bias or a normalisation in front is cut off: no part of the activation.
            cones = (wide.cone(name, cut) for cut in wide.cone(name).cuts[:-1])
            named = (_per_channel(wide, segmenter, cone) for cone in cones)
            item = next((found for found in named if found is not None), None)
            if item is not None and self._wrong_type(item.input) is None:
                found.append(item)
        return found

    def _drop_interiors(self) -> None:
        """Drop sites inside another one whose output is used nowhere else but as a graph output."""
        for key, item in list(self._found.items()):
            for other in self._found.values():
                within = set(item.nodes) < set(other.nodes)
                if within and not self._used_outside(item.output, set(other.nodes)):
                    del self._found[key]
                    break

    def _used_outside(self, name: str, nodes: set[int]) -> bool:
        return any(p not in nodes for p in self.view.consumers.get(name, ()))


def _as_found(piece: Piece) -> Found:
    return Found(
        piece.cone.source,
        piece.cone.target,
        piece.cone.nodes,
        piece.identity.name,
        dict(piece.identity.params),
    )


def _numbers(values: Any) -> float | list[float]:
    numbers = [float(f"{float(v):.7g}") for v in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _per_channel(regions: Regions, segmenter: Segmenter, cone: Cone) -> Found | None:
    """Name a cone with per-channel constants: the same family in every channel, or nothing."""
    count = regions.channels(cone)
    if count < 2 or count > _MOST_CHANNELS:
        return None
    names, values = set(), []
    for channel in range(count):
        identity = segmenter.exact(cone, channel=channel)
        if identity is None or identity.name not in _CHANNELWISE:
            return None
        names.add(identity.name)
        values.append(identity.params)
    swish = names <= {"Swish", "Silu"}
    if not swish and not names <= {"LeakyRelu", "PRelu", "Relu"}:
        return None
    if swish:
        params = {"beta": _numbers([v.get("beta", 1.0) for v in values])}
    else:
        params = {"slope": _numbers([v.get("alpha", v.get("slope", 0.0)) for v in values])}
    return Found(cone.source, cone.target, cone.nodes, "Swish" if swish else "PRelu", params)

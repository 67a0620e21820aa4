"""The walk over a graph: activation sites in execution order, look-alikes with their reasons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from onnx_affscore.graph.context import Context
from onnx_affscore.graph.infer import infer_types
from onnx_affscore.graph.layout import Layouts, feature_axis, sample_axis
from onnx_affscore.graph.lookalikes import LOOKALIKES, refusal
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.names import module_path, printable, unique
from onnx_affscore.graph.regions import Cone, Regions
from onnx_affscore.graph.segment import Piece, Segmenter
from onnx_affscore.graph.view import GraphView, attributes, kind
from onnx_affscore.records import ActivationSite, InputHint, Skipped

__all__ = ["Located", "locate"]

# Activations that are no function of one number, or whose parameters are tensors.
_WHOLE = ("Softmax", "LogSoftmax")
_TENSOR_PARAMETERS = {"PRelu": "slope", "Clip": "bounds"}
# Functions of a channel that count as one activation when all channels have the same family.
_CHANNELWISE = ("LeakyRelu", "PRelu", "Swish", "Silu")


@final
@dataclass(frozen=True, slots=True)
class Located:
    """The activation sites of a model in execution order, and the skipped look-alikes.

    ``letters``: the layout of the sites' tensors as far as the graph tells it, see
    :mod:`onnx_affscore.graph.layout`.
    """

    sites: tuple[ActivationSite, ...]
    skipped: tuple[Skipped, ...]
    letters: Mapping[str, str]


@final
@dataclass(frozen=True, slots=True)
class _Found:
    input: str
    output: str
    nodes: tuple[int, ...]
    activation: str
    params: dict[str, Any]

    @property
    def order(self) -> int:
        return self.nodes[-1]


def locate(model: LoadedModel, hints: Sequence[InputHint] = ()) -> Located:
    """Find every activation of a model's main graph, named by what it computes.

    ``hints`` tell which axis of the inputs counts samples.
    """
    view = GraphView(model.proto.graph, types=infer_types(model.proto), folder=model.folder)
    return _Walk(view, hints).result()


@final
class _Walk:
    def __init__(self, view: GraphView, hints: Sequence[InputHint]) -> None:
        self.view = view
        self.context = Context(view)
        self.layouts = Layouts(view, hints)
        self.regions = Regions(view)
        self.segmenter = Segmenter(self.regions)
        self.found: dict[tuple[str, str], _Found] = {}
        self.refused: dict[int, str] = {}

    def result(self) -> Located:
        for found in self._channelwise():
            self._add(found)
        inside = {p for f in self.found.values() for p in f.nodes}
        for target in self._sinks():
            cone = self.regions.cone(target)
            if cone.nodes and not set(cone.nodes) <= inside:
                self._take(cone)
        for position in sorted(self.view.live):
            self._take_whole(position)
        self._drop_interiors()
        sites = self._sites(sorted(self.found.values(), key=lambda f: f.order))
        letters = {
            name: known
            for site in sites
            for name in (site.input, site.output)
            if (known := self.layouts[name]) is not None
        }
        return Located(tuple(sites), tuple(self._skipped()), letters)

    def _add(self, found: _Found) -> None:
        self.found.setdefault((found.input, found.output), found)

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
        if node.op_type in _WHOLE:
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
            self._add(_Found(source, output, (position,), node.op_type, params))

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

    def _channelwise(self) -> list[_Found]:
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
            item = _per_channel(wide, segmenter, wide.cone(name))
            if item is not None and self._wrong_type(item.input) is None:
                found.append(item)
        return found

    def _drop_interiors(self) -> None:
        """Drop sites inside another one whose output is used nowhere else but as a graph output."""
        for key, item in list(self.found.items()):
            for other in self.found.values():
                within = set(item.nodes) < set(other.nodes)
                if within and not self._used_outside(item.output, set(other.nodes)):
                    del self.found[key]
                    break

    def _used_outside(self, name: str, nodes: set[int]) -> bool:
        return any(p not in nodes for p in self.view.consumers.get(name, ()))

    def _sites(self, found: Sequence[_Found]) -> list[ActivationSite]:
        paths = [module_path([self.view.nodes[p] for p in f.nodes], f.output) for f in found]
        names = unique(path for path, _ in paths)
        return [
            self._site(index, item, name, scope)
            for index, (item, name, (_, scope)) in enumerate(zip(found, names, paths, strict=True))
        ]

    def _site(self, index: int, item: _Found, name: str, scope: str) -> ActivationSite:
        letters = self.layouts[item.output] or self.layouts[item.input]
        feature = feature_axis(letters)
        rank = self.view.rank(item.output)
        if item.activation in _WHOLE and isinstance(item.params["axis"], int):
            feature = (
                item.params["axis"] % (rank or len(letters or "")) if rank or letters else None
            )
        warnings: tuple[str, ...] = ()
        if feature is None and rank is not None:
            feature = default_feature_axis(rank)
            warnings = ("feature axis guessed from the rank: the graph does not tell it",)
        return ActivationSite(
            index=index,
            name=name,
            activation=item.activation,
            params=item.params,
            role=self.context.role(item.output, activation=item.activation),
            scope=scope,
            nodes=tuple(
                printable(self.view.nodes[p].name or self.view.nodes[p].output[0])
                for p in item.nodes
            ),
            input=item.input,
            output=item.output,
            feature_axis=feature,
            sample_axis=sample_axis(letters) if letters else 0,
            warnings=warnings,
        )

    def _skipped(self) -> list[Skipped]:
        inside = {p for f in self.found.values() for p in f.nodes}
        skipped = []
        for position, node in enumerate(self.view.nodes):
            if kind(node) not in LOOKALIKES or position in inside:
                continue
            reason = self.refused.get(position)
            if position not in self.view.live:
                reason = "dead: no output of the model depends on it"
            elif node.output and self.view.is_constant(node.output[0]):
                continue  # folded: nothing that runs on data
            elif reason is None:
                reason = self._other_reason(position)
            name = printable(node.name or (node.output[0] if node.output else node.op_type))
            skipped.append(Skipped(name, kind(node), reason))
        return skipped

    def _other_reason(self, position: int) -> str:
        node = self.view.nodes[position]
        computed = self.regions.inputs(node)
        dtypes = {self.view.dtype(n) for n in computed} - {None}
        if dtypes and not any("float" in str(d) for d in dtypes):
            return f"{'/'.join(sorted(map(str, dtypes)))} arithmetic"
        if len(computed) > 1:
            return "combines several tensors: no function of one"
        return "affine on the numbers that it gets"


def default_feature_axis(rank: int) -> int | None:
    """Return the feature axis of a tensor of which only the rank is known."""
    if rank == 0:
        return None
    return {1: 0, 2: 1, 3: 2}.get(rank, 1)


def _as_found(piece: Piece) -> _Found:
    return _Found(
        piece.cone.source,
        piece.cone.target,
        piece.cone.nodes,
        piece.identity.name,
        dict(piece.identity.params),
    )


def _numbers(values: Any) -> float | list[float]:
    numbers = [float(f"{float(v):.7g}") for v in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _per_channel(regions: Regions, segmenter: Segmenter, cone: Cone) -> _Found | None:
    """Name a cone with per-channel constants: the same family in every channel, or nothing."""
    count = regions.channels(cone)
    if count < 2 or count > 4096:
        return None
    names, values = set(), []
    for channel in range(count):
        identity = segmenter.exact(cone, channel=channel)
        if identity is None or identity.name not in _CHANNELWISE:
            return None
        names.add(identity.name)
        values.append(identity.params)
    swish = names <= {"Swish", "Silu"}
    if not swish and not names <= {"LeakyRelu", "PRelu"}:
        return None
    if swish:
        params = {"beta": _numbers([v.get("beta", 1.0) for v in values])}
    else:
        params = {"slope": _numbers([v.get("alpha", v.get("slope")) for v in values])}
    return _Found(cone.source, cone.target, cone.nodes, "Swish" if swish else "PRelu", params)

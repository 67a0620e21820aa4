"""The walk over a model: activation sites in execution order, look-alikes with their reasons.

Subgraphs of If, Loop and Scan are walked where their node stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

import onnx

from onnx_affscore.errors import InternalError
from onnx_affscore.graph.context import Context
from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.layout import (
    Layouts,
    default_feature_axis,
    feature_axis,
    input_letters,
    sample_axis,
)
from onnx_affscore.graph.lookalikes import LOOKALIKES
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.names import module_path, printable, unique
from onnx_affscore.graph.recurrent import RecurrentActivation, Unsupported, recurrent
from onnx_affscore.graph.recurrent_cells import KINDS
from onnx_affscore.graph.search import NORMALISING, Found, Search
from onnx_affscore.graph.sizes import representative_sizes
from onnx_affscore.graph.view import GraphView, Step, kind, subgraphs
from onnx_affscore.records import ActivationSite, Derived, InputHint, Role, Skipped

__all__ = ["Located", "Place", "locate"]


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor of a subgraph is: the steps that lead there, and its name in that graph."""

    path: tuple[Step, ...]
    name: str
    dtype: str
    loops: int
    rank: int | None = None


@final
@dataclass(frozen=True, slots=True)
class Located:
    """The activation sites of a model in execution order, and the skipped look-alikes.

    ``letters``: the layout of the sites' tensors as far as the graph tells it, see
    :mod:`onnx_affscore.graph.layout`. ``places``: where the tensors of subgraphs are. ``derived``:
    tensors that are computed outside the graph, and the places of what they are computed from.
    """

    sites: tuple[ActivationSite, ...]
    skipped: tuple[Skipped, ...]
    letters: Mapping[str, str]
    places: Mapping[str, Place] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True)
class InRecurrent:
    """An activation inside the recurrent operator at a position."""

    position: int
    activation: RecurrentActivation

    @property
    def nodes(self) -> tuple[int, ...]:
        """The operator that holds it."""
        return (self.position,)

    @property
    def output(self) -> str:
        """What it puts out, computed outside the graph."""
        return self.activation.output.name


Activation: TypeAlias = Found | InRecurrent


@final
@dataclass(frozen=True, slots=True)
class _Level:
    """One graph with what was found in it."""

    view: GraphView
    context: Context
    layouts: Layouts
    found: tuple[Found, ...]
    search: Search


def locate(model: LoadedModel, hints: Sequence[InputHint] = ()) -> Located:
    """Find every activation of a model, named by what it computes.

    ``hints`` tell which axis of the inputs counts samples.
    """
    inferred = infer(model.proto, representative_sizes(hints))
    view = GraphView(model.proto.graph, types=types_of(inferred), folder=model.folder)
    context, layouts = Context(view), Layouts(view, input_letters(hints))
    found: list[tuple[_Level, Activation]] = []
    skipped: list[Skipped] = []
    for level, item in _walk(_level(view, context, layouts), inferred):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            found.append((level, item))
    letters, places, derived = _tensors(found)
    return Located(tuple(_sites(found)), tuple(skipped), letters, places, derived)


def _level(view: GraphView, context: Context, layouts: Layouts) -> _Level:
    search = Search(view, context)
    found = tuple(search.activations())
    return _Level(view, context, layouts, found, search)


def _walk(
    level: _Level, inferred: onnx.GraphProto
) -> Iterator[tuple[_Level, Activation | Skipped]]:
    """Yield what is found and skipped in a graph and in those inside it, in execution order."""
    view = level.view
    ends: dict[int, list[Found]] = {}
    for item in level.found:
        ends.setdefault(item.nodes[-1], []).append(item)
    inside = {p for item in level.found for p in item.nodes}
    place_of = {id(node): i for i, node in enumerate(view.graph.node)}
    for position, node in enumerate(view.nodes):
        for item in ends.get(position, ()):
            yield level, item
        if position not in inside:
            skipped = _skipped(level, position)
            if skipped is not None:
                yield level, skipped
        for gate in _gates(level, position):
            yield level, gate
        place = place_of[id(node)]
        typed = dict(subgraphs(inferred.node[place]))
        for attribute, graph in subgraphs(node):
            child = _inside(level, node, Step(place, attribute), graph, typed[attribute])
            yield from _walk(child, typed[attribute])


def _gates(level: _Level, position: int) -> Iterator[InRecurrent | Skipped]:
    """Yield the activations inside an LSTM, GRU or RNN, or the reason why there are none."""
    node = level.view.nodes[position]
    if kind(node) not in KINDS or position not in level.view.live:
        return
    try:
        for activation in recurrent(level.view, position):
            yield InRecurrent(position, activation)
    except Unsupported as exc:
        yield Skipped(_node_name(level.view, node), kind(node), f"gates not recomputed: {exc}")


def _inside(
    level: _Level,
    node: onnx.NodeProto,
    step: Step,
    graph: onnx.GraphProto,
    typed: onnx.GraphProto,
) -> _Level:
    """Search a subgraph of a control-flow node."""
    around = level.view
    name = printable(node.name or (node.output[0] if node.output else node.op_type))
    label = (
        f"{around.label}/{name}.{step.attribute}" if around.label else f"{name}.{step.attribute}"
    )
    view = GraphView(
        graph,
        types=types_of(typed),
        folder=around.folder,
        parent=around,
        path=(*around.path, step),
        label=label,
    )
    layouts = Layouts(view, level.layouts.inside(node, view))
    return _level(view, Context(view, level.context, node), layouts)


def _tensors(
    found: Sequence[tuple[_Level, Activation]],
) -> tuple[dict[str, str], dict[str, Place], dict[str, Derived]]:
    """Return the letters of the sites' tensors, the places of those in subgraphs, the derived."""
    letters: dict[str, str] = {}
    places: dict[str, Place] = {}
    derived: dict[str, Derived] = {}
    for level, item in found:
        if isinstance(item, InRecurrent):
            for side in (item.activation.input, item.activation.output):
                derived[side.name] = side
                places |= {key: _place_of(level.view, key) for key in side.fetches}
            continue
        for name in (item.input, item.output):
            key, known = level.view.key(name), level.layouts[name]
            if known is not None:
                letters[key] = known
            if level.view.path:
                places[key] = _place(level.view, name)
    return letters, places, derived


def _place(view: GraphView, name: str) -> Place:
    loops = sum(around in ("Loop", "Scan") for around in _around(view))
    return Place(view.path, name, view.dtype(name) or "float32", loops, view.rank(name))


def _place_of(view: GraphView, key: str) -> Place:
    """Return the place of a tensor that goes by the key of the graph around that defines it."""
    owner: GraphView | None = view
    while owner is not None:
        name = key.removeprefix(f"{owner.label}::") if owner.path else key
        if owner.key(name) == key and (owner.defines(name) or owner.parent is None):
            return _place(owner, name)
        owner = owner.parent
    raise InternalError(f"no graph defines {key!r}")


def _sites(found: Sequence[tuple[_Level, Activation]]) -> Iterator[ActivationSite]:
    paths = [_path(level.view, item) for level, item in found]
    names = unique(path for path, _ in paths)
    for index, ((level, item), name, (_, scope)) in enumerate(
        zip(found, names, paths, strict=True)
    ):
        if isinstance(item, InRecurrent):
            yield _gate_site(level, item, index=index, name=name, scope=scope)
        else:
            yield _site(level, item, index=index, name=name, scope=scope)


def _path(view: GraphView, item: Activation) -> tuple[str, str]:
    """Return the name of an activation before it is made unique, and its scope."""
    nodes = [view.nodes[p] for p in item.nodes]
    inside = isinstance(item, InRecurrent)
    name, scope = module_path(nodes, nodes[-1].output[0] if inside else item.output)
    if isinstance(item, InRecurrent):
        direction = item.activation.direction
        name, scope = f"{name}.{direction}.{item.activation.gate}", name
    prefix = f"{view.label}/" if view.path else ""
    return prefix + name, view.label or scope


def _gate_site(
    level: _Level, item: InRecurrent, *, index: int, name: str, scope: str
) -> ActivationSite:
    node = level.view.nodes[item.nodes[0]]
    return ActivationSite(
        index=index,
        name=name,
        activation=item.activation.activation,
        params=dict(item.activation.params),
        role=Role.RECURRENT,
        scope=scope,
        nodes=(printable(node.name or item.output),),
        input=item.activation.input.name,
        output=item.activation.output.name,
        feature_axis=2,
        sample_axis=0,
        unscored=_cannot_be_tapped(level.view),
    )


def _site(level: _Level, item: Found, *, index: int, name: str, scope: str) -> ActivationSite:
    view = level.view
    letters = level.layouts[item.output] or level.layouts[item.input]
    rank = view.rank(item.output)
    feature = feature_axis(letters)
    if item.activation in NORMALISING:
        width = rank or len(letters or "")
        feature = item.params["axis"] % width if width else None
    warnings: tuple[str, ...] = ()
    if feature is None and rank is not None:
        feature = default_feature_axis(rank)
        warnings = ("feature axis guessed from the rank: the graph does not tell it",)
    nodes = [view.nodes[p] for p in item.nodes]
    return ActivationSite(
        index=index,
        name=name,
        activation=item.activation,
        params=item.params,
        role=level.context.role(item.output, activation=item.activation),
        scope=scope,
        nodes=tuple(printable(n.name or n.output[0]) for n in nodes),
        input=view.key(item.input),
        output=view.key(item.output),
        feature_axis=feature,
        sample_axis=sample_axis(letters) if letters else 0,
        unscored=_cannot_be_tapped(view),
        warnings=warnings,
    )


def _cannot_be_tapped(view: GraphView) -> str | None:
    """Return why nothing inside a graph can be an output of the model, None where it can."""
    levels = _around(view)
    unknown = set(levels) - {"If", "Loop", "Scan"}
    if unknown:
        return f"inside {unknown.pop()}, whose subgraphs have no further outputs"
    innermost_if = len(levels) - 1 - levels[::-1].index("If") if "If" in levels else 0
    if set(levels[:innermost_if]) & {"Loop", "Scan"}:
        return "inside an If within a loop: an iteration that skips the branch has no value"
    return None


def _around(view: GraphView) -> list[str]:
    """Return the control-flow operators around a graph, the outermost first."""
    kinds: list[str] = []
    level = view
    while level.parent is not None:
        kinds.insert(0, level.parent.graph.node[level.path[-1].node].op_type)
        level = level.parent
    return kinds


def _skipped(level: _Level, position: int) -> Skipped | None:
    view = level.view
    node = view.nodes[position]
    if kind(node) not in LOOKALIKES:
        return None
    reason = level.search.refused.get(position)
    if position not in view.live:
        reason = "dead: no output of the model depends on it"
    elif node.output and view.is_constant(node.output[0]):
        return None  # folded: nothing that runs on data
    elif reason is None:
        reason = _other_reason(level, position)
    return Skipped(_node_name(view, node), kind(node), reason)


def _node_name(view: GraphView, node: onnx.NodeProto) -> str:
    name = printable(node.name or (node.output[0] if node.output else node.op_type))
    return f"{view.label}/{name}" if view.path else name


def _other_reason(level: _Level, position: int) -> str:
    computed = level.search.regions.inputs(level.view.nodes[position])
    dtypes = {d for n in computed if (d := level.view.dtype(n)) is not None}
    if dtypes and not any("float" in d for d in dtypes):
        return f"{'/'.join(sorted(dtypes))} arithmetic"
    if len(computed) > 1:
        return "combines several tensors: no function of one"
    return "affine on the numbers that it gets"

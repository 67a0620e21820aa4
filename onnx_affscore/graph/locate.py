"""The walk over a model: activation sites in execution order, look-alikes with their reasons.

Subgraphs of If, Loop and Scan are walked where their node stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import onnx

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
from onnx_affscore.graph.search import NORMALISING, Found, Search
from onnx_affscore.graph.sizes import representative_sizes
from onnx_affscore.graph.view import GraphView, Step, kind, subgraphs
from onnx_affscore.records import ActivationSite, InputHint, Skipped

__all__ = ["Located", "Place", "locate"]


@final
@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor of a subgraph is: the steps that lead there, and its name in that graph."""

    path: tuple[Step, ...]
    name: str
    dtype: str
    loops: int


@final
@dataclass(frozen=True, slots=True)
class Located:
    """The activation sites of a model in execution order, and the skipped look-alikes.

    ``letters``: the layout of the sites' tensors as far as the graph tells it, see
    :mod:`onnx_affscore.graph.layout`. ``places``: where the tensors of subgraphs are.
    """

    sites: tuple[ActivationSite, ...]
    skipped: tuple[Skipped, ...]
    letters: Mapping[str, str]
    places: Mapping[str, Place] = field(default_factory=dict)


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
    found: list[tuple[_Level, Found]] = []
    skipped: list[Skipped] = []
    for level, item in _walk(_level(view, context, layouts), inferred):
        if isinstance(item, Found):
            found.append((level, item))
        else:
            skipped.append(item)
    return Located(tuple(_sites(found)), tuple(skipped), *_tensors(found))


def _level(view: GraphView, context: Context, layouts: Layouts) -> _Level:
    search = Search(view, context)
    found = tuple(search.activations())
    return _Level(view, context, layouts, found, search)


def _walk(level: _Level, inferred: onnx.GraphProto) -> Iterator[tuple[_Level, Found | Skipped]]:
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
        place = place_of[id(node)]
        typed = dict(subgraphs(inferred.node[place]))
        for attribute, graph in subgraphs(node):
            child = _inside(level, node, Step(place, attribute), graph, typed[attribute])
            yield from _walk(child, typed[attribute])


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
    found: Sequence[tuple[_Level, Found]],
) -> tuple[dict[str, str], dict[str, Place]]:
    """Return the letters of the sites' tensors, and the places of those in subgraphs."""
    letters: dict[str, str] = {}
    places: dict[str, Place] = {}
    for level, item in found:
        view = level.view
        for name in (item.input, item.output):
            known = level.layouts[name]
            if known is not None:
                letters[view.key(name)] = known
            if view.path:
                loops = sum(kind in ("Loop", "Scan") for kind in _around(view))
                dtype = view.dtype(name) or "float32"
                places[view.key(name)] = Place(view.path, name, dtype, loops)
    return letters, places


def _sites(found: Sequence[tuple[_Level, Found]]) -> Iterator[ActivationSite]:
    paths = [
        module_path([level.view.nodes[p] for p in item.nodes], item.output) for level, item in found
    ]
    prefixes = [f"{level.view.label}/" if level.view.path else "" for level, _ in found]
    names = unique(prefix + path for prefix, (path, _) in zip(prefixes, paths, strict=True))
    for index, ((level, item), name, (_, scope)) in enumerate(
        zip(found, names, paths, strict=True)
    ):
        yield _site(level, item, index=index, name=name, scope=level.view.label or scope)


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
    name = printable(node.name or (node.output[0] if node.output else node.op_type))
    return Skipped(f"{view.label}/{name}" if view.path else name, kind(node), reason)


def _other_reason(level: _Level, position: int) -> str:
    computed = level.search.regions.inputs(level.view.nodes[position])
    dtypes = {d for n in computed if (d := level.view.dtype(n)) is not None}
    if dtypes and not any("float" in d for d in dtypes):
        return f"{'/'.join(sorted(dtypes))} arithmetic"
    if len(computed) > 1:
        return "combines several tensors: no function of one"
    return "affine on the numbers that it gets"

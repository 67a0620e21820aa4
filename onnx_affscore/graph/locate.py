"""The walk over a model: activation sites in execution order, look-alikes with their reasons.

Subgraphs of If, Loop and Scan are walked where their node stands.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import onnx

from onnx_affscore.asked import Asked
from onnx_affscore.graph.blocks import blocks
from onnx_affscore.graph.context import Context
from onnx_affscore.graph.describe import sites, whereabouts
from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.layout import Layouts, input_letters
from onnx_affscore.graph.level import Activation, InRecurrent, Level, Place, Probe
from onnx_affscore.graph.lookalikes import LOOKALIKES
from onnx_affscore.graph.model import LoadedModel
from onnx_affscore.graph.names import printable
from onnx_affscore.graph.opening import HiddenSoftmax
from onnx_affscore.graph.pairs import Tensors, compositions, named_pairs
from onnx_affscore.graph.recurrent import Unsupported, recurrent
from onnx_affscore.graph.recurrent_cells import KINDS
from onnx_affscore.graph.search import Found, Search
from onnx_affscore.graph.sizes import representative_sizes
from onnx_affscore.graph.view import GraphView, Step, kind, subgraphs
from onnx_affscore.records import ActivationSite, InputHint, Role, Skipped
from onnx_affscore.taps import Derived

__all__ = ["Located", "locate"]


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


def locate(
    model: LoadedModel,
    hints: Sequence[InputHint] = (),
    *,
    softmaxes: Sequence[HiddenSoftmax] = (),
    asked: Asked | None = None,
    tensors: Tensors | None = None,
) -> Located:
    """Find every activation of a model, named by what it computes.

    ``hints`` tell which axis of the inputs counts samples; ``softmaxes`` are those inside
    attention operators, made tensors of the graph. ``asked``: what else is to be a site;
    ``tensors``: those that it can name. Raises :class:`OptionError` for a name that is none.
    """
    inferred = infer(model.proto, representative_sizes(hints))
    view = GraphView(model.proto.graph, types=types_of(inferred), folder=model.folder)
    context, layouts = Context(view), Layouts(view, input_letters(hints))
    found: list[tuple[Level, Activation]] = []
    skipped: list[Skipped] = []
    shown = {s.output: s for s in softmaxes}
    tensors = tensors or Tensors.of(model.proto, model.proto)

    def more(level: Level) -> Iterator[Probe]:
        return _probes(level, asked or Asked(), tensors)

    for level, item in _walk(_searched(view, context, layouts), inferred, shown, more):
        if isinstance(item, Skipped):
            skipped.append(item)
        else:
            found.append((level, item))
    letters, places, derived = whereabouts(found)
    return Located(tuple(sites(found)), tuple(skipped), letters, places, derived)


def _searched(view: GraphView, context: Context, layouts: Layouts) -> Level:
    search = Search(view, context)
    found = tuple(search.activations())
    return Level(view, context, layouts, found, search)


def _probes(level: Level, asked: Asked, tensors: Tensors) -> Iterator[Probe]:
    """Yield what was asked for besides activations; only the main graph's tensors have names."""
    yield from blocks(level, asked.operators)
    if not level.view.path:
        yield from named_pairs(level, tensors, asked.probes)
        if asked.composition or asked.composition_from is not None:
            yield from compositions(level, tensors, asked)


def _walk(
    level: Level,
    inferred: onnx.GraphProto,
    softmaxes: Mapping[str, HiddenSoftmax],
    more: Callable[[Level], Iterator[Probe]],
) -> Iterator[tuple[Level, Activation | Skipped]]:
    """Yield what is found and skipped in a graph and in those inside it, in execution order.

    ``more`` yields what a graph has besides activations.
    """
    view = level.view
    ends: dict[int, list[Found | Probe]] = {}
    found: list[Found | Probe] = [*level.found, *more(level)]
    for each in found:
        ends.setdefault(each.nodes[-1] if each.nodes else 0, []).append(each)
    inside = {p for item in level.found for p in item.nodes}
    place_of = {id(node): i for i, node in enumerate(view.graph.node)}
    for position, node in enumerate(view.nodes):
        for item in ends.get(position, ()):
            yield level, item
        if position not in inside and not any(name in softmaxes for name in node.output):
            skipped = _skipped(level, position)
            if skipped is not None:
                yield level, skipped
        for gate in _gates(level, position):
            yield level, gate
        for name in node.output:
            if name in softmaxes:
                yield level, _attention(softmaxes[name], position)
        place = place_of[id(node)]
        typed = dict(subgraphs(inferred.node[place]))
        for attribute, graph in subgraphs(node):
            child = _inside(level, node, Step(place, attribute), graph, typed[attribute])
            yield from _walk(child, typed[attribute], softmaxes, more)


def _attention(softmax: HiddenSoftmax, position: int) -> Found:
    return Found(
        softmax.input,
        softmax.output,
        (position,),
        "Softmax",
        {"axis": softmax.axis},
        role=Role.ATTENTION,
    )


def _gates(level: Level, position: int) -> Iterator[InRecurrent | Skipped]:
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
    level: Level,
    node: onnx.NodeProto,
    step: Step,
    graph: onnx.GraphProto,
    typed: onnx.GraphProto,
) -> Level:
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
    return _searched(view, Context(view, level.context, node), layouts)


def _skipped(level: Level, position: int) -> Skipped | None:
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


def _other_reason(level: Level, position: int) -> str:
    computed = level.search.regions.inputs(level.view.nodes[position])
    dtypes = {d for n in computed if (d := level.view.dtype(n)) is not None}
    if dtypes and not any("float" in d for d in dtypes):
        return f"{'/'.join(sorted(dtypes))} arithmetic"
    if len(computed) > 1:
        return "combines several tensors: no function of one"
    return "affine on the numbers that it gets"

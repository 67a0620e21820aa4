"""From what was found to records: names, axes, roles, and where the tensors are."""

from collections.abc import Iterator, Sequence

from onnx_affscore.errors import InternalError
from onnx_affscore.graph.layout import default_feature_axis, feature_axis, sample_axis
from onnx_affscore.graph.level import Activation, InRecurrent, Level, Place, Probe
from onnx_affscore.graph.names import module_path, printable, unique
from onnx_affscore.graph.search import NORMALISING, Found
from onnx_affscore.graph.view import GraphView
from onnx_affscore.records import ActivationSite, Role
from onnx_affscore.taps import Derived

__all__ = ["sites", "whereabouts"]

_GUESSED = "feature axis guessed from the rank: the graph does not tell it"


def whereabouts(
    found: Sequence[tuple[Level, Activation]],
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


def sites(found: Sequence[tuple[Level, Activation]]) -> Iterator[ActivationSite]:
    """Yield the records of what was found, with unique names."""
    paths = [_path(level.view, item) for level, item in found]
    names = unique(path for path, _ in paths)
    for index, ((level, item), name, (_, scope)) in enumerate(
        zip(found, names, paths, strict=True)
    ):
        if isinstance(item, InRecurrent):
            yield _gate_site(level, item, index=index, name=name, scope=scope)
        elif isinstance(item, Probe):
            yield _probe_site(level, item, index=index, name=name, scope=scope)
        else:
            yield _site(level, item, index=index, name=name, scope=scope)


def _path(view: GraphView, item: Activation) -> tuple[str, str]:
    """Return the name of an activation before it is made unique, and its scope."""
    if isinstance(item, Probe) and item.name is not None:
        return item.name, ""
    nodes = [view.nodes[p] for p in item.nodes]
    inside = isinstance(item, InRecurrent)
    name, scope = module_path(nodes, nodes[-1].output[0] if inside else item.output)
    if isinstance(item, InRecurrent):
        direction = item.activation.direction
        name, scope = f"{name}.{direction}.{item.activation.gate}", name
    elif isinstance(item, Probe):
        name = f"{name} ({item.label})"
    prefix = f"{view.label}/" if view.path else ""
    return prefix + name, view.label or scope


def _gate_site(
    level: Level, item: InRecurrent, *, index: int, name: str, scope: str
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


def _site(level: Level, item: Found, *, index: int, name: str, scope: str) -> ActivationSite:
    view = level.view
    letters = level.layouts[item.output] or level.layouts[item.input]
    rank = view.rank(item.output)
    feature = feature_axis(letters)
    if item.activation in NORMALISING:
        width = rank or len(letters or "")
        feature = item.params["axis"] % width if width else None
    warnings: tuple[str, ...] = ()
    if feature is None and rank is not None:
        feature, warnings = default_feature_axis(rank), (_GUESSED,)
    nodes = [view.nodes[p] for p in item.nodes]
    return ActivationSite(
        index=index,
        name=name,
        activation=item.activation,
        params=item.params,
        role=item.role or level.context.role(item.output, activation=item.activation),
        scope=scope,
        nodes=tuple(printable(n.name or n.output[0]) for n in nodes),
        input=view.key(item.input),
        output=view.key(item.output),
        feature_axis=feature,
        sample_axis=sample_axis(letters) if letters else 0,
        unscored=_cannot_be_tapped(view),
        warnings=warnings,
    )


def _probe_site(level: Level, item: Probe, *, index: int, name: str, scope: str) -> ActivationSite:
    """Each end has its own layout; the site shows that of the output."""
    view = level.view
    letters = level.layouts[item.output]
    rank = view.rank(item.output)
    feature = feature_axis(letters)
    if feature is None and rank is not None:
        feature = default_feature_axis(rank)
    nodes = [view.nodes[p] for p in item.nodes]
    guessed = any(feature_axis(level.layouts[end]) is None for end in (item.input, item.output))
    return ActivationSite(
        index=index,
        name=name,
        activation=item.activation,
        params=item.params,
        role=Role.PROBE,
        scope=scope,
        nodes=tuple(printable(n.name or n.output[0]) for n in nodes),
        input=view.key(item.input),
        output=view.key(item.output),
        feature_axis=feature,
        sample_axis=sample_axis(letters) if letters else 0,
        unscored=item.unscored or _cannot_be_tapped(view),
        warnings=(_GUESSED,) if guessed else (),
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

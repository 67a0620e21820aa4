"""Pairs of tensors: those that the user named, and a network from its input to each depth."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import onnx

from onnx_affscore.asked import Asked
from onnx_affscore.errors import OptionError
from onnx_affscore.graph.layout import feature_axis, sample_axis
from onnx_affscore.graph.level import Level, Probe
from onnx_affscore.graph.names import module_path, printable
from onnx_affscore.graph.search import Found
from onnx_affscore.graph.view import graphs
from onnx_affscore.records import Role

__all__ = ["Tensors", "compositions", "named_pairs"]

_NEAR = 3  # names shown where a name is not found


@final
@dataclass(frozen=True, slots=True)
class Tensors:
    """The tensors that a user can name, and why some others cannot be."""

    names: frozenset[str]
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, prepared: onnx.ModelProto, original: onnx.ModelProto) -> "Tensors":
        """Return those of the main graph of a model that was prepared for tapping."""
        names = _made(prepared.graph)
        opened = "it went when the operators around it were opened up"
        elsewhere = dict.fromkeys(_made(original.graph) - names, opened)
        for graph in [g for g in graphs(prepared.graph) if g is not prepared.graph]:
            inside = f"it lies in the subgraph {graph.name!r}, not in the main graph"
            elsewhere |= dict.fromkeys(_made(graph) - names, inside)
        for function in original.functions:
            made = {o for node in function.node for o in node.output} | set(function.input)
            inside = f"it lies in the function {function.name!r}, which is inlined"
            elsewhere |= dict.fromkeys(made - names, inside)
        return cls(frozenset(names), elsewhere)

    def named(self, name: str, option: str) -> str:
        """Return a name that is there; raises :class:`OptionError` with those that are near."""
        if name in self.names:
            return name
        raise OptionError(f"{option}: {self._why(name)}")

    def pair(self, text: str) -> tuple[str, str]:
        """Split ``IN:OUT`` where both are names; names may hold colons themselves.

        Raises :class:`OptionError` where there is no such split, or more than one.
        """
        places = [i for i, letter in enumerate(text) if letter == ":"]
        splits = [(text[:i], text[i + 1 :]) for i in places]
        found = [pair for pair in splits if self.names.issuperset(pair)]
        if len(found) == 1:
            return found[0]
        if found:
            readings = " or ".join(f"{a!r} to {b!r}" for a, b in found)
            raise OptionError(f"--probe {text!r} may mean {readings}; rename a tensor")
        if not splits:
            raise OptionError(f"--probe {text!r} is no pair; wanted two names of tensors, IN:OUT")
        # The split that comes nearest: one of its names is right, if any is.
        pair = max(splits, key=lambda pair: sum(name in self.names for name in pair))
        wrong = next(name for name in pair if name not in self.names)
        raise OptionError(f"--probe {text!r}: {self._why(wrong)}")

    def _why(self, name: str) -> str:
        if name in self.elsewhere:
            return f"no tensor {name!r} can be read: {self.elsewhere[name]}"
        near = difflib.get_close_matches(name, sorted(self.names), _NEAR, 0.5)
        hint = "'onnx-affscore sites MODEL --json -' lists those at the activations"
        if near:
            hint = f"did you mean {' or '.join(map(repr, near))}?"
        return f"the model has no tensor {name!r}; {hint}"


def _made(graph: onnx.GraphProto) -> set[str]:
    outputs = {name for node in graph.node for name in node.output}
    given = {i.name for i in graph.input} | {t.name for t in graph.initializer}
    return (outputs | given) - {""}


def named_pairs(level: Level, tensors: Tensors, probes: Sequence[str]) -> Iterator[Probe]:
    """Yield the pairs that the user named, of the main graph."""
    for text in dict.fromkeys(probes):
        ends = tensors.pair(text)
        yield Probe(
            *ends,
            _makers(level, ends),
            "Probe",
            name=f"probe {printable(text)}",
            unscored=next((why for end in ends if (why := _fixed(level, end))), None),
        )


def _makers(level: Level, names: Sequence[str]) -> tuple[int, ...]:
    made = {level.view.producer[name] for name in names if name in level.view.producer}
    return tuple(sorted(made))


def _fixed(level: Level, name: str) -> str | None:
    if name in level.context.from_data and not level.view.is_constant(name):
        return None
    return f"{name!r} does not depend on the data, but on constants or shapes only"


def compositions(level: Level, tensors: Tensors, asked: Asked) -> Iterator[Probe]:
    """Yield the network up to each hidden activation of the main graph.

    It starts at the tensor asked for, else at the input. Where no depth is known to have as many
    features as the input, as for images, the input of the first activation is a second start.
    """
    hidden = [f for f in level.found if _role(level, f) == Role.HIDDEN]
    for start, called in _starts(level, tensors, asked, hidden):
        first = level.view.producer.get(start, -1)
        for found in hidden:
            if found.nodes[-1] <= first or (start, found.output) == (found.input, found.output):
                continue
            name, _ = module_path([level.view.nodes[p] for p in found.nodes], found.output)
            yield Probe(
                start,
                found.output,
                found.nodes,
                "Composition",
                name=f"{name} (from {printable(called)})",
                unscored=_fixed(level, start),
            )


def _role(level: Level, found: Found) -> Role:
    return found.role or level.context.role(found.output, activation=found.activation)


def _starts(
    level: Level, tensors: Tensors, asked: Asked, hidden: Sequence[Found]
) -> list[tuple[str, str]]:
    if asked.composition_from is not None:
        start = tensors.named(asked.composition_from, "--composition-from")
        return [(start, start)]
    view, layouts = level.view, level.layouts
    inputs = [
        (name, name)
        for name in view.inputs[:1]  # further ones are states, masks and the like
        if "float" in (view.dtype(name) or "")
        and (layouts[name] is None or sample_axis(layouts[name]) is not None)
    ]
    widths = {_width(level, found.output) for found in hidden}
    if any(_width(level, name) in widths - {None} for name, _ in inputs):
        return inputs
    return [*inputs, *[(found.input, "the first activation") for found in hidden[:1]]]


def _width(level: Level, name: str) -> int | None:
    """The number of features of a tensor, None where the graph does not tell it."""
    axis, shape = feature_axis(level.layouts[name]), level.view.shape(name)
    width = None if axis is None or shape is None or axis >= len(shape) else shape[axis]
    return width if isinstance(width, int) else None

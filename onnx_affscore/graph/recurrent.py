"""LSTM, GRU and RNN: the activations inside, recomputed in NumPy from what the operator exposes.

The gates of these operators are no tensors of the graph. They follow from the input, the hidden
states and the weights: equations in :mod:`onnx_affscore.graph.recurrent_cells`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import onnx

from onnx_affscore.errors import ModelError
from onnx_affscore.graph.identify import Identity, affine_map, exact
from onnx_affscore.graph.operators import evaluate_operator
from onnx_affscore.graph.recurrent_cells import KINDS, Cell, Operand, Recomputed, recompute
from onnx_affscore.graph.tensors import array_of
from onnx_affscore.graph.view import GraphView, attributes, graphs, kind
from onnx_affscore.records import Array, FloatArray
from onnx_affscore.taps import Derived

__all__ = ["RecurrentActivation", "Unsupported", "ensure_outputs", "recurrent"]

_Fetched: TypeAlias = Mapping[str, Array]

_FLOATS = ("float32", "float16", "bfloat16", "float64")
_OPERANDS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
_DIRECTIONS = {
    "forward": ("forward",),
    "reverse": ("reverse",),
    "bidirectional": ("forward", "reverse"),
}
# Activation functions by their lower-case names: the operator that computes each, and the
# parameters that it takes from activation_alpha and activation_beta, with the operator's
# defaults. None where there is no default to rely on: Affine and ScaledTanh have none in ONNX,
# and ONNX Runtime takes 0 for them, as for ThresholdedRelu, whose operator has 1.
_FUNCTIONS: Mapping[str, tuple[str, Mapping[str, float | None]]] = {
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "softsign": ("Softsign", {}),
    "softplus": ("Softplus", {}),
    "elu": ("Elu", {"alpha": 1.0}),
    "leakyrelu": ("LeakyRelu", {"alpha": 0.01}),
    "thresholdedrelu": ("ThresholdedRelu", {"alpha": None}),
    "hardsigmoid": ("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),
    "affine": ("Affine", {"alpha": None, "beta": None}),
    "scaledtanh": ("ScaledTanh", {"alpha": None, "beta": None}),
}


class Unsupported(ValueError):  # noqa: N818 - a finding of the walk, not a failure
    """A recurrent operator whose gates cannot be recomputed; the text is the reason."""


@final
@dataclass(frozen=True, slots=True)
class RecurrentActivation:
    """One activation inside a recurrent operator: its gate, its direction, and its two sides."""

    gate: str
    direction: str
    activation: str
    params: Mapping[str, Any]
    input: Derived
    output: Derived


def ensure_outputs(proto: onnx.ModelProto) -> None:
    """Make every recurrent operator put out all its hidden states, in place.

    Those that leave the output out get a fresh name for it, unique in the model.
    """
    every = list(graphs(proto.graph))
    taken = {name for graph in every for name in _names(graph)}
    for node in (n for graph in every for n in graph.node if kind(n) in KINDS):
        if node.output and node.output[0]:
            continue
        stem = f"{node.name or node.op_type}/Y"
        number, name = 1, stem
        while name in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name)
        node.output[:] = [name, *node.output[1:]]


def _names(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (v.name for v in (*graph.input, *graph.output, *graph.value_info))
    yield from (t.name for t in graph.initializer)
    yield from (t.values.name for t in graph.sparse_initializer)
    for node in graph.node:
        yield from (*node.input, *node.output)


def recurrent(view: GraphView, position: int) -> list[RecurrentActivation]:
    """Return the activations inside the LSTM, GRU or RNN at a position, in execution order.

    Both sides of each are (samples, time steps, hidden), steps in the order of the operator's
    input whatever the direction; masked where ``sequence_lens`` makes them padding. Where loops
    stacked the fetched tensors, the steps of the iterations follow one another; where the branch
    that holds the operator did not run, there are no samples. Fetched tensors go by
    :meth:`GraphView.key` of the graph that defines them. The gates of an operator are recomputed
    once while the same arrays are passed, which must not be written to meanwhile.

    Affine functions are left out. Raises :class:`Unsupported` where nothing can be recomputed.
    """
    node = view.nodes[position]
    kind_, attrs = KINDS[kind(node)], attributes(node)
    directions = _directions(attrs)
    functions = _functions(attrs, kind_.defaults * len(directions))
    dtype, width = _type(view, node), _width(view, node, attrs)
    operands = _operands(view, node)
    per = len(kind_.defaults)
    cells = {
        name: Cell(
            functions[i * per : (i + 1) * per],
            clip=attrs.get("clip"),
            coupled=bool(attrs.get("input_forget", 0)),
            linear_first=bool(attrs.get("linear_before_reset", 0)),
        )
        for i, name in enumerate(directions)
    }
    batch_first = bool(attrs.get("layout", 0))
    equations = partial(
        recompute, op=node.op_type, cells=cells, batch_first=batch_first, width=width
    )
    gates = Recomputed(operands, equations)
    side = partial(Derived, fetches=gates.fetches, features=width, dtype=dtype)
    found = []
    for i, direction in enumerate(directions):
        for gate, place in kind_.gates.items():
            function = functions[i * per + place]
            identity = function.identity()
            if identity is None or (gate == "forget_gate" and cells[direction].coupled):
                continue
            name = f"{view.key(node.output[0])}/{direction}/{gate}"
            before = partial(gates.of, direction, gate)
            found.append(
                RecurrentActivation(
                    gate,
                    direction,
                    identity.name,
                    identity.params,
                    side(name=f"{name}/before", compute=before),
                    side(name=f"{name}/after", compute=partial(_applied, function, before)),
                )
            )
    return found


@final
@dataclass(frozen=True, slots=True)
class _Function:
    """An activation function of a recurrent operator, as the ONNX operator that computes it."""

    operator: str
    params: Mapping[str, float]

    def __call__(self, x: FloatArray) -> FloatArray:
        return np.asarray(evaluate_operator(self.operator, [x], self.params), np.float64)

    def identity(self) -> Identity | None:
        """Return its name, that of a like operator of the graph; None where it is affine."""
        found = exact(self, operators=(self.operator,))
        if found is not None or affine_map(self) is not None:
            return found
        params = {name: float(f"{value:.7g}") for name, value in self.params.items()}
        if self.operator == "ScaledTanh":
            scales = {"scale_out": params["alpha"], "scale_in": params["beta"]}
            return Identity("Tanh", scales | {"shift_in": 0.0, "shift_out": 0.0})
        return Identity(self.operator, params)


def _applied(function: _Function, before: Callable[[_Fetched], Array], fetched: _Fetched) -> Array:
    x = before(fetched)
    if isinstance(x, np.ma.MaskedArray):
        return np.ma.array(function(x.data), mask=x.mask)
    return function(x)


def _directions(attrs: Mapping[str, Any]) -> tuple[str, ...]:
    direction = attrs.get("direction", b"forward").decode()
    if direction not in _DIRECTIONS:
        raise Unsupported(f"unknown direction {direction!r}")
    return _DIRECTIONS[direction]


def _functions(attrs: Mapping[str, Any], defaults: Sequence[str]) -> list[_Function]:
    """Return the functions named by the attributes; each takes the parameters that it needs.

    The lists of parameters hold no places for functions that have none.
    """
    names = [n.decode() for n in attrs.get("activations", ())] or list(defaults)
    if len(names) < len(defaults):
        raise Unsupported(f"names {len(names)} activation functions; {len(defaults)} wanted")
    left = {p: iter(attrs.get(f"activation_{p}", ())) for p in ("alpha", "beta")}
    functions = []
    for name in names[: len(defaults)]:
        if name.lower() not in _FUNCTIONS:
            raise Unsupported(f"unknown activation function {name!r}")
        operator, params = _FUNCTIONS[name.lower()]
        taken = {p: next(left[p], default) for p, default in params.items()}
        given = {p: float(value) for p, value in taken.items() if value is not None}
        if len(given) < len(taken):
            missing = " and ".join(f"activation_{p}" for p in taken if p not in given)
            raise Unsupported(f"{operator} without {missing}, which has no common default")
        functions.append(_Function(operator, given))
    return functions


def _type(view: GraphView, node: onnx.NodeProto) -> str:
    names = [*node.input[:3], *node.output[:1]]
    dtype = next((d for n in names if n and (d := view.dtype(n)) is not None), "float32")
    if dtype not in _FLOATS:
        raise Unsupported(f"{dtype} arithmetic")
    return dtype


def _width(view: GraphView, node: onnx.NodeProto, attrs: Mapping[str, Any]) -> int:
    shape = view.shape(node.input[2]) if len(node.input) > 2 else None
    width = attrs.get("hidden_size", shape[-1] if shape else None)
    if not isinstance(width, int):
        raise Unsupported("its number of hidden units is not known")
    return width


def _operands(view: GraphView, node: onnx.NodeProto) -> dict[str, Operand]:
    """Return where each operand comes from: the key of a tensor to fetch, or what loads it."""
    given = dict(zip(_OPERANDS, node.input, strict=False)) | {"Y": (*node.output, "")[0]}
    for name, what in (("X", "input"), ("Y", "sequence of hidden states"), ("W", "weights"),
                       ("R", "recurrence weights")):  # fmt: skip
        if not given.get(name):
            raise Unsupported(f"without its {what} {name}")
    fetched = ("X", "Y")
    return {
        name: (None if name in fetched else _constant(view, tensor)) or _key(view, tensor)
        for name, tensor in given.items()
        if tensor
    }


def _owner(view: GraphView, name: str) -> GraphView:
    while view.parent is not None and not view.defines(name):
        view = view.parent
    return view


def _key(view: GraphView, name: str) -> str:
    return _owner(view, name).key(name)


def _constant(view: GraphView, name: str) -> Callable[[], Array] | None:
    """Return what loads a constant, None for a tensor that must be fetched.

    An initialiser that is an input of the graph too may be overridden: it is fetched.
    """
    owner = _owner(view, name)
    tensor, producer = owner.initializers.get(name), owner.producer_of(name)
    if isinstance(tensor, onnx.TensorProto):
        overridable = any(i.name == name for i in owner.graph.input)
        return None if overridable else cache(partial(_load, tensor, owner.folder))
    if producer is not None and producer.op_type == "Constant":
        value = owner.constant(name)
        return None if value is None else lambda: value
    return None


def _load(tensor: onnx.TensorProto, folder: Path) -> Array:
    try:
        return array_of(tensor, folder)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise ModelError(f"cannot read the weights {tensor.name!r} in {folder}: {exc}") from exc

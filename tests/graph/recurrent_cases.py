"""Recurrent operators of every make, run by ONNX Runtime, and what is recomputed of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from onnx_affscore.graph.infer import infer, types_of
from onnx_affscore.graph.recurrent import RecurrentActivation, recurrent
from onnx_affscore.graph.view import GraphView
from onnx_affscore.records import Array

__all__ = ["BLOCKS", "FULL", "GATES", "TOLERANCE", "Case", "error", "inputs_of", "inside",
           "model_of", "outputs_of", "run", "value_info", "view_of"]  # fmt: skip

OPERANDS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
BLOCKS = {"LSTM": 4, "GRU": 3, "RNN": 1}
GATES = {
    "LSTM": ["input_gate", "output_gate", "forget_gate", "cell_gate", "hidden"],
    "GRU": ["update_gate", "reset_gate", "hidden_gate"],
    "RNN": ["hidden"],
}
FULL = {
    "LSTM": ("B", "sequence_lens", "initial_h", "initial_c", "P"),
    "GRU": ("B", "sequence_lens", "initial_h"),
    "RNN": ("B", "sequence_lens", "initial_h"),
}
# Rounding of the sums of a step and of the runtime's rational tanh and sigmoid, a few units in
# the last place each; the cell state of an LSTM adds those of the steps before.
TOLERANCE = {"float32": 16 * 2.0**-23, "float16": 2 * 2.0**-10}


@dataclass(frozen=True)
class Case:
    """An operator with its attributes, its optional operands and its sizes."""

    op: str
    direction: str = "forward"
    operands: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 6
    samples: int = 5
    inputs: int = 3
    width: int = 4
    dtype: str = "float32"
    seed: int = 0

    @property
    def directions(self) -> tuple[str, ...]:
        both = {"bidirectional": ("forward", "reverse")}
        return both.get(self.direction, (self.direction,))

    def __str__(self) -> str:
        parts = [self.op, self.direction, *self.operands, *map(str, self.attributes), self.dtype]
        return "-".join(parts)

    def arrays(self) -> dict[str, Array]:
        """Random operands; weights large enough to leave the linear part of the functions."""
        rng = np.random.default_rng(self.seed)
        k, count = BLOCKS[self.op], len(self.directions)
        shapes = {
            "X": (self.steps, self.samples, self.inputs),
            "W": (count, k * self.width, self.inputs),
            "R": (count, k * self.width, self.width),
            "B": (count, 2 * k * self.width),
            "initial_h": (count, self.samples, self.width),
            "initial_c": (count, self.samples, self.width),
            "P": (count, 3 * self.width),
        }
        made: dict[str, Array] = {
            name: rng.normal(scale=0.7, size=shape).astype(self.dtype)
            for name, shape in shapes.items()
        }
        made["sequence_lens"] = rng.integers(1, self.steps + 1, self.samples).astype(np.int32)
        return {n: made[n] for n in OPERANDS if n in ("X", "W", "R", *self.operands)}


def model_of(
    case: Case, arrays: Mapping[str, Array], *, dynamic: Sequence[str] = (), **more: Any
) -> onnx.ModelProto:
    """A model of the one operator; ``dynamic`` operands are inputs, the others initialisers."""
    given_ = [n if n in arrays else "" for n in OPERANDS]
    while not given_[-1]:
        given_.pop()
    outputs = ["Y", "Y_h", "Y_c"] if case.op == "LSTM" else ["Y", "Y_h"]
    attributes = {"hidden_size": case.width, "direction": case.direction, **case.attributes, **more}
    node = helper.make_node(case.op, given_, outputs, name="cell", **attributes)
    inputs = ("X", "sequence_lens", "initial_h", "initial_c", *dynamic)
    graph = helper.make_graph(
        [node],
        "g",
        [value_info(n, arrays[n].dtype, arrays[n].shape) for n in arrays if n in inputs],
        [value_info(n, np.dtype(case.dtype), None) for n in outputs],
        [numpy_helper.from_array(a, n) for n, a in arrays.items() if n not in inputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def value_info(name: str, dtype: Any, shape: Sequence[int] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def run(proto: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    return dict(zip(outputs, session.run(outputs, {n: feeds[n] for n in names}), strict=True))


def view_of(proto: onnx.ModelProto, folder: Path = Path()) -> GraphView:
    return GraphView(proto.graph, types=types_of(infer(proto)), folder=folder)


def inside(case: Case, **options: Any) -> tuple[list[RecurrentActivation], dict[str, Array]]:
    """What is found in the case's operator, and every tensor of a run of it."""
    arrays = case.arrays()
    proto = model_of(case, arrays, **options)
    return recurrent(view_of(proto), 0), arrays | run(proto, arrays)


Sides = Mapping[tuple[str, str], Array]


def inputs_of(found: Sequence[RecurrentActivation], tensors: Mapping[str, Array]) -> Sides:
    return {(a.direction, a.gate): a.input.compute(tensors) for a in found}


def outputs_of(found: Sequence[RecurrentActivation], tensors: Mapping[str, Array]) -> Sides:
    return {(a.direction, a.gate): a.output.compute(tensors) for a in found}


def _previous(case: Case, tensors: Mapping[str, Array], place: int) -> Array:
    """H_{t-1} of each sample, spelled out: (samples, steps, hidden)."""
    y = tensors["Y"][:, place].astype(np.float64)
    reverse = case.directions[place] == "reverse"
    lengths = tensors.get("sequence_lens", np.full(case.samples, case.steps))
    previous = np.zeros((case.samples, case.steps, case.width))
    for i, length in enumerate(lengths):
        state = np.zeros(case.width)
        if "initial_h" in tensors:
            state = tensors["initial_h"][place, i].astype(np.float64)
        for t in range(length)[:: -1 if reverse else 1]:
            previous[i, t] = state
            state = y[t, i]
    return previous


def _rebuilt(case: Case, found: Sequence[RecurrentActivation], tensors: Any) -> list[Array]:
    """The hidden states that follow from the gates, (samples, steps, hidden) per direction."""
    after, states = outputs_of(found, tensors), []
    for place, name in enumerate(case.directions):
        if case.op == "LSTM":
            states.append(after[name, "output_gate"] * after[name, "hidden"])
        elif case.op == "GRU":
            z, n = after[name, "update_gate"], after[name, "hidden_gate"]
            states.append((1 - z) * n + z * _previous(case, tensors, place))
        else:
            states.append(after[name, "hidden"])
    return states


def error(case: Case, found: Sequence[RecurrentActivation], tensors: Mapping[str, Array]) -> float:
    """The largest deviation of the rebuilt hidden states from those that came out."""
    worst = 0.0
    for place, states in enumerate(_rebuilt(case, found, tensors)):
        y = tensors["Y"][:, place].astype(np.float64).swapaxes(0, 1)
        scale = max(1.0, float(np.abs(y).max()))
        worst = max(worst, float(np.ma.max(np.ma.abs(states - y))) / scale)
    return worst

"""The equations of LSTM, GRU and RNN: every gate's pre-activation from the states that came out.

The hidden states H are known, so that only the cell state C of an LSTM is a recursion, and an
elementwise one. Arrays are time-major: (time steps, samples, features).
"""

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np

from onnx_affscore.records import Array, FloatArray

__all__ = ["KINDS", "Cell", "Function", "Operand", "Recomputed", "recompute"]

Function: TypeAlias = Callable[[FloatArray], FloatArray]
# The name of a tensor that is fetched, or what loads a constant.
Operand: TypeAlias = str | Callable[[], Array]
_Gates: TypeAlias = Mapping[tuple[str, str], FloatArray]


@final
@dataclass(frozen=True, slots=True)
class Cell:
    """What the attributes say: the activation functions f, g, h, and how they are used.

    ``clip`` bounds the inputs of the gates to [-clip, clip], None leaves them alone. ``coupled``
    (``input_forget``) replaces the forget gate by 1 - i. ``linear_first``
    (``linear_before_reset``) resets what the hidden state was multiplied to.
    """

    functions: Sequence[Function]
    clip: float | None = None
    coupled: bool = False
    linear_first: bool = False

    def clipped(self, x: FloatArray) -> FloatArray:
        """Return the input of a gate's activation, held within the clip."""
        return x if self.clip is None else np.clip(x, -self.clip, self.clip)


@final
@dataclass(frozen=True, slots=True)
class Direction:
    """What one direction read and put out, in float64.

    ``x``: (s, n, i) inputs; ``y``: (s, n, d) hidden states. ``w``: (k d, i) and ``r``: (k d, d)
    weights of the k gates; ``wb`` and ``rb``: (k d,) biases; ``p``: (3, d) peepholes. ``h0`` and
    ``c0``: (n, d) initial states. ``lengths``: (n,) steps of each sample; the others are padding.
    ``reverse`` reads each sample from its last step to its first.
    """

    x: FloatArray
    y: FloatArray
    w: FloatArray
    r: FloatArray
    wb: FloatArray
    rb: FloatArray
    p: FloatArray
    h0: FloatArray
    c0: FloatArray
    lengths: Array
    reverse: bool

    @property
    def valid(self) -> Array:
        """Which steps are the sample's own, (s, n); the others are padding."""
        return np.asarray(np.arange(len(self.y))[:, None] < self.lengths)

    def previous(self) -> FloatArray:
        """Return H_{t-1}: what came out a step earlier in the direction of reading."""
        if not self.reverse:
            return np.concatenate([self.h0[None], self.y[:-1]])[: len(self.y)]
        later = np.concatenate([self.y[1:], self.h0[None]])[: len(self.y)]
        last = np.arange(1, len(self.y) + 1)[:, None] >= self.lengths
        return np.where(last[..., None], self.h0, later)


def lstm(direction: Direction, cell: Cell) -> dict[str, FloatArray]:
    """Return the inputs of f, g and h of an LSTM, whose equations are

    - i_t = f(X_t W_i^T + H_{t-1} R_i^T + P_i C_{t-1} + Wb_i + Rb_i)
    - f_t = f(X_t W_f^T + H_{t-1} R_f^T + P_f C_{t-1} + Wb_f + Rb_f), or 1 - i_t where coupled
    - c_t = g(X_t W_c^T + H_{t-1} R_c^T + Wb_c + Rb_c)
    - C_t = f_t C_{t-1} + i_t c_t
    - o_t = f(X_t W_o^T + H_{t-1} R_o^T + P_o C_t + Wb_o + Rb_o)
    - H_t = o_t h(C_t)

    ONNX Runtime does not clip C_t, though the specification speaks of every activation's input;
    the states come from it, so neither does this.
    """
    f, g, _ = cell.functions
    bias = direction.wb + direction.rb
    z = direction.x @ direction.w.T + direction.previous() @ direction.r.T + bias
    zi, zo, zf, zc = np.split(z, 4, axis=-1)
    peep_i, peep_o, peep_f = direction.p
    zc = cell.clipped(zc)
    candidate, states = g(zc), np.empty_like(zc)
    state, valid = direction.c0, direction.valid[..., None]
    steps = range(len(z))
    for t in reversed(steps) if direction.reverse else steps:
        zi[t] = cell.clipped(zi[t] + peep_i * state)
        zf[t] = cell.clipped(zf[t] + peep_f * state)
        opened = f(zi[t])
        kept = 1 - opened if cell.coupled else f(zf[t])
        states[t] = kept * state + opened * candidate[t]
        state = np.where(valid[t], states[t], direction.c0)
    gates = {"input_gate": zi, "output_gate": cell.clipped(zo + peep_o * states)}
    gates |= {} if cell.coupled else {"forget_gate": zf}
    return gates | {"cell_gate": zc, "hidden": states}


def gru(direction: Direction, cell: Cell) -> dict[str, FloatArray]:
    """Return the inputs of f and g of a GRU, whose equations are

    - z_t = f(X_t W_z^T + H_{t-1} R_z^T + Wb_z + Rb_z)
    - r_t = f(X_t W_r^T + H_{t-1} R_r^T + Wb_r + Rb_r)
    - h_t = g(X_t W_h^T + (r_t H_{t-1}) R_h^T + Rb_h + Wb_h), or
      g(X_t W_h^T + r_t (H_{t-1} R_h^T + Rb_h) + Wb_h) where the linear map is first
    - H_t = (1 - z_t) h_t + z_t H_{t-1}
    """
    f, _ = cell.functions
    previous = direction.previous()
    wide = 2 * direction.y.shape[-1]
    r_zr, r_h = direction.r[:wide], direction.r[wide:]
    x = direction.x @ direction.w.T + direction.wb
    zr = cell.clipped(x[..., :wide] + previous @ r_zr.T + direction.rb[:wide])
    update, reset = np.split(zr, 2, axis=-1)
    opened, rb_h = f(reset), direction.rb[wide:]
    if cell.linear_first:
        recurrent = opened * (previous @ r_h.T + rb_h)
    else:
        recurrent = (opened * previous) @ r_h.T + rb_h
    hidden = cell.clipped(x[..., wide:] + recurrent)
    return {"update_gate": update, "reset_gate": reset, "hidden_gate": hidden}


def rnn(direction: Direction, cell: Cell) -> dict[str, FloatArray]:
    """Return the input of f of an RNN: H_t = f(X_t W_i^T + H_{t-1} R_i^T + Wb_i + Rb_i)."""
    bias = direction.wb + direction.rb
    z = direction.x @ direction.w.T + direction.previous() @ direction.r.T + bias
    return {"hidden": cell.clipped(z)}


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """One recurrent operator: its equations, its gates, and which function each of them has.

    ``gates``: gate to the place of its function among ``defaults``, the functions that an operator
    has where it names none; both in the order of the equations.
    """

    equations: Callable[[Direction, Cell], dict[str, FloatArray]]
    gates: Mapping[str, int]
    defaults: tuple[str, ...]


_LSTM_GATES = {"input_gate": 0, "output_gate": 0, "forget_gate": 0, "cell_gate": 1, "hidden": 2}
_GRU_GATES = {"update_gate": 0, "reset_gate": 0, "hidden_gate": 1}

KINDS: Mapping[str, Kind] = {
    "LSTM": Kind(lstm, _LSTM_GATES, ("Sigmoid", "Tanh", "Tanh")),
    "GRU": Kind(gru, _GRU_GATES, ("Sigmoid", "Tanh")),
    "RNN": Kind(rnn, {"hidden": 0}, ("Tanh",)),
}

# The axes of an operand; loops around the operator stack further ones in front of them.
_RANKS = {"X": 3, "Y": 4, "W": 3, "R": 3, "B": 2, "sequence_lens": 1, "initial_h": 3,
          "initial_c": 3, "P": 2}  # fmt: skip


def recompute(
    operands: Mapping[str, Array],
    op: str,
    cells: Mapping[str, Cell],
    *,
    batch_first: bool,
    width: int,
) -> dict[tuple[str, str], FloatArray]:
    """Return the input of every gate's activation by direction and gate, (n, s, d), read-only.

    ``operands``: the arrays of the operator by the specification's names, optional ones left out;
    ``cells``: one per direction; ``width``: d. Masked where ``sequence_lens`` leaves padding. The
    steps of a loop's iterations follow one another; no samples where there is nothing to compute
    from (no iteration, or the branch of an If that did not run).
    """
    kind = KINDS[op]
    if any(a.ndim < _RANKS[name] or a.size == 0 for name, a in operands.items()):
        nothing = np.empty((0, 1, width))
        return {(name, gate): nothing for name in cells for gate in kind.gates}
    parts = [_at_once(turn, kind, cells, batch_first) for turn in _turns(operands)]
    join = np.ma.concatenate if "sequence_lens" in operands else np.concatenate
    gates = {k: join([p[k] for p in parts], axis=1) if parts[1:] else parts[0][k] for k in parts[0]}
    for values in gates.values():
        values.setflags(write=False)
    return gates


def _turns(operands: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    """Yield the operands of each iteration of the loops around the operator."""
    loops = operands["Y"].shape[: -_RANKS["Y"]]
    for turn in np.ndindex(loops):
        # An operand from further outside has fewer axes: those of the outer loops.
        yield {name: a[turn[: a.ndim - _RANKS[name]]] for name, a in operands.items()}


def _at_once(
    operands: Mapping[str, Array], kind: Kind, cells: Mapping[str, Cell], batch_first: bool
) -> dict[tuple[str, str], FloatArray]:
    wide = {name: a.astype(np.float64) for name, a in operands.items()}
    if batch_first:
        wide["X"], wide["Y"] = wide["X"].swapaxes(0, 1), wide["Y"].transpose(1, 2, 0, 3)
        wide |= {k: wide[k].swapaxes(0, 1) for k in ("initial_h", "initial_c") if k in wide}
    x, y = wide["X"], wide["Y"]
    steps, directions, samples, width = y.shape
    lengths = np.clip(wide.get("sequence_lens", np.full(samples, steps)), 0, steps)
    states = np.zeros((directions, samples, width))
    biases = wide.get("B", np.zeros((directions, 2 * wide["R"].shape[1])))
    peepholes = wide.get("P", np.zeros((directions, 3 * width)))
    gates: dict[tuple[str, str], FloatArray] = {}
    for i, (name, cell) in enumerate(cells.items()):
        wb, rb = np.split(biases[i], 2)
        direction = Direction(
            x=x,
            y=y[:, i],
            w=wide["W"][i],
            r=wide["R"][i],
            wb=wb,
            rb=rb,
            p=peepholes[i].reshape(3, width),
            h0=wide.get("initial_h", states)[i],
            c0=wide.get("initial_c", states)[i],
            lengths=lengths,
            reverse=name == "reverse",
        )
        padding = ~direction.valid.T[..., None]
        for gate, values in kind.equations(direction, cell).items():
            swapped = values.swapaxes(0, 1)
            masked = np.ma.array(swapped, mask=np.broadcast_to(padding, swapped.shape))
            gates[name, gate] = masked if padding.any() else swapped
    return gates


@final
class Recomputed:
    """The gates of one operator, kept until the arrays that they were computed from are gone."""

    def __init__(
        self, operands: Mapping[str, Operand], compute: Callable[[Mapping[str, Array]], _Gates]
    ) -> None:
        self.fetches = tuple(dict.fromkeys(o for o in operands.values() if isinstance(o, str)))
        self._operands, self._compute = operands, compute
        self._kept: tuple[list[weakref.ref[Array]], _Gates] | None = None

    def of(self, direction: str, gate: str, fetched: Mapping[str, Array]) -> Array:
        """Return the input of a gate's activation."""
        arrays = [fetched[name] for name in self.fetches]
        kept = self._kept
        if kept is None or any(r() is not a for r, a in zip(kept[0], arrays, strict=True)):
            operands = {
                name: fetched[o] if isinstance(o, str) else o()
                for name, o in self._operands.items()
            }
            kept = [weakref.ref(a, self._drop) for a in arrays], self._compute(operands)
            self._kept = kept
        return kept[1][direction, gate]

    def _drop(self, _gone: weakref.ref[Array]) -> None:
        self._kept = None

"""The gates of LSTM, GRU and RNN are those of the same recurrence in elementary operators."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from onnx_affscore.graph.recurrent import recurrent
from onnx_affscore.records import Array
from tests.builder import Builder
from tests.graph.recurrent_cases import FULL, GATES, TOLERANCE, Case, model_of, run, view_of


class _Unrolled(Builder):
    """Elementary operators in float64 that spell a recurrence; every gate is an output."""

    def __init__(self, case: Case, arrays: Mapping[str, Array]) -> None:
        super().__init__(opset=17, dtype="float64")
        self.case, self.arrays = case, arrays
        self.shown: dict[tuple[str, int], str] = {}

    def affine(self, x: str, kind: str, block: int, bias: Sequence[int]) -> str:
        """x times the transposed block of W or R, plus the blocks of B counted in ``bias``."""
        d = self.case.width
        weights = self.arrays[kind][0][block * d : (block + 1) * d].T
        y = self.op("MatMul", x, self.tensor(weights))
        for b in bias:
            y = self.op("Add", y, self.tensor(self.arrays["B"][0][b * d : (b + 1) * d]))
        return y

    def gate(self, name: str, step: int, function: str, before: str) -> str:
        after = self.op(function, before)
        self.shown[f"{name}/before", step] = before
        self.shown[f"{name}/after", step] = after
        return after

    def lstm(self, x: str, h: str, c: str, t: int) -> tuple[str, str]:
        def total(block: int, peephole: int | None = None, cell: str = "") -> str:
            z = self.op(
                "Add", self.affine(x, "W", block, [block]), self.affine(h, "R", block, [4 + block])
            )
            if peephole is None:
                return z
            d = self.case.width
            p = self.tensor(self.arrays["P"][0][peephole * d : (peephole + 1) * d])
            return self.op("Add", z, self.op("Mul", p, cell))

        i = self.gate("input_gate", t, "Sigmoid", total(0, 0, c))
        f = self.gate("forget_gate", t, "Sigmoid", total(2, 2, c))
        g = self.gate("cell_gate", t, "Tanh", total(3))
        c = self.op("Add", self.op("Mul", f, c), self.op("Mul", i, g))
        o = self.gate("output_gate", t, "Sigmoid", total(1, 1, c))
        return self.op("Mul", o, self.gate("hidden", t, "Tanh", c)), c

    def gru(self, x: str, h: str, c: str, t: int) -> tuple[str, str]:
        def total(block: int) -> str:
            return self.op(
                "Add", self.affine(x, "W", block, [block]), self.affine(h, "R", block, [3 + block])
            )

        z = self.gate("update_gate", t, "Sigmoid", total(0))
        r = self.gate("reset_gate", t, "Sigmoid", total(1))
        if self.case.attributes.get("linear_before_reset"):
            inner = self.op("Mul", r, self.affine(h, "R", 2, [5]))
        else:
            inner = self.affine(self.op("Mul", r, h), "R", 2, [5])
        n = self.gate("hidden_gate", t, "Tanh", self.op("Add", self.affine(x, "W", 2, [2]), inner))
        kept = self.op("Mul", z, h)
        return self.op("Add", self.op("Mul", self.op("Sub", self.const(1.0), z), n), kept), c

    def rnn(self, x: str, h: str, c: str, t: int) -> tuple[str, str]:
        z = self.op("Add", self.affine(x, "W", 0, [0]), self.affine(h, "R", 0, [1]))
        return self.gate("hidden", t, "Tanh", z), c

    def run(self) -> dict[str, Array]:
        """Gates by name and side, and Y, each (samples, steps, hidden)."""
        case = self.case
        step: Callable[[str, str, str, int], tuple[str, str]] = getattr(self, case.op.lower())
        h = self.tensor(self.arrays["initial_h"][0])
        c = self.tensor(self.arrays.get("initial_c", self.arrays["initial_h"])[0])
        order = range(case.steps)
        for t in reversed(order) if case.direction == "reverse" else order:
            h, c = step(self.input([case.samples, case.inputs], f"x{t}"), h, c, t)
            self.shown["Y", t] = h
        for name in self.shown.values():
            self.output(name)
        made = run(self.proto(), {f"x{t}": x for t, x in enumerate(self.arrays["X"])})
        return {
            key: np.stack([made[self.shown[key, t]] for t in order], axis=1)
            for key in {k for k, _ in self.shown}
        }


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize(
    ("op", "attributes"),
    [("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1}), ("RNN", {})],
    ids=str,
)
def test_gates_are_those_of_the_unrolled_graph(
    op: str, attributes: dict[str, int], direction: str
) -> None:
    operands = tuple(o for o in FULL[op] if o != "sequence_lens")
    case = Case(op, direction, operands, attributes)
    arrays = case.arrays()
    exact = {n: a.astype(np.float64) for n, a in arrays.items()}
    unrolled = _Unrolled(case, exact).run()
    proto = model_of(case, exact, dynamic=["W", "R", "B", "P"])
    single = arrays | run(model_of(case, arrays), arrays)
    found = recurrent(view_of(proto), 0)
    assert len(found) == len(GATES[op])
    for activation in found:
        before, after = unrolled[f"{activation.gate}/before"], unrolled[f"{activation.gate}/after"]
        # In float64, from the float64 states: nothing but the order of the sums differs.
        tensors = exact | {"Y": unrolled["Y"].swapaxes(0, 1)[:, None]}
        np.testing.assert_allclose(activation.input.compute(tensors), before, atol=1e-13)
        np.testing.assert_allclose(activation.output.compute(tensors), after, atol=1e-13)
        # From the operator's own float32 states.
        rounding = TOLERANCE["float32"]
        np.testing.assert_allclose(activation.input.compute(single), before, atol=rounding)
        np.testing.assert_allclose(activation.output.compute(single), after, atol=rounding)
        wrong = tensors | {"R": exact["R"] * (1 + 1e-9)}
        assert not np.allclose(activation.input.compute(wrong), before, rtol=0, atol=1e-13)

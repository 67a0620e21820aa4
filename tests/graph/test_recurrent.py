"""What goes on inside LSTM, GRU and RNN is recomputed from what ONNX Runtime puts out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnx_affscore.graph.recurrent import recurrent
from tests.graph.recurrent_cases import (
    BLOCKS,
    FULL,
    GATES,
    TOLERANCE,
    Case,
    error,
    inputs_of,
    inside,
    model_of,
    outputs_of,
    run,
    view_of,
)


def _cases() -> list[Case]:
    cases = []
    for op in BLOCKS:
        for direction in ("forward", "reverse", "bidirectional"):
            subsets = [(), ("B",), ("sequence_lens",), ("initial_h",), FULL[op]]
            cases += [Case(op, direction, operands) for operands in subsets]
            cases.append(Case(op, direction, FULL[op], {"clip": 0.6}))
        cases.append(Case(op, "bidirectional", FULL[op], dtype="float16"))
    for direction in ("forward", "reverse", "bidirectional"):
        cases += [
            Case("LSTM", direction, ("P",)),
            Case("LSTM", direction, ("initial_c", "P")),
            Case("LSTM", direction, ("B",), {"input_forget": 1}),
            Case("LSTM", direction, FULL["LSTM"], {"input_forget": 1, "clip": 0.8}),
            Case("GRU", direction, ("B",), {"linear_before_reset": 1}),
            Case("GRU", direction, FULL["GRU"], {"linear_before_reset": 1, "clip": 0.5}),
        ]
    return cases


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_the_hidden_states_follow_from_the_gates(case: Case) -> None:
    found, tensors = inside(case)
    coupled = case.attributes.get("input_forget")
    gates = [g for g in GATES[case.op] if not (coupled and g == "forget_gate")]
    assert [(a.direction, a.gate) for a in found] == [
        (d, g) for d in case.directions for g in gates
    ]
    assert error(case, found, tensors) <= TOLERANCE[case.dtype]


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_a_wrong_weight_shows(case: Case) -> None:
    found, tensors = inside(case, dynamic=["W", "R"])
    for name in ("W", "R"):
        wrong = tensors | {name: (tensors[name] + 0.05).astype(case.dtype)}
        assert error(case, found, wrong) > 2 * TOLERANCE[case.dtype]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("extra", [(), ("P",), ("initial_c", "B")], ids=str)
def test_the_last_cell_state_is_the_operators_own(direction: str, extra: tuple[str, ...]) -> None:
    case = Case("LSTM", direction, ("sequence_lens", *extra))
    found, tensors = inside(case)
    before = inputs_of(found, tensors)
    for place, name in enumerate(case.directions):
        cells = np.ma.filled(before[name, "hidden"], np.nan)
        last = tensors["sequence_lens"] - 1 if name == "forward" else np.zeros(5, int)
        np.testing.assert_allclose(
            cells[np.arange(5), last], tensors["Y_c"][place], atol=TOLERANCE["float32"]
        )


@dataclass(frozen=True)
class Named:
    """Activation functions as the attributes name them, and as a reader sees them."""

    names: tuple[str, ...]
    seen: tuple[tuple[str, Mapping[str, float]], ...]
    alpha: tuple[float, ...] = ()
    beta: tuple[float, ...] = ()

    def attributes(self) -> dict[str, Any]:
        lists = {"activation_alpha": list(self.alpha), "activation_beta": list(self.beta)}
        return {"activations": list(self.names)} | {k: v for k, v in lists.items() if v}


_SCALED = {"scale_out": 1.2, "scale_in": 0.7, "shift_in": 0.0, "shift_out": 0.0}
_NAMED = [
    Named(("Relu",), (("Relu", {}),)),
    Named(("Sigmoid",), (("Sigmoid", {}),)),
    Named(("Softsign",), (("Softsign", {}),)),
    Named(("Softplus",), (("Softplus", {}),)),
    Named(("LeakyRelu",), (("LeakyRelu", {"alpha": 0.01}),)),
    Named(("LeakyRelu",), (("LeakyRelu", {"alpha": 0.3}),), (0.3,)),
    Named(("LeakyRelu",), (("Relu", {}),), (0.0,)),
    Named(("ThresholdedRelu",), (("ThresholdedRelu", {"alpha": 0.25}),), (0.25,)),
    Named(("Elu",), (("Elu", {"alpha": 1.0}),)),
    Named(("Elu",), (("Elu", {"alpha": 0.4}),), (0.4,)),
    Named(("HardSigmoid",), (("HardSigmoid", {"alpha": 0.2, "beta": 0.5}),)),
    Named(("HardSigmoid",), (("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),), (0.3,), (0.4,)),
    Named(("ScaledTanh",), (("Tanh", _SCALED),), (1.2,), (0.7,)),
    Named(("ScaledTanh",), (("Tanh", {"softcap": 0.5}),), (0.5,), (2.0,)),
]


@pytest.mark.parametrize("named", _NAMED, ids=lambda n: f"{n.names[0]}{list(n.alpha)}")
def test_every_function_is_named_and_recomputed(named: Named) -> None:
    case = Case("RNN", "forward", ("B",), named.attributes())
    found, tensors = inside(case)
    for activation, (name, params) in zip(found, named.seen, strict=True):
        assert activation.activation == name
        assert activation.params == pytest.approx(params)
    assert error(case, found, tensors) <= TOLERANCE["float32"]


def test_functions_take_the_parameters_that_they_need_in_order() -> None:
    attributes = {
        "activations": ["HARDSIGMOID", "leakyrelu", "Tanh", "sigmoid", "elu", "HardSigmoid"],
        "activation_alpha": [0.3, 0.1, 0.6, 0.25],
        "activation_beta": [0.45],
    }
    case = Case("LSTM", "bidirectional", ("B",), attributes)
    found, tensors = inside(case)
    gate = ("HardSigmoid", pytest.approx({"alpha": 0.3, "beta": 0.45}))
    assert [(a.activation, a.params) for a in found] == [
        *[gate] * 3,
        ("LeakyRelu", pytest.approx({"alpha": 0.1})),
        ("Tanh", {}),
        *[("Sigmoid", {})] * 3,
        ("Elu", pytest.approx({"alpha": 0.6})),
        ("HardSigmoid", pytest.approx({"alpha": 0.25, "beta": 0.5})),
    ]
    assert error(case, found, tensors) <= TOLERANCE["float32"]


def test_affine_functions_are_no_activations() -> None:
    attributes = {
        "activations": ["Sigmoid", "Affine", "Tanh"],
        "activation_alpha": [0.8],
        "activation_beta": [0.1],
    }
    case = Case("LSTM", "forward", ("B",), attributes)
    found, tensors = inside(case)
    assert [a.gate for a in found] == ["input_gate", "output_gate", "forget_gate", "hidden"]
    assert error(case, found, tensors) <= TOLERANCE["float32"]


@given(data=st.data())
@settings(max_examples=60)
def test_any_small_operator_is_recomputed(data: st.DataObject) -> None:
    op = data.draw(st.sampled_from(sorted(BLOCKS)))
    small = st.integers(1, 5)
    flag = {"LSTM": "input_forget", "GRU": "linear_before_reset"}.get(op)
    attributes: dict[str, Any] = {flag: data.draw(st.integers(0, 1))} if flag else {}
    if data.draw(st.booleans()):
        attributes["clip"] = data.draw(st.sampled_from([0.3, 1.0, 4.0]))
    case = Case(
        op,
        data.draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        tuple(o for o in FULL[op] if data.draw(st.booleans())),
        attributes,
        steps=data.draw(small),
        samples=data.draw(small),
        inputs=data.draw(small),
        width=data.draw(small),
        seed=data.draw(st.integers(0, 1000)),
    )
    found, tensors = inside(case)
    assert error(case, found, tensors) <= TOLERANCE["float32"]


@pytest.mark.parametrize("op", BLOCKS)
def test_padding_is_masked_and_only_padding(op: str) -> None:
    case = Case(op, "bidirectional", ("sequence_lens",))
    found, tensors = inside(case)
    wanted = np.arange(case.steps) >= tensors["sequence_lens"][:, None]
    assert wanted.any()
    for side in (*inputs_of(found, tensors).values(), *outputs_of(found, tensors).values()):
        assert side.shape == (case.samples, case.steps, case.width)
        np.testing.assert_array_equal(
            np.ma.getmaskarray(side), np.repeat(wanted[..., None], case.width, axis=2)
        )


@pytest.mark.parametrize("op", BLOCKS)
def test_what_padding_holds_changes_nothing(op: str) -> None:
    case = Case(op, "bidirectional", FULL[op])
    found, tensors = inside(case)
    padding = np.arange(case.steps)[:, None] >= tensors["sequence_lens"]
    other = tensors | {"X": np.where(padding[..., None], 1e6, tensors["X"]).astype(np.float32)}
    before = inputs_of(found, tensors)
    for key, side in inputs_of(found, other).items():
        np.testing.assert_array_equal(np.ma.filled(side), np.ma.filled(before[key]))


def test_full_sequences_leave_no_mask() -> None:
    case = Case("GRU", "forward", ("sequence_lens",))
    found, tensors = inside(case)
    full = tensors | {"sequence_lens": np.full(case.samples, case.steps, np.int32)}
    assert not any(np.ma.isMaskedArray(side) for side in inputs_of(found, full).values())


@pytest.mark.parametrize("op", BLOCKS)
def test_the_batch_may_come_first(op: str) -> None:
    """ONNX Runtime's processor kernels have no layout 1: the same states, axes moved."""
    case = Case(op, "bidirectional", FULL[op])
    found, tensors = inside(case)
    moved = dict(tensors)
    moved["Y"] = tensors["Y"].transpose(2, 0, 1, 3)
    for name in {"X", "initial_h", "initial_c"} & set(moved):
        moved[name] = tensors[name].swapaxes(0, 1)
    other = recurrent(view_of(model_of(case, case.arrays(), layout=1)), 0)
    wanted = outputs_of(found, tensors)
    for key, side in outputs_of(other, moved).items():
        np.testing.assert_array_equal(side, wanted[key])


def joined(*parts: Any) -> Any:
    concatenate: Any = np.ma.concatenate
    return concatenate(parts, axis=1)


def test_iterations_of_loops_follow_one_another() -> None:
    case = Case("LSTM", "forward", ("initial_h", "sequence_lens"))
    found, _ = inside(case)
    turns = []
    for seed in range(3):
        arrays = case.arrays() | {"X": Case("LSTM", seed=seed).arrays()["X"]}
        turns.append(arrays | run(model_of(case, case.arrays()), arrays))
    stacked = turns[0] | {n: np.stack([t[n] for t in turns]) for n in ("X", "Y")}
    apart = [inputs_of(found, t) for t in turns]
    for key, side in inputs_of(found, stacked).items():
        np.testing.assert_array_equal(side, joined(*(a[key] for a in apart)))


def test_a_branch_that_did_not_run_has_no_samples() -> None:
    case = Case("LSTM")
    found, tensors = inside(case)
    side = found[0].output.compute(tensors | {"Y": np.zeros(0, np.float32)})
    assert side.shape == (0, 1, case.width)

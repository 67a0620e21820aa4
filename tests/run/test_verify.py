"""Unchanged outputs are proved to the bit, rounding is told from damage."""

from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from onnx_affscore.records import Array
from onnx_affscore.run.verify import Verdict, verify

Y = np.linspace(-2, 4, 12, dtype=np.float32).reshape(3, 4)
EPS = float(np.finfo(np.float32).eps)
# What verify grants for rounding: 64 units in the last place of the largest value.
GRANTED = 64 * EPS * 4


def never() -> Mapping[str, Any]:
    raise AssertionError("this run was not needed")


def verdict(
    tapped: Any, original: Any, *, unoptimised: Callable[[], Mapping[str, Any]] | None = None
) -> Verdict:
    return verify(
        {"y": tapped},
        original=lambda: {"y": original},
        unoptimised=unoptimised or (lambda: {"y": original}),
        names=["y"],
    )


SAME: list[Any] = [
    Y,
    Y.astype(np.float16),
    Y.astype(ml_dtypes.bfloat16),
    Y.astype(np.int64),
    np.array([np.nan, np.inf, -np.inf]),
    np.empty((0, 3)),
    np.array(["cat", "dog"], dtype=object),
    [Y, Y + 1],
    [{"cat": 0.25, "dog": 0.75}],
    [],
    None,
]


@pytest.mark.parametrize("value", SAME, ids=lambda v: str(getattr(v, "dtype", type(v).__name__)))
def test_equal_to_the_bit_is_proof_and_needs_one_more_run(value: Any) -> None:
    again = value.copy() if isinstance(value, np.ndarray) else value
    assert verdict(value, again, unoptimised=never) == Verdict(True)


def test_rounding_is_accepted_and_said() -> None:
    found = verdict(Y + np.float32(GRANTED / 4), Y)
    assert found.unchanged
    assert found.note is not None
    assert "equal to rounding" in found.note


def test_more_than_rounding_is_a_change() -> None:
    found = verdict(Y + np.float32(2 * GRANTED), Y)
    assert not found.unchanged
    assert found.note is not None
    assert found.note.startswith("output 'y' changed by 6.1e-05 ")


def test_one_changed_element_is_enough() -> None:
    damaged = Y.copy()
    damaged[2, 3] += 0.01
    assert not verdict(damaged, Y).unchanged


def test_twice_what_the_runtimes_optimisations_change_is_accepted() -> None:
    def plain() -> Mapping[str, Array]:
        return {"y": Y + 0.01}

    assert verdict(Y + 0.019, Y, unoptimised=plain).unchanged
    assert not verdict(Y + 0.021, Y, unoptimised=plain).unchanged


@pytest.mark.parametrize(
    "damaged",
    [
        Y[:2],
        Y.astype(np.int64),
        np.where(Y > 3, np.nan, Y),
        np.where(Y > 3, np.inf, Y),
        [Y],
        None,
    ],
    ids=["shape", "type", "nan", "inf", "sequence", "none"],
)
def test_another_kind_of_output_is_a_change(damaged: Any) -> None:
    assert not verdict(damaged, Y).unchanged


@pytest.mark.parametrize(
    ("damaged", "original"),
    [
        (np.array([1, 2]), np.array([1, 3])),
        (np.array(["a"], object), np.array(["b"], object)),
        ([{"a": 0.5}], [{"a": 0.25}]),
        ([{"a": 0.5}], [{"b": 0.5}]),
        ([Y], [Y, Y]),
    ],
)
def test_labels_and_maps_are_compared_too(damaged: Any, original: Any) -> None:
    assert not verdict(damaged, original).unchanged


def test_every_output_is_looked_at() -> None:
    outputs = {"a": Y, "b": Y}
    damaged = {"a": Y, "b": Y + 1}
    found = verify(damaged, original=lambda: outputs, unoptimised=lambda: outputs, names=["a", "b"])
    assert found.note is not None
    assert "'b'" in found.note


def test_a_model_that_differs_from_itself_is_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    found = verify(
        {"y": rng.normal(size=3)},
        original=lambda: {"y": rng.normal(size=3)},
        unoptimised=never,
        names=["y"],
    )
    assert found == Verdict(
        False, "the model is not deterministic: two runs on the same data differ"
    )

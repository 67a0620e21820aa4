"""The size of a batch fits memory; a short last one is filled up to what the model takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.records import Batch, InputHint, ProbedTensor, TensorSpec
from onnx_affscore.run.batching import automatic_size, first, padded, parts

HINTS = [
    InputHint(TensorSpec("x", "float32", (4, 2)), 0),
    InputHint(TensorSpec("state", "float32", (1, 4, 3)), 1),
    InputHint(TensorSpec("rate", "float32", ()), None),
]


def batch(size: int) -> Batch:
    feeds = {
        "x": np.arange(size * 2).reshape(size, 2),
        "state": np.arange(size * 3).reshape(1, size, 3),
        "rate": np.array(16000),
    }
    for array in feeds.values():
        array.flags.writeable = False
    return Batch(feeds, size)


@pytest.mark.parametrize("size", [1, 3])
def test_a_short_batch_repeats_its_last_sample_along_each_inputs_own_axis(size: int) -> None:
    short, full = batch(size), padded(batch(size), 4, HINTS)
    assert full.size == 4
    assert {n: a.shape for n, a in full.feeds.items()} == {
        "x": (4, 2), "state": (1, 4, 3), "rate": (),
    }  # fmt: skip
    for i in range(4):
        source = min(i, size - 1)
        np.testing.assert_array_equal(full.feeds["x"][i], short.feeds["x"][source])
        np.testing.assert_array_equal(full.feeds["state"][:, i], short.feeds["state"][:, source])
    assert full.feeds["rate"] == 16000


def test_a_full_batch_stays_as_it_is() -> None:
    full = batch(4)
    assert padded(full, 4, HINTS) is full


@given(st.integers(1, 9), st.integers(1, 12))
def test_parts_hold_every_sample_once_and_in_order(samples: int, size: int) -> None:
    whole = batch(samples)
    cut = list(parts(whole, size, HINTS))
    assert [p.size for p in cut[:-1]] == [size] * (len(cut) - 1)
    assert 1 <= cut[-1].size <= size
    assert sum(p.size for p in cut) == samples
    for name, axis in (("x", 0), ("state", 1)):
        joined = np.concatenate([p.feeds[name] for p in cut], axis=axis)
        np.testing.assert_array_equal(joined, whole.feeds[name])
    assert all(p.feeds["rate"] == 16000 for p in cut)


def test_text_is_filled_up_as_well() -> None:
    hints = [InputHint(TensorSpec("t", "string", (2,)), 0)]
    full = padded(Batch({"t": np.array(["hello"], object)}, 1), 2, hints)
    assert list(full.feeds["t"]) == ["hello", "hello"]


def test_the_first_batch_must_have_the_size_asked_for() -> None:
    assert first([], 2) is None
    assert first([batch(1)], 2) is None
    found = first([batch(2), batch(1)], 2)
    assert found is not None
    assert found.size == 2


def test_the_first_batch_does_not_read_on() -> None:
    def stream() -> object:
        yield batch(2)
        raise AssertionError("read on")

    assert first(stream(), 2) is not None  # type: ignore[arg-type]


shapes = st.lists(st.integers(0, 4096), max_size=4).map(tuple)


@given(st.lists(st.tuples(shapes, st.integers(1, 8)), max_size=6))
def test_the_automatic_size_fits_the_budget(tensors: list[tuple[tuple[int, ...], int]]) -> None:
    probed = [ProbedTensor("float32", shape, samples) for shape, samples in tensors]
    size = automatic_size(probed)
    assert 1 <= size <= 128
    largest = max((4 * np.prod(s, dtype=object) / samples for s, samples in tensors), default=0)
    assert size == 1 or size * largest <= 64 << 20
    assert size == 128 or (size + 1) * largest > 64 << 20


def test_only_the_largest_tensor_decides() -> None:
    small, large = (ProbedTensor("float32", (1, n, 1024), 1) for n in (64, 1024))
    assert automatic_size([large]) == automatic_size([large, *[small] * 70]) == 16
    assert automatic_size([small] * 70) == 128

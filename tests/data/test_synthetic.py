"""Made-up rows depend on seed, input and row; guesses are tried until the model runs."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data import open_source
from onnx_affscore.data.synthetic import RandomSource, first_that_runs
from onnx_affscore.errors import DataError, RunError
from onnx_affscore.records import Batch, InputHint

from .samples import hint, read, read_all

X = hint("x", ("n", 3))
STATE = hint("state", (2, "n", 5), axis=1)
IDS = hint("ids", ("n", "seq"), "int64", below=30)
GAIN = hint("gain", (4,), axis=None)


def source(*hints: InputHint, seed: int = 0, samples: int = 50) -> RandomSource:
    return RandomSource(hints=hints, seed=seed, samples=samples)


@given(st.integers(1, 60), st.integers(-5, 5))
def test_the_batch_size_changes_no_row(size: int, seed: int) -> None:
    made = source(X, STATE, IDS, seed=seed)
    whole = read_all(made, 50, axes={"state": 1})
    for name, rows in read_all(made, size, axes={"state": 1}).items():
        np.testing.assert_array_equal(rows, whole[name])


def test_rows_wider_than_a_block_are_the_same_too() -> None:
    made = source(hint("x", ("n", 70_000)), samples=3)
    np.testing.assert_array_equal(read(made, 1), read(made, 3))
    assert len(np.unique(read(made)[:, 0])) == 3


def test_more_samples_begin_with_the_same_rows() -> None:
    np.testing.assert_array_equal(read(source(X, samples=2000))[:50], read(source(X)))


def test_rows_inputs_and_seeds_differ() -> None:
    fed = read_all(source(X, hint("y", ("n", 3))))
    assert len(np.unique(fed["x"], axis=0)) == 50
    assert not np.array_equal(fed["x"], fed["y"])
    assert not np.array_equal(fed["x"], read(source(X, seed=1)))


def test_the_notes_say_what_was_made() -> None:
    assert source(X, STATE, IDS, GAIN).notes == (
        "x: float32 (n, 3), standard normal",
        "state: float32 (2, n, 5), standard normal",
        "ids: int64 (n, 8), uniform ids below 30",
        "gain: float32 (4,), standard normal",
    )


def test_an_input_without_sample_axis_keeps_its_value_over_the_run() -> None:
    values = {b.feeds["gain"].tobytes() for b in source(X, GAIN).batches(7)}
    assert len(values) == 1


def test_where_nothing_counts_samples_each_feed_is_a_new_sample() -> None:
    batches = list(source(GAIN, samples=5).batches(8))
    assert [b.size for b in batches] == [1] * 5
    assert len({b.feeds["gain"].tobytes() for b in batches}) == 5


def test_where_nothing_differs_there_is_one_sample() -> None:
    assert source(hint("M", (), "int64", axis=None)).count == 1
    (batch,) = source().batches(4)
    assert (batch.size, dict(batch.feeds)) == (1, {})


@pytest.mark.parametrize(("fixed", "count"), [(1, 50), (8, 48), (100, 100)])
def test_a_fixed_batch_makes_whole_feeds(fixed: int, count: int) -> None:
    assert source(hint("x", (fixed, 3))).count == count


def runs_with(length: int, seen: list[tuple[int, ...]]) -> Callable[[Batch], None]:
    def probe(batch: Batch) -> None:
        seen.append(batch.feeds["ids"].shape)
        if batch.feeds["ids"].shape[1] != length:
            raise RunError(f"got {batch.feeds['ids'].shape[1]}, expected {length}")

    return probe


def test_guesses_are_tried_until_the_model_runs() -> None:
    seen: list[tuple[int, ...]] = []
    found = first_that_runs(source(IDS), runs_with(1, seen))
    assert seen == [(1, 8), (1, 16), (1, 1)]
    assert next(found.batches(5)).feeds["ids"].shape == (5, 1)


def test_when_no_guess_runs_the_first_reason_is_told() -> None:
    with pytest.raises(DataError, match=r"tried ids \[1, 8\]; .*failed with: got 8, expected 77"):
        first_that_runs(source(IDS), runs_with(77, []))


def test_with_nothing_to_guess_the_failure_is_the_runtimes() -> None:
    def broken(_batch: Batch) -> None:
        raise RunError("no kernel")

    with pytest.raises(RunError, match="no kernel"):
        first_that_runs(source(X), broken)


def test_real_data_is_not_probed() -> None:
    real = open_source(np.zeros((2, 3), np.float32), [X])
    assert first_that_runs(real, runs_with(0, [])) is real


def test_the_distribution_is_chosen_by_input() -> None:
    made = open_source(["x=random:uniform", "y=random"], [X, hint("y", ("n", 3))], samples=99)
    fed = read_all(made)
    assert fed["x"].min() >= 0 > fed["y"].min()


def test_partly_made_up_data_is_synthetic_where_rows_were_drawn() -> None:
    assert open_source(["x=random", "gain=random"], [X, GAIN]).synthetic

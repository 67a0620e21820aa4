"""Items that are read one at a time: a bad one stops the run or is left out, and listed."""

import numpy as np
import pytest

from onnx_affscore.data.columns import ColumnSource
from onnx_affscore.data.items import fit_items
from onnx_affscore.errors import DataError, UnreadableRowsError
from onnx_affscore.records import Array
from tests.data.samples import hint, read

X = hint("x", ("n", 2))


def source(*bad: int, skip: bool = False, count: int = 10) -> ColumnSource:
    """Rows (i, i) of which some cannot be read."""

    def item(row: int) -> Array:
        if row in bad:
            raise DataError(f"{row}.png: found no image")
        return np.full(2, row, np.uint8)

    column = fit_items(item, X, count=count, shape=(2,), dtype=np.uint8, where="here")
    return ColumnSource({"x": column}, name="here", skip=skip)


def test_items_become_rows_of_the_models_type() -> None:
    rows = read(source(), size=4)
    assert rows.dtype == np.float32
    assert rows[:, 0].tolist() == list(range(10))


def test_a_bad_item_stops_the_run_and_says_how_to_go_on_without_it() -> None:
    with pytest.raises(UnreadableRowsError, match=r"7.png: found no image.*--on-error skip"):
        read(source(7))


def test_where_all_items_are_bad_the_first_reason_is_told() -> None:
    found = source(0, 1, 2, count=3, skip=True)
    with pytest.raises(DataError, match=r"none of the 3 rows of here could be read.*: 0\.png"):
        read(found)


@pytest.mark.parametrize("size", [1, 3, 10])
def test_bad_items_are_left_out_and_listed_whatever_the_batch(size: int) -> None:
    found = source(0, 4, 5, skip=True)
    assert read(found, size=size)[:, 0].tolist() == [1, 2, 3, 6, 7, 8, 9]
    assert found.skipped == {row: f"{row}.png: found no image" for row in (0, 4, 5)}


def test_a_batch_says_which_rows_it_holds_and_where_the_next_one_begins() -> None:
    batches = list(source(1, 9, skip=True).batches(4))
    assert [b.rows.tolist() for b in batches if b.rows is not None] == [
        [0, 2, 3],
        [4, 5, 6, 7],
        [8],
    ]
    assert [b.stop for b in batches] == [1, 2, 3]


@pytest.mark.parametrize("done", [0, 1, 2])
def test_reading_goes_on_behind_a_batch(done: int) -> None:
    whole = list(source(1, skip=True).batches(4))
    start = whole[done].stop
    rest = list(source(1, skip=True).batches(4, start=start))
    assert [b.feeds["x"].tolist() for b in rest] == [
        b.feeds["x"].tolist() for b in whole[done + 1 :]
    ]


def test_a_batch_of_bad_items_alone_is_left_out_and_counts() -> None:
    batches = list(source(4, 5, 6, 7, skip=True).batches(4))
    assert [b.stop for b in batches] == [1, 3]


def test_no_item_is_read_before_the_batch_to_go_on_with() -> None:
    seen: list[int] = []

    def item(row: int) -> Array:
        seen.append(row)
        return np.zeros(2, np.float32)

    column = fit_items(item, X, count=9, shape=(2,), dtype=np.float32, where="here")
    list(ColumnSource({"x": column}, name="here").batches(3, start=2))
    assert seen == [6, 7, 8]


def test_items_of_several_shapes_are_no_batch() -> None:
    column = fit_items(
        lambda row: np.zeros(2 + row), hint("x", ("n", "d"), "float64"),
        count=3, shape=(2,), dtype=np.float64, where="here",
    )  # fmt: skip
    made = ColumnSource({"x": column}, name="here")
    assert [b.feeds["x"].shape for b in made.batches(1)] == [(1, 2), (1, 3), (1, 4)]
    with pytest.raises(DataError, match="--batch-size 1"):
        list(made.batches(2))


def test_items_do_not_feed_an_input_that_counts_no_samples() -> None:
    with pytest.raises(DataError, match="counts no samples"):
        fit_items(
            lambda _row: np.zeros(2), hint("gain", (2,), axis=None),
            count=3, shape=(2,), dtype=np.float64, where="here",
        )  # fmt: skip

"""Feeds of any size come out in batches of the size asked for, rows in order."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data import open_source
from onnx_affscore.data.stream import FeedSource, Replayed
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array

from .samples import hint, read, read_all

X = hint("x", ("n", 2))
STATE = hint("state", (1, "n"), axis=1)
RATE = hint("sr", (), "int64", axis=None)


def feeds(sizes: list[int]) -> list[dict[str, Array]]:
    rows = np.arange(2 * sum(sizes), dtype=np.float32).reshape(-1, 2)
    return [{"x": part} for part in np.split(rows, np.cumsum(sizes)[:-1])]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(1, 7))
def test_batches_have_the_size_asked_for_but_the_last(sizes: list[int], size: int) -> None:
    source = open_source(feeds(sizes), [X])
    batches = [b.size for b in source.batches(size)]
    assert batches[:-1] == [size] * (len(batches) - 1)
    assert sum(batches) == sum(sizes)
    assert read(source, size)[:, 0].tolist() == list(range(0, 2 * sum(sizes), 2))


@given(st.lists(st.integers(1, 4), min_size=1), st.integers(1, 5), st.integers(1, 9))
def test_no_more_samples_are_read_than_asked_for(sizes: list[int], size: int, samples: int) -> None:
    source = open_source(feeds(sizes), [X], samples=samples)
    assert len(read(source, size)) == min(samples, sum(sizes))


def test_rows_along_another_axis_are_joined_along_it() -> None:
    data = [{"state": np.array([[i, i + 1]], np.float32)} for i in (0, 2)]
    (batch,) = open_source(data, [STATE]).batches(4)
    assert batch.feeds["state"].tolist() == [[0, 1, 2, 3]]


def test_feeds_of_other_shapes_or_shared_values_are_not_joined() -> None:
    wide, rate = np.zeros((1, 3), np.float32), np.array(8000)
    data = [{"x": np.zeros((1, 2), np.float32), "sr": r} for r in (rate, rate, np.array(16000))]
    source = open_source([*data, {"x": wide, "sr": rate}], [hint("x", ("n", None)), RATE])
    assert [b.size for b in source.batches(8)] == [2, 1, 1]


def test_without_a_sample_axis_every_feed_is_one_sample() -> None:
    source = open_source([{"sr": np.array(8000)}] * 3, [RATE])
    assert [b.size for b in source.batches(8)] == [1, 1, 1]


def test_casts_are_noted_once() -> None:
    source = open_source([{"x": np.ones((1, 2))}] * 3, [X])
    assert len(read(source)) == 3
    assert source.notes == ("feeds, 'x': float64 read as float32",)


def test_a_generator_can_be_looked_into_before_it_is_read() -> None:
    source = open_source((f for f in feeds([2, 2, 2])), [X])
    assert next(source.batches(1)).size == 1
    first, second = read(source), read(source, 2)
    np.testing.assert_array_equal(first, second)


def test_a_large_generator_is_read_once() -> None:
    source = FeedSource(Replayed(iter(feeds([2, 2, 2])), budget=16), [X], name="mine")
    assert len(read(source)) == 6
    with pytest.raises(DataError, match="a generator that has been read already"):
        read(source)


def test_a_list_can_be_read_again() -> None:
    class Endless:
        def __iter__(self) -> Iterator[Mapping[str, Array]]:
            return iter(feeds([3]))

    source = open_source(Endless(), [X])
    assert len(read(source)) == len(read(source)) == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"y": np.zeros(2)}], "feed 0: found data for 'y', but the model also wants 'x'"),
        ([{"x": np.zeros((1, 3))}], r"feed 0, 'x': found shape \(1, 3\)"),
        ([3.5], "found float, but a feed is a mapping"),
        (iter([]), "found no feed in feeds; give at least one"),
        ([{"x": np.zeros((0, 2), np.float32)}], "found no sample in feeds, feed 0"),
    ],
)
def test_a_bad_feed_is_named(data: list[Mapping[str, Array]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_all(open_source(data, [X]))

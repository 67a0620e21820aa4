"""The hash of the data does not see how it was cut into batches, and sees all else."""

import json
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data import open_source
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.records import Array, Batch, InputHint
from onnx_affscore.run.batching import parts

from .samples import hint

HINTS = [hint("x", ("n", 3)), hint("s", (2, "n"), axis=1), hint("sr", (), "int64", axis=None)]
FEED = {
    "x": np.arange(30, dtype=np.float32).reshape(10, 3),
    "s": np.arange(20, dtype=np.float32).reshape(2, 10),
    "sr": np.array(8000),
}


def fingerprint(
    feed: dict[str, Array], size: int = 10, hints: list[InputHint] | None = None
) -> str:
    known = HINTS if hints is None else hints
    taken = Fingerprint(known)
    for batch in open_source(feed, known).batches(size):
        taken.update(batch)
    assert taken.samples == 10
    return taken.hexdigest()


@given(st.integers(1, 12))
def test_the_batch_size_does_not_matter(size: int) -> None:
    assert fingerprint(FEED, size) == fingerprint(FEED)


@pytest.mark.parametrize(
    "change",
    [
        {"x": FEED["x"] + 1},
        {"x": FEED["x"][::-1]},
        {"s": FEED["s"][::-1]},
        {"sr": np.array(16000)},
    ],
)
def test_every_value_and_the_order_matter(change: dict[str, Array]) -> None:
    assert fingerprint(FEED | change) != fingerprint(FEED)


def test_the_row_shape_and_the_type_matter() -> None:
    hints = [hint("x", None)]
    rows = np.zeros((10, 4), np.float32)
    arrays = (rows, rows.reshape(10, 2, 2), rows.astype(np.float64))
    assert len({fingerprint({"x": a}, hints=hints) for a in arrays}) == 3


@pytest.mark.parametrize("size", [3, 10])
@pytest.mark.parametrize("wanted", ["float16", "float64"])
def test_the_type_of_the_model_does_not_matter(wanted: str, size: int) -> None:
    rows = FEED["x"] / 3  # no float16 is any of these but 0
    other = [hint("x", ("n", 3), wanted)]
    one = fingerprint({"x": rows}, size, HINTS[:1])
    assert fingerprint({"x": rows}, size, other) == one
    rounded = rows.astype(np.float16).astype(np.float32)
    assert fingerprint({"x": rounded}, size, other) != one


def test_a_stream_counts_as_it_was_given_too() -> None:
    rows = FEED["x"] / 3

    def of(feeds: Iterable[dict[str, Array]], wanted: str, size: int) -> str:
        known = [hint("x", ("n", 3), wanted)]
        taken = Fingerprint(known)
        for batch in open_source(iter(feeds), known, samples=9).batches(size):
            for part in parts(batch, 2, known):
                taken.update(part)
        return taken.hexdigest()

    uneven = [{"x": rows[:4]}, {"x": rows[4:5]}, {"x": rows[5:]}]
    assert of(uneven, "float16", 3) == of([{"x": rows}], "float32", 9)
    mixed = [{"x": rows[:4].astype(np.float64)}, {"x": rows[4:]}]
    assert of(mixed, "float16", 3) == of(mixed, "float32", 9)


def test_text_is_hashed_word_by_word() -> None:
    hints = [hint("t", ("n",), "string")]
    words = {"t": np.array(["ab", "c"] * 5)}
    assert fingerprint(words, 3, hints) == fingerprint(words, 10, hints)
    assert fingerprint(words, 3, hints) != fingerprint({"t": np.array(["a", "bc"] * 5)}, 3, hints)


def test_a_shared_value_that_changes_later_matters() -> None:
    def of(*values: int) -> str:
        taken = Fingerprint(HINTS[2:])
        for value in values:
            taken.update(Batch({"sr": np.array(value)}, 1))
        return taken.hexdigest()

    assert len({of(1, 1, 2), of(1, 2, 2), of(1, 2, 1)}) == 3


def test_samples_that_lack_an_optional_input_matter() -> None:
    def of(*present: bool) -> str:
        taken = Fingerprint(HINTS[:2])
        for i, there in enumerate(present):
            feed = {"x": FEED["x"][i : i + 1]} | ({"s": FEED["s"][:, :1]} if there else {})
            taken.update(Batch(feed, 1))
        return taken.hexdigest()

    assert len({of(True, False, True), of(True, True, False), of(False, True, True)}) == 3


@given(st.integers(1, 12), st.integers(0, 10))
def test_it_goes_on_from_its_state_as_if_it_had_not_stopped(size: int, stop: int) -> None:
    taken = Fingerprint(HINTS)
    for number, batch in enumerate(open_source(FEED, HINTS).batches(size)):
        if number == stop:
            written = json.dumps(taken.state)
            taken = Fingerprint(HINTS)
            taken.state = json.loads(written)
        taken.update(batch)
    assert (taken.samples, taken.hexdigest()) == (10, fingerprint(FEED))


def test_rows_of_no_elements_count() -> None:
    hints = [hint("x", ("n", 0))]
    assert fingerprint({"x": np.zeros((10, 0), np.float32)}, 3, hints)

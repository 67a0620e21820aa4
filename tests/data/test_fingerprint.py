"""The hash of the data does not see how it was cut into batches, and sees all else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data import open_source
from onnx_affscore.data.fingerprint import Fingerprint
from onnx_affscore.records import Array, Batch, InputHint

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
    seen = {fingerprint({"x": a}, hints=hints) for a in (rows, rows.reshape(10, 2, 2))}
    assert len(seen | {fingerprint({"x": rows}, hints=[hint("x", None, "float64")])}) == 3


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

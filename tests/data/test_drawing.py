"""Rows drawn by seed: without replacement, in their order, by class on request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data.drawing import kept_rows
from onnx_affscore.errors import DataError
from onnx_affscore.feeds import Labels

_CODES = st.lists(st.integers(0, 4), min_size=2, max_size=200)


@given(codes=_CODES, seed=st.integers(-3, 3), share=st.floats(0.01, 0.99))
def test_every_class_keeps_its_share_to_within_one_row(
    codes: list[int], seed: int, share: float
) -> None:
    labels = Labels.of(codes)
    samples = max(1, int(share * len(codes)))
    rows = kept_rows(len(codes), samples=samples, seed=seed, strata=labels)
    assert rows is not None
    assert len(rows) == samples == len(set(rows.tolist()))
    assert (np.diff(rows) > 0).all()
    for code in range(len(labels.names)):
        quota = samples * np.mean(labels.codes == code)
        assert abs(np.sum(labels.codes[rows] == code) - quota) < 1


def test_the_seed_decides_which_rows() -> None:
    labels = Labels.of([0, 1] * 50)
    first, again, other = (
        str(kept_rows(100, samples=10, seed=seed, strata=labels)) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_all_rows_are_kept_where_no_more_were_asked_for() -> None:
    assert kept_rows(3, samples=3, seed=0, strata=Labels.of(list("abc"))) is None


def test_labels_of_another_number_than_the_rows_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"--stratify: found 2 label\(s\), wanted one for each of 3"
    ):
        kept_rows(3, samples=1, seed=0, strata=Labels.of([0, 1]))


def test_names_of_numbers_come_in_their_order() -> None:
    assert Labels.of([10, 9, 10]).names == ("9", "10")

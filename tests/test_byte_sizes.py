"""Amounts of memory as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.byte_sizes import in_bytes, in_words
from onnx_affscore.errors import OptionError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1), ("12 B", 12), ("500MB", 500_000_000), ("2GiB", 2 << 30), ("1.5 gb", 15 * 10**8),
        (" 3 KIB ", 3072), ("1tb", 10**12), ("0.5TiB", 1 << 39),
    ],
)  # fmt: skip
def test_amounts_are_read_with_and_without_units(text: str, size: int) -> None:
    assert in_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "MB", "0", "0.1B", "-1MB", "1XB", "1 M B", "1e3", "nan", "2G", "9999999TB"],
)
def test_anything_else_is_refused_with_what_was_wanted(text: str) -> None:
    with pytest.raises(OptionError, match=r"no amount of memory; wanted .* 500MB or 2GiB"):
        in_bytes(text)


@given(st.integers(1, 10**15))
def test_what_is_said_of_a_size_reads_back_to_three_digits(size: int) -> None:
    said = in_bytes(in_words(size))
    assert abs(said - size) <= 0.005 * size + 0.5  # half of the third digit; whole bytes

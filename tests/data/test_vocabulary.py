"""Ids that the model's table does not have are told by row, id and table before the model runs."""

from dataclasses import replace

import numpy as np
import pytest

from onnx_affscore.data.source import open_source
from onnx_affscore.errors import DataError

from .samples import hint, read

IDS = replace(hint("ids", ("n", "t"), "int64"), table=10)


def test_ids_of_the_table_pass_counted_from_either_end() -> None:
    rows = np.array([[0, 9], [-1, -10]])
    np.testing.assert_array_equal(read(open_source(rows, [IDS])), rows)


@pytest.mark.parametrize("far", [10, 30000, -11])
def test_an_id_that_overruns_the_table_is_named_with_its_row(far: int) -> None:
    rows = np.zeros((5, 3), np.int32)
    rows[3, 1] = far
    source = open_source(rows, [IDS])
    with pytest.raises(DataError, match=rf"row 3 has {far} for 'ids', .* has 10 rows, 0 to 9"):
        read(source)


def test_one_hot_codes_have_no_table_to_overrun() -> None:
    codes = hint("codes", ("n", "t"), "int64", below=10)
    assert read(open_source(np.full((2, 3), 99), [codes])).max() == 99

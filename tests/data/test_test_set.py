"""Folders of ONNX test data feed a model by number or by name."""

from pathlib import Path

import numpy as np
import pytest
from onnx import SequenceProto, TensorProto, numpy_helper

from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError
from onnx_affscore.records import Array, Batch

from .samples import hint

A, B = hint("a", ("n", 2)), hint("b", ("n",), "int64")


def write(folder: Path, *tensors: TensorProto | SequenceProto) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, tensor in enumerate(tensors):
        (folder / f"input_{number}.pb").write_bytes(tensor.SerializeToString())
    return folder


def proto(array: Array, name: str = "") -> TensorProto:
    return numpy_helper.from_array(array, name)


def sample(number: int) -> tuple[TensorProto, TensorProto]:
    return proto(np.full((2, 2), number, np.float32)), proto(np.array([number, number]))


def only(folder: Path) -> Batch:
    (batch,) = open_source(str(folder), [A, B]).batches(8)
    return batch


def test_one_folder_is_one_feed(tmp_path: Path) -> None:
    batch = only(write(tmp_path, *sample(7)))
    assert (batch.size, batch.feeds["b"].tolist()) == (2, [7, 7])


def test_numbered_folders_follow_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        write(tmp_path / f"test_data_set_{number}", *sample(number))
    assert only(tmp_path).feeds["b"].tolist() == [0, 0, 2, 2, 10, 10]


def test_a_name_in_the_file_beats_its_number(tmp_path: Path) -> None:
    first, second = np.zeros((1, 2), np.float32), np.array([5])
    assert only(write(tmp_path, proto(second, "b"), proto(first, "a"))).feeds["b"] == [5]


def test_the_numbers_leave_out_inputs_with_defaults(tmp_path: Path) -> None:
    write(tmp_path, *sample(1))
    weights = hint("w", (3,), optional=True)
    (batch,) = open_source(str(tmp_path), [weights, A, B]).batches(8)
    assert batch.feeds.keys() == {"a", "b"}


def test_a_sequence_is_refused(tmp_path: Path) -> None:
    sequence = SequenceProto(elem_type=SequenceProto.TENSOR, tensor_values=sample(1))
    with pytest.raises(DataError, match=r"input_0\.pb: found no ONNX tensor .*only tensors can"):
        open_source(str(write(tmp_path, sequence)), [A, B])
    with pytest.raises(DataError, match="for input 's', a sequence"):
        open_source(str(tmp_path), [hint("s", None, "sequence")])


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b""])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (write(tmp_path, *sample(1)) / "input_1.pb").write_bytes(content)
    with pytest.raises(DataError, match=r"input_1\.pb"):
        open_source(str(tmp_path), [A, B])


def test_more_files_than_inputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="input number 1, but the model has 1 inputs"):
        open_source(str(write(tmp_path, *sample(1))), [A])

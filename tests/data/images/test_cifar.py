"""CIFAR's binary records: planes of colours behind one label or two; pickles are refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.records import Array
from tests.data.images.pictures import rows
from tests.data.samples import hint

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32)).astype(np.uint8)
X = hint("x", ("n", 3, 32, 32))


def records(file: Path, *labels: list[int]) -> Path:
    ahead: Array = np.array(labels, np.uint8).T
    file.write_bytes(np.hstack([ahead, PICTURES.reshape(4, -1)]).astype(np.uint8).tobytes())
    return file


@pytest.mark.parametrize("name", ["data_batch_1.bin", "data_batch_5.bin", "test_batch.bin"])
def test_records_of_ten_classes(name: str, tmp_path: Path) -> None:
    file = records(tmp_path / name, [9, 0, 9, 2])
    np.testing.assert_array_equal(rows(file, X.spec.shape, preset="raw"), PICTURES)
    nhwc = rows(file, ("n", 32, 32, 3), "uint8")
    np.testing.assert_array_equal(nhwc, PICTURES.transpose(0, 2, 3, 1))
    labels = open_source(file, [X]).labels
    assert labels is not None
    assert labels.names == ("0", "2", "9")
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n")
    labels = open_source(file, [X]).labels
    assert labels is not None
    assert [labels.names[c] for c in labels.codes] == ["j", "a", "j", "c"]


@pytest.mark.parametrize(("label", "codes"), [(None, [99, 0, 1, 2]), ("coarse", [19, 0, 0, 3])])
def test_records_of_a_hundred_classes(label: str | None, codes: list[int], tmp_path: Path) -> None:
    file = records(tmp_path / "test.bin", [19, 0, 0, 3], [99, 0, 1, 2])
    source = open_source(file, [X], feeding=Feeding(label=label))
    assert source.labels is not None
    assert [int(source.labels.names[c]) for c in source.labels.codes] == codes
    np.testing.assert_array_equal(rows(file, X.spec.shape, preset="raw"), PICTURES)


def test_another_label_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--label colour"):
        open_source(records(tmp_path / "test.bin", [0] * 4, [0] * 4), [X],
                    feeding=Feeding(label="colour"))  # fmt: skip


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    file = records(tmp_path / "test_batch.bin", [0] * 4)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="no multiple of the 3073 of a record of CIFAR-10"):
        open_source(file, [X])
    file.write_bytes(b"")
    with pytest.raises(DataError, match=r"test_batch\.bin"):
        open_source(file, [X])


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({"data": PICTURES}))
    with pytest.raises(DataError, match=r"Python pickles, which can run code.*end in \.bin"):
        open_source(tmp_path / "data_batch_1", [X])

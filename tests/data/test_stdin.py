"""Standard input holds a .npy or .npz file, which can be read more than once."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from onnx_affscore.data import open_source, stdin
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.leaving import leave
from tests.data.samples import hint, read, read_all

X = hint("x", ("n", 2), "float64")
ROWS = np.arange(20.0).reshape(10, 2)


class OneWay(io.BytesIO):
    """A pipe: it cannot be wound back, and gives less than it is asked for."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_args: Any) -> int:
        raise io.UnsupportedOperation("seek")


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    def sent(content: bytes) -> None:
        stream = OneWay(content)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(stream)))

    return sent


def file_of(save: Callable[..., None], *arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def test_an_array_is_read_again_and_again(send: Callable[[bytes], None]) -> None:
    send(file_of(np.save, ROWS))
    source = open_source("-", [X])
    assert source.name == "-"
    for size in (1, 7, 99):
        np.testing.assert_array_equal(read(source, size), ROWS)


def test_an_archive_feeds_inputs_by_name_and_tells_classes(send: Callable[[bytes], None]) -> None:
    send(file_of(np.savez, x=ROWS, y=ROWS + 1, kind=np.arange(10) % 2, more=ROWS))
    source = open_source(["-"], [X, hint("y", ("n", 2))], feeding=Feeding(label="kind"))
    np.testing.assert_array_equal(read_all(source)["y"], ROWS + 1)
    assert source.labels is not None
    assert source.labels.names == ("0", "1")
    assert "standard input: not used: more" in source.notes
    assert not any("stdin" in note for note in source.notes)


def test_it_can_be_one_input_of_several(send: Callable[[bytes], None]) -> None:
    send(file_of(np.save, ROWS))
    source = open_source(["y=-", "x=random"], [X, hint("y", ("n", 2), "float64")])
    np.testing.assert_array_equal(read_all(source)["y"], ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "--data -: found nothing; send a .npy"),
        (b"a,b\n1,2\n", r"bytes that begin with b'a,b\\n1,'"),
        (file_of(np.save, ROWS)[:40], r"standard input: cannot be read as \.npy"),
        (file_of(np.savez, x=ROWS)[:99], r"standard input: cannot be read as \.npz"),
        (file_of(np.save, ROWS.T), r"standard input: found shape \(2, 10\)"),
    ],
)
def test_a_refusal_speaks_of_standard_input(
    send: Callable[[bytes], None], content: bytes, message: str
) -> None:
    send(content)
    with pytest.raises(DataError, match=message):
        open_source("-", [X])


def test_it_can_be_read_once(send: Callable[[bytes], None]) -> None:
    send(file_of(np.save, ROWS))
    with pytest.raises(DataError, match="can be read once; send one"):
        open_source(["x=-", "y=-"], [X, hint("y", ("n", 2))])


def test_a_terminal_is_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(DataError, match="standard input is a terminal"):
        open_source("-", [X])


def test_a_full_disk_is_told(
    send: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    send(file_of(np.save, ROWS))
    monkeypatch.setattr("onnx_affscore.data.stdin.copyfileobj", full)
    with pytest.raises(DataError, match=r"No space left on device\); set TMPDIR"):
        open_source("-", [X])


def test_what_was_sent_goes_with_an_interrupted_process(send: Callable[[bytes], None]) -> None:
    send(file_of(np.save, ROWS))
    open_source("-", [X])
    (path,) = stdin._folders[-1].path.glob("stdin.npy")
    leave()
    assert not path.parent.exists()

"""Functions as data: called for every pass, with labels, and their errors told as their own."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from onnx_affscore.cli.main import run
from onnx_affscore.data import open_source
from onnx_affscore.errors import DataError
from onnx_affscore.feeding import Feeding
from onnx_affscore.protocols import DataSource
from tests.builder import Builder
from tests.data.samples import hint, read, read_all

X = hint("x", ("n", 2))


def opened(
    folder: Path,
    code: str,
    *hints: Any,
    name: str = "feeds",
    samples: int | None = None,
    **said: Any,
) -> DataSource:
    (folder / "code.py").write_text("import numpy as np\n" + dedent(code))
    text = f"{folder / 'code.py'}:{name}"
    return open_source(text, hints or [X], samples=samples, feeding=Feeding(**said))


def test_feeds_of_any_size_are_yielded_again_for_every_pass(tmp_path: Path) -> None:
    source = opened(
        tmp_path,
        """
        calls = 0
        def feeds():
            global calls
            calls += 1
            for size in (3, 1, 4):
                yield {"x": np.full((size, 2), size)}
        """,
    )
    wanted = [[s, s] for s in (3, 1, 4) for _ in range(s)]
    assert [read(source, size).tolist() for size in (1, 3, 99)] == [wanted] * 3


@pytest.mark.parametrize(
    "code",
    [
        "def feeds(): return [np.ones((2, 2)), np.ones((1, 2))]",
        "def feeds(inputs): yield np.ones((3, inputs[0].spec.shape[1]))",
        "def feeds(size=3): yield {'x': np.ones((size, 2))}",
        "class feeds:\n    def __iter__(self): yield np.ones((3, 2))",
        "from helper import three\nfeeds = three",
    ],
)
def test_a_function_may_be_anything_that_is_called(tmp_path: Path, code: str) -> None:
    (tmp_path / "helper.py").write_text("import numpy as np\ndef three(): yield np.ones((3, 2))\n")
    assert read(opened(tmp_path, code)).tolist() == [[1, 1]] * 3


def test_labels_lie_beside_the_inputs(tmp_path: Path) -> None:
    code = """
    def feeds():
        yield {"x": np.zeros((2, 2)), "y": ["b", "a"]}
        yield {"x": np.ones((1, 2)), "y": "b"}
    """
    source = opened(tmp_path, code, label="y")
    assert source.labels is not None
    assert [source.labels.names[c] for c in source.labels.codes] == ["b", "a", "b"]
    assert read_all(source).keys() == {"x"}
    with pytest.raises(DataError, match=r"feed 0: found 'x', 'y', and no 'z' as --label says"):
        opened(tmp_path, code, label="z")
    with pytest.raises(DataError, match=r"--stratify.*read in its order"):
        opened(tmp_path, code, label="y", stratify=True)


def test_every_feed_has_as_many_labels_as_rows(tmp_path: Path) -> None:
    code = """
    def feeds():
        yield {{"x": np.zeros((2, 2)), "y": [0, 1]}}
        yield {{"x": np.zeros((3, 2)), "y": {labels}}}
    """
    where = r"feed 1, 'y': "
    for labels, message in (
        ("1", r"found 1 label\(s\), wanted one for each of 3 row"),
        ("[0, 1, 0, 1]", r"found 4 label\(s\), wanted one for each of 3 row"),
        ("np.eye(3)", r"found labels of shape \(3, 3\), wanted one label a row"),
    ):
        with pytest.raises(DataError, match=where + message):
            opened(tmp_path, code.format(labels=labels), label="y")


@pytest.mark.parametrize("batch", ["n", 4])
def test_an_endless_function_tells_the_labels_of_the_samples_asked_for(
    batch: str | int, tmp_path: Path
) -> None:
    code = """
    def feeds():
        size = 0
        while size < 1000:  # far behind what is asked for: an error instead of a test that hangs
            size += 1
            yield {"x": np.full((size, 2), size), "y": [size] * size}
        raise RuntimeError("it was asked for everything")
    """
    source = opened(tmp_path, code, hint("x", (batch, 2)), samples=9, label="y")
    rows = {"n": 9, 4: 8}[batch]
    assert source.labels is not None
    assert source.labels.names == ("1", "2", "3", "4")
    found = [int(source.labels.names[c]) for c in source.labels.codes]
    assert found == [1, 2, 2, 3, 3, 3, 4, 4, 4][:rows]
    assert read(source, 4)[:, 0].tolist() == found


def test_labels_are_those_of_the_rows_that_the_next_call_yields(tmp_path: Path) -> None:
    code = """
    calls = 0
    def feeds():
        global calls
        calls += 1
        for _ in range({change} if calls > 1 else 4):
            yield {{"x": np.zeros((2, 2)), "y": [0, 1]}}
    """
    for change, wanted in ((3, "6 row"), (5, r"9 row\(s\) or more")):
        source = opened(tmp_path, code.format(change=change), label="y")
        with pytest.raises(
            DataError, match=rf"found 8 label\(s\), wanted one for each of {wanted}"
        ):
            read(source)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def feeds(:", r"code\.py, line 2: SyntaxError"),
        ("import no_such_module", r"code\.py, line 2, in <module>: ModuleNotFoundError"),
        ("def feeds():\n    return 1 / 0", r"code\.py, line 3, in feeds: ZeroDivisionError"),
        ("def feeds():\n    yield {'x': np.ones((2, 2))['a']}", r"line 3, in feeds: IndexError"),
        ("def feeds():\n    exit(3)", r"line 3, in feeds: SystemExit: 3"),
        ("def other(): ...", r"found no function 'feeds'; it has other"),
        ("feeds = 3", r"found no function 'feeds'; it has none"),
        ("def feeds(): return 3", r"it returned int; yield feeds"),
        ("def feeds(): return {'x': 3}", r"it returned dict; yield feeds"),
        ("def feeds(): return []", r"found no feed"),
        ("def feeds(): yield {'y': 3}", r"the model also wants 'x'"),
        ("def feeds(): yield 'text'", r"feed 0, 'x': found text"),
    ],
)
def test_what_goes_wrong_is_told_with_its_line(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(tmp_path, code)


def test_an_error_in_a_later_feed_is_told_too(tmp_path: Path) -> None:
    code = "def feeds():\n    yield np.ones((2, 2))\n    raise RuntimeError('gone')"
    with pytest.raises(DataError, match=r"line 4, in feeds: RuntimeError: gone") as caught:
        read(opened(tmp_path, code))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_array_alone_is_for_one_input(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the model wants 'x', 'y'"):
        opened(tmp_path, "def feeds(): yield np.ones((2, 2))", X, hint("y", ("n", 2)))
    with pytest.raises(DataError, match="found no such file"):
        open_source(str(tmp_path / "no.py:feeds"), [X])


def test_on_the_command_line_it_is_two_lines_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    b = Builder()
    b.output(b.op("Relu", b.input(["n", 2])), ["n", 2])
    b.save(tmp_path / "m.onnx")
    (tmp_path / "f.py").write_text("def feeds():\n    raise KeyError('lost')\n")
    command = ["score", str(tmp_path / "m.onnx"), "--data", f"{tmp_path / 'f.py'}:feeds"]
    with pytest.raises(SystemExit) as left:
        run(command)
    assert left.value.code == 3
    said = capsys.readouterr().err
    assert said == f"error: {tmp_path / 'f.py'}, line 2, in feeds: KeyError: 'lost'\n"
    with pytest.raises(SystemExit) as left:
        run([*command, "--debug"])
    assert left.value.code == 3
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")


def test_it_gives_the_data_that_arrays_give(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    code = f"def feeds():\n    yield from np.split(np.load({str(tmp_path / 'x.npy')!r}), 4)"
    np.testing.assert_array_equal(read(opened(tmp_path, code), 6), rows)

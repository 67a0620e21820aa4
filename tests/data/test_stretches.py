"""Every way to end a line gives the same text, whatever stands around it."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore.data.stretches import index_stretches
from onnx_affscore.errors import DataError


def lines_of(path: Path, content: bytes, *, paragraphs: bool = False) -> list[str]:
    path.write_bytes(content)
    found = index_stretches(path, paragraphs=paragraphs)
    return [found.read(i) for i in range(len(found))]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["unix", "dos"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n\r\n"], ids=["open", "ended", "blank"])
def test_ends_of_lines_and_the_mark_of_the_encoding_are_no_text(
    mark: bytes, end: bytes, last: bytes, tmp_path: Path
) -> None:
    content = mark + end.join([b"one", b"", "zwölf".encode(), b" \t", b"three "]) + last
    assert lines_of(tmp_path / "x.txt", content) == ["one", "zwölf", "three "]
    assert index_stretches(tmp_path / "x.txt").numbers[2] == 5


def test_paragraphs_stand_between_blank_lines(tmp_path: Path) -> None:
    content = b"\r\n\r\na\r\nb\r\n\r\n \r\nc\r\n"
    assert lines_of(tmp_path / "x.txt", content, paragraphs=True) == ["a\nb", "c"]


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\ufeff", codec="utf-8")), min_size=1))
def test_lines_are_those_of_python_without_the_blank_ones(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    kept = [line for line in lines if line.encode().strip()]
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    content = "\n".join(lines).encode()
    if kept:
        assert lines_of(path, content) == kept
    else:
        with pytest.raises(DataError, match="found no text"):
            lines_of(path, content)


def test_bytes_that_are_no_utf_8_cost_their_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(b"a\n\xff\xfa\nb")
    found = index_stretches(path)
    with pytest.raises(DataError, match=r"x\.txt, line 2: found bytes that are no UTF-8"):
        found.read(1)
    assert (found.read(0), found.read(2)) == ("a", "b")


@pytest.mark.parametrize("pack", [bytes, partial(gzip.compress, mtime=0)], ids=["bare", "packed"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "dos", "mac"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_the_same_however_it_is_encoded_and_packed(
    encoding: str, end: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    content = pack(end.join(["one", "\u7dcf \U0001f600", "", "three", " "]).encode(encoding))
    path = tmp_path / ("x.txt" if pack is bytes else "x.txt.GZ")
    lines, joined = ["one", "\u7dcf \U0001f600", "three"], ["one\n\u7dcf \U0001f600", "three"]
    assert lines_of(path, content) == lines
    assert lines_of(path, content, paragraphs=True) == joined
    found = index_stretches(path)
    assert (list(found.numbers), found.empty) == ([1, 2, 4], 2)


def test_a_carriage_return_within_a_line_is_part_of_it(tmp_path: Path) -> None:
    assert lines_of(tmp_path / "x.txt", b"a\rb\nc\rd") == ["a\rb", "c\rd"]


PACKED = gzip.compress(b"".join(b"%d\n" % i for i in range(999)), mtime=0)


@pytest.mark.parametrize(
    "content",
    [PACKED[:-20], PACKED[2:], PACKED[:12] + b"\xff" * 28 + PACKED[40:]],
    ids=["cut short", "no head", "other bytes"],
)
def test_a_damaged_archive_is_told(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.txt\.gz: cannot be read .*save it again"):
        lines_of(tmp_path / "x.txt.gz", content)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.txt: found no such file"):
        index_stretches(tmp_path / "no.txt")

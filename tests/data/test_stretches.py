"""Every way to end a line gives the same text, whatever stands around it."""

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


def test_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("a\nb", "utf-16")
    with pytest.raises(DataError, match="found text in UTF-16; save it as UTF-8"):
        index_stretches(tmp_path / "x.txt")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no\.txt: cannot be read \(No such file"):
        index_stretches(tmp_path / "no.txt")

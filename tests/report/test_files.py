"""Writing a file: whole or not at all."""

import io
import os
import sys
from pathlib import Path

import pytest

from onnx_affscore.errors import AffscoreError, OptionError
from onnx_affscore.report.files import write

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX files")


def test_text_is_written_as_utf8_with_its_own_line_ends(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "活\n")
    assert (tmp_path / "a.txt").read_bytes() == "活\n".encode()


def test_an_existing_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        write(tmp_path / "a.bin", content)
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"new"


def test_the_old_file_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.txt", "old")

    def fail(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(AffscoreError, match=r"a\.txt: No space left"):
        write(tmp_path / "a.txt", "new")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["old"]


@posix
def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "")
    (tmp_path / "b.txt").write_text("")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


@posix
def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"


@posix
def test_a_device_is_written_and_not_replaced() -> None:
    write(os.devnull, "x")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["missing/a.txt", "file/a.txt"])
def test_a_missing_folder_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match=r"folder .* does not exist"):
        write(tmp_path / name, "x")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is a folder"):
        write(tmp_path, "x")


@pytest.mark.parametrize("content", ["text\n", b"bytes\n"])
def test_a_dash_is_stdout(content: str | bytes, capsys: pytest.CaptureFixture[str]) -> None:
    write("-", content)
    assert capsys.readouterr().out in ("text\n", "bytes\n")


def test_a_console_that_lacks_a_letter_gets_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    write("-", "活\n")
    assert raw.getvalue().split() == [b"\\u6d3b"]

"""Temporary files go with their process, or with the next one; files are replaced whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onnx_affscore import leaving
from onnx_affscore.leaving import TemporaryFolder, leave, put_in_place

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX locks and signals")

KILLED = """
import os, signal
from onnx_affscore.leaving import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "weights").write_bytes(b"x")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, where nobody has swept yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(leaving, "_swept", False)
    monkeypatch.setattr(leaving, "_YOUNG", -1.0)
    return tmp_path


def abandoned(folder: Path) -> Path:
    """What a killed process leaves."""
    subprocess.run(
        [sys.executable, "-c", KILLED], env=os.environ | {"TMPDIR": str(folder)}, check=False
    )
    (left,) = folder.glob("onnx-affscore-*")
    assert (left / "weights").exists()
    return left


@posix
def test_what_a_killed_process_left_is_removed_by_the_next(temporary: Path) -> None:
    abandoned(temporary)
    with TemporaryFolder() as own:
        assert list(temporary.iterdir()) == [own]
    assert list(temporary.iterdir()) == []


@posix
def test_what_is_in_use_young_or_not_ours_stays(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, strange = TemporaryFolder(), temporary / "onnx-affscore-notes"
    strange.mkdir()
    link = temporary / "onnx-affscore-link"
    link.symlink_to(used.path)
    leaving._sweep()
    assert {used.path, strange, link} == set(temporary.iterdir())
    link.unlink()
    strange.rmdir()
    used.remove()
    left = abandoned(temporary)
    monkeypatch.setattr(leaving, "_swept", False)
    monkeypatch.setattr(leaving, "_YOUNG", 3600.0)
    leaving._sweep()
    assert left.exists()
    monkeypatch.setattr(leaving, "_swept", False)
    monkeypatch.setattr(leaving, "_YOUNG", -1.0)
    monkeypatch.setattr(os, "getuid", lambda: -7)
    leaving._sweep()
    assert left.exists()


def test_leaving_removes_folders_and_half_written_files(temporary: Path) -> None:
    folder = TemporaryFolder()
    with leaving.litter(temporary / "half.part") as half:
        half.write_text("x")
        leave()
        assert not half.exists()
        assert not folder.path.exists()


@posix
@pytest.mark.parametrize("name", ["x" * 255, "\u7dcf" * 85], ids=["a byte each", "three each"])
def test_a_name_may_be_as_long_as_the_file_system_bears(name: str, tmp_path: Path) -> None:
    put_in_place(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("fault", ["os.fsync", "pathlib.Path.replace"])
def test_a_file_that_cannot_be_written_leaves_the_old_one(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    put_in_place(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fault, full)
    with pytest.raises(OSError, match="No space left"):
        put_in_place(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]

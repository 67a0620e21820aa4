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
    monkeypatch.setattr(leaving, "_swept", set())
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
def test_what_is_in_use_or_not_ours_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used, strange = TemporaryFolder(), temporary / "onnx-affscore-notes"
    strange.mkdir()
    link = temporary / "onnx-affscore-link"
    link.symlink_to(used.path)
    leaving._swept_away(used.path.with_name("nowhere"))  # of another name: not looked at
    sweep(temporary)
    assert {used.path, strange, link} == set(temporary.iterdir())
    link.unlink()
    strange.rmdir()
    used.remove()
    left = abandoned(temporary)
    monkeypatch.setattr(os, "getuid", lambda: -7)
    sweep(temporary)
    assert left.exists()


def sweep(place: Path) -> None:
    """Sweep as a process does that comes there for the first time."""
    leaving._swept.clear()
    leaving._sweep(place)


HALF = """
import os, signal, sys
from pathlib import Path
from onnx_affscore.leaving import TemporaryFolder, in_place
place = Path(sys.argv[1])
folder = TemporaryFolder(place)
with in_place(place / "f.npz") as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@posix
def test_half_a_file_of_a_killed_process_is_removed_by_who_writes_there_next(
    temporary: Path,
) -> None:
    own = temporary / ".f.npz.part"
    own.write_text("the user's")
    subprocess.run([sys.executable, "-c", HALF, str(temporary)], check=False)
    left = {path.name for path in temporary.iterdir()} - {own.name}
    assert [name for name in left if leaving.PART.fullmatch(name)]
    assert [name for name in left if leaving._FOLDER.fullmatch(name)]
    put_in_place(temporary / "g.npz", b"new")
    assert {path.name for path in temporary.iterdir()} == {own.name, "g.npz"}


@posix
def test_half_a_file_of_a_live_process_is_not(temporary: Path) -> None:
    with leaving.in_place(temporary / "f.npz") as part:
        part.write_bytes(b"half")
        sweep(temporary)
        assert part.read_bytes() == b"half"
        part.write_bytes(b"whole")  # as writers do: the file is opened anew and emptied
        sweep(temporary)
    assert [path.name for path in temporary.iterdir()] == ["f.npz"]
    assert (temporary / "f.npz").read_bytes() == b"whole"


@posix
@pytest.mark.parametrize("moment", ["before it is locked", "while it is locked"])
def test_a_file_that_a_sweep_meets_is_made_again(
    moment: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, races = leaving._locked, 0

    def raced(descriptor: int) -> bool:
        nonlocal races
        races -= 1
        if races == 0 and moment == "while it is locked":
            raise BlockingIOError
        if races == 0:
            sweep(temporary)
        return locked(descriptor)

    monkeypatch.setattr(leaving, "_locked", raced)
    leaving._swept.add(temporary)
    races = 1
    put_in_place(temporary / "f.npz", b"new")
    assert [path.name for path in temporary.iterdir()] == ["f.npz"]
    races = 1
    with TemporaryFolder(temporary) as folder:
        assert (folder / leaving._LOCK).exists()
    assert races < 0


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

"""A file that cannot be written takes neither the others nor the result along."""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from onnx_affscore import Signature, signature
from onnx_affscore.errors import OutputError
from onnx_affscore.report.output import Outputs

MODELS = Path(__file__).parents[2] / "models"
DIGITS = str(MODELS / "digits.npz")
MLP = str(MODELS / "sklearn_mlp.onnx")


def scored(
    *arguments: str, limit: int | None = None, stdout: int | IO[str] = subprocess.PIPE
) -> "subprocess.CompletedProcess[str]":
    """Run ``score`` in a process, whose files may not be larger than ``limit`` bytes."""

    def limited() -> None:
        import resource

        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "onnx_affscore", "score", MLP, "--data", DIGITS]
    command += ["--samples", "200", "--metrics", "cka", *arguments]
    return subprocess.run(
        command, stdout=stdout, stderr=subprocess.PIPE, text=True, preexec_fn=limited,
        timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
def test_a_full_disk_in_one_output_leaves_the_others_and_the_old_file(tmp_path: Path) -> None:
    old = tmp_path / "report.html"
    old.write_text("of yesterday")
    ran = scored(
        *("--html", str(old), "--csv", str(tmp_path / "s.csv"), "--json", str(tmp_path / "s.json")),
        limit=60_000,  # the page is larger, the others are smaller
    )
    assert ran.returncode == 3
    assert [line for line in ran.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: cannot write {old}: File too large"
    ]
    assert old.read_text() == "of yesterday"
    assert Signature.from_json(tmp_path / "s.json").summary["scored"]
    assert "affinity" in (tmp_path / "s.csv").read_text()
    assert "activations found" in ran.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "s.csv", "s.json"]


def test_a_folder_that_cannot_be_made_leaves_the_files_alone(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder is wanted")
    ran = scored("--output-dir", str(tmp_path / "out" / "x"), "--json", str(tmp_path / "s.json"))
    assert ran.returncode == 3
    assert ran.stderr.count("error: cannot make the folder") == 1
    assert Signature.from_json(tmp_path / "s.json").summary["scored"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize("asked", [("--json", "-"), ()])  # a file on stdout, or the table
def test_a_full_stdout_leaves_the_files(asked: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ran = scored(*asked, "--csv", str(tmp_path / "s.csv"), stdout=full)
    assert ran.returncode == 3
    assert "error: cannot write standard output: No space left on device" in ran.stderr
    assert (tmp_path / "s.csv").exists()


def test_a_reader_who_goes_is_no_error_and_leaves_the_files(tmp_path: Path) -> None:
    near, far = os.pipe()
    os.close(near)
    with os.fdopen(far, "w") as gone:
        ran = scored("--json", "-", "--csv", str(tmp_path / "s.csv"), stdout=gone)
    assert (ran.returncode, "error" in ran.stderr) == (0, False)
    assert (tmp_path / "s.csv").exists()


def test_a_folder_that_goes_during_the_run_is_named_with_each_file(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    files = {"csv": str(folder / "s.csv"), "html": str(folder / "s.html")}
    files["json"] = str(tmp_path / "s.json")
    outputs = Outputs.planned({"m": files}, None)
    folder.rmdir()
    said = outputs.write("m", signature(MLP, [DIGITS], samples=200, metrics=()))
    assert [text.split(":")[0] for text in said] == [
        f"cannot write {files[kind]}" for kind in ("csv", "html")
    ]
    assert Signature.from_json(files["json"]).summary["scored"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
@pytest.mark.parametrize(("least", "code"), [(0.0, 3), (0.999, 1)])  # kept, violated
def test_findings_that_cannot_be_written_leave_the_others(
    least: float, code: int, tmp_path: Path
) -> None:
    signature(MLP, [DIGITS], samples=200, metrics=()).to_json(tmp_path / "s.json")
    bound = f'version = 1\n[[rule]]\ncode = "AFF001"\nmin = {least}\n'
    (tmp_path / "p.toml").write_text(bound)
    command = ["check", str(tmp_path / "s.json"), "--policy", str(tmp_path / "p.toml")]
    command += ["--json", "/dev/full", "--junit", str(tmp_path / "f.xml")]
    ran = subprocess.run(
        [sys.executable, "-m", "onnx_affscore", *command],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == code, ran.stderr
    assert ran.stderr.count("error: cannot write") == 1
    assert "<testsuite" in (tmp_path / "f.xml").read_text()
    assert ran.stdout


@pytest.mark.parametrize("what", ["influence", "save_features"])
def test_a_sidecar_that_cannot_be_written_leaves_the_signature(what: str, tmp_path: Path) -> None:
    place = tmp_path / "x.npz"
    place.mkdir()
    given: dict[str, Any] = {what: place}
    with pytest.raises(OutputError, match="it is a folder") as caught:
        signature(MLP, [DIGITS], samples=200, metrics=(), **given)
    assert caught.value.signature.summary["scored"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for the size of files")
def test_the_command_writes_the_rest_where_a_sidecar_fails(tmp_path: Path) -> None:
    features, found = tmp_path / "f.npz", tmp_path / "s.json"
    ran = scored("--save-features", str(features), "--json", str(found), limit=60_000)
    assert ran.returncode == 3
    assert f"error: cannot write {features}: File too large" in ran.stderr
    assert Signature.from_json(found).summary["scored"]
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]

"""A command in a child process: its streams and codes pass through, its death is an error."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from onnx_affscore.cli import isolate
from onnx_affscore.cli.main import run
from onnx_affscore.errors import OptionError
from tests.builder import Builder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and POSIX signals")
PROGRAM = [sys.executable, "-m", "onnx_affscore"]
PATIENCE = 120  # seconds


@pytest.fixture
def model(tmp_path: Path) -> Path:
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 64]), 64, 64)), 64, 2), ["n", 2])
    return g.save(tmp_path / "model.onnx")


@contextmanager
def running(model: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A long measurement in a child, and the child's number."""
    command = [*PROGRAM, "score", str(model), "--samples", "5000000", "--isolate", *options]
    environment = os.environ | {"TMPDIR": str(model.parent)}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as parent:
        try:
            yield parent, _child_of(parent)
        finally:
            if parent.poll() is None:
                os.killpg(parent.pid, signal.SIGKILL)


def _child_of(parent: "subprocess.Popen[str]") -> int:
    """Wait until there is a child that runs our code: signals are not taken before."""
    end = time.monotonic() + PATIENCE
    while True:
        assert parent.poll() is None, parent.communicate()
        assert time.monotonic() < end, "there is no child that runs our code"
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        if children and b"onnx" in Path(f"/proc/{children[0]}/maps").read_bytes():
            return int(children[0])
        time.sleep(0.02)


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def test_output_and_exit_code_are_those_of_the_command(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    results = []
    for more in ([], ["--isolate"]):
        with pytest.raises(SystemExit) as caught:
            run(["sites", str(model), "--json", "-", *more])
        results.append((caught.value.code, *capfd.readouterr()))
    assert results[0] == results[1]
    assert json.loads(results[1][1])["sites"]


def test_an_error_of_the_command_is_told_once(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model.onnx").write_text("this is no model")
    with pytest.raises(SystemExit) as caught:
        run(["sites", str(tmp_path / "model.onnx"), "--isolate"])
    assert caught.value.code == 3
    assert capfd.readouterr().err.count("error:") == 1


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_is_exit_code_3_and_a_sentence(number: signal.Signals, model: Path) -> None:
    with running(model, "--json", str(model.with_name("s.json"))) as (parent, child):
        os.kill(child, number)
        out, err = parent.communicate(timeout=60)
    assert (parent.returncode, out) == (3, "")
    assert err.count("\n") == 1
    assert f"'score {model} --samples 5000000' died of {number.name}, it " in err
    assert [p.name for p in model.parent.iterdir()] == ["model.onnx"]


def test_a_command_that_takes_too_long_is_ended(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["score", str(model), "--samples", "5000000", "--max-seconds", "0.2"])
    assert caught.value.code == 3
    assert "was ended after 0.2 s (--max-seconds)" in capfd.readouterr().err


def test_less_memory_than_the_libraries_take_is_refused(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["sites", str(model), "--max-memory", "150MB"])
    assert caught.value.code == 2
    assert "--max-memory 150 MB: wanted at least 500 MB" in capfd.readouterr().err


@pytest.mark.parametrize("seconds", ["nan", "inf"])
def test_a_limit_of_time_is_a_number_of_seconds(
    seconds: str, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["sites", str(model), "--max-seconds", seconds])
    assert caught.value.code == 2
    assert f"--max-seconds {seconds}: wanted a number" in capfd.readouterr().err


LEAVES = """
import ctypes

def rows():
    print("half a table", flush=True)
    ctypes.CDLL(None).exit({code})
"""


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("limits", [["--isolate"], ["--max-memory", "4GB"]])
def test_a_library_that_ends_the_process_does_not_choose_the_exit_code(
    code: int, limits: list[str], model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = model.with_name("leaves.py")
    file.write_text(LEAVES.format(code=code))
    with pytest.raises(SystemExit) as caught:
        run(["score", str(model), "--data", f"{file}:rows", *limits])
    assert caught.value.code == 3
    err = capfd.readouterr().err
    assert f"died of exit code {code}, which a library it loads chose" in err
    assert ("--max-memory 4 GB" in err and "give it more" in err) == ("4GB" in limits)


HUNGRY = """
import numpy as np

def rows():
    space = np.zeros(1 << 28)
    for row in np.random.default_rng(0).standard_normal((40, 64), "f4"):
        yield {"x": row}
"""


@pytest.mark.parametrize(("limit", "code"), [("1GB", 3), ("8GB", 0)])
def test_a_command_that_wants_too_much_memory_is_told_so(
    limit: str, code: int, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = model.with_name("hungry.py")
    file.write_text(HUNGRY)
    with pytest.raises(SystemExit) as caught:
        run(["score", str(model), "--data", f"{file}:rows", "--max-memory", limit])
    assert caught.value.code == code
    err = capfd.readouterr().err
    assert ("error: memory ran out (Unable to allocate 2.00 GiB" in err) == (code == 3)
    assert "died of" not in err


def test_ctrl_c_ends_both_with_130(model: Path) -> None:
    with running(model) as (parent, child):
        os.killpg(parent.pid, signal.SIGINT)
        _, err = parent.communicate(timeout=60)
    assert parent.returncode == 130
    assert err.count("interrupted") == 1
    assert _gone(child)


def test_who_ends_the_parent_ends_the_child(model: Path) -> None:
    with running(model) as (parent, child):
        parent.terminate()
        parent.communicate(timeout=60)
    assert parent.returncode == 128 + signal.SIGTERM
    assert _gone(child)
    assert [p.name for p in model.parent.iterdir()] == ["model.onnx"]


START = """
import os, signal, subprocess, sys
from pathlib import Path
from onnx_affscore.cli import isolate
from onnx_affscore.cli.main import run

class Popen(subprocess.Popen):
    def __init__(self, *given, **options):
        {before}
        super().__init__(*given, **options)
        Path(sys.argv[1]).write_text(str(self.pid))
        {after}

subprocess.Popen = Popen
run(sys.argv[2:])
"""
END = "os.kill(os.getpid(), signal.SIGTERM)"


@pytest.mark.parametrize("when", [{"before": END, "after": ""}, {"before": "", "after": END}])
def test_who_ends_the_parent_while_the_child_starts_ends_both(
    when: dict[str, str], model: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", START.format(**when), str(tmp_path / "number")]
    parent = subprocess.Popen(
        [*command, "score", str(model), "--samples", "5000000", "--isolate"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    try:
        assert parent.wait(60) == 128 + signal.SIGTERM
        assert _gone(int((tmp_path / "number").read_text()))
    finally:
        with suppress(ProcessLookupError):  # as it should be
            os.killpg(parent.pid, signal.SIGKILL)
    assert {p.name for p in tmp_path.iterdir()} == {"model.onnx", "number"}


def test_where_the_system_cannot_limit_memory_the_option_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("onnx_affscore.cli.isolate.sys.platform", "darwin")
    with pytest.raises(OptionError, match="darwin cannot limit a process's memory; wanted Linux"):
        isolate._outside(["sites", "m.onnx"], seconds=None, memory=1000)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-11, "died of SIGSEGV, it touched"),
        (-99, "died of signal 99;"),
        (3221225477, "0xc0000005;"),
    ],
)
def test_a_death_is_named_whatever_the_system_calls_it(code: int, said: str) -> None:
    assert said in isolate._death(code, ["sites", "m.onnx"], None)

"""Ctrl-C and SIGTERM end a command at once, wherever it is, and nothing stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from onnx_affscore import signature
from onnx_affscore.cli.interrupts import at_once
from tests.test_measure import MODELS, WIDTH, mlp

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals"),
    pytest.mark.usefixtures("heeded"),
]
STUCK = [sys.executable, "-m", "tests.cli.stuck"]
PATIENCE = 120  # seconds; what is stuck takes hours


def waited_for(path: Path, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(
    folder: Path, place: str, *more: str, at: int = 16, by: tuple[signal.Signals, ...]
) -> tuple[int, str]:
    """The exit code and the last words of a command that was stuck when signals came."""
    temporary = folder / "tmp"
    temporary.mkdir()
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(100, WIDTH)).astype("f4"))
    command = ["score", str(mlp(folder)), "--data", str(folder / "x.npy"), "--batch-size", "10"]
    with subprocess.Popen(
        [*STUCK, place, str(at), str(folder / "ready"), *command, *more],
        cwd=MODELS.parent,
        env=os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for number, one in enumerate(by):
                waited_for(folder / ("leaving" if number else "ready"), process)
                process.send_signal(one)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert out == ""
    return process.returncode, err


def test_an_interrupt_while_the_model_runs_says_what_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code, said = ended(tmp_path, "run", "--resume", str(kept), by=(signal.SIGINT,))
    assert code == 130
    assert said == f"interrupted: 40 of 100 samples are kept in {kept}; the same command goes on\n"
    assert list((tmp_path / "tmp").glob("onnx-affscore*")) == []


def test_a_termination_while_threads_score_says_that_nothing_is_kept(tmp_path: Path) -> None:
    code, said = ended(tmp_path, "score", by=(signal.SIGTERM,))
    assert code == 143
    assert said == "terminated: nothing is kept; --resume DIR keeps finished batches\n"
    assert list((tmp_path / "tmp").glob("onnx-affscore*")) == []


def test_a_signal_in_the_first_moments_says_what_the_folder_holds(tmp_path: Path) -> None:
    kept, model = tmp_path / "kept", mlp(tmp_path)
    signature(model, np.ones((30, WIDTH), "f4"), resume=kept, metrics=())
    code, said = ended(tmp_path, "load", "--resume", str(kept), by=(signal.SIGTERM,))
    assert (code, said) == (143, f"terminated: 30 samples are kept in {kept}\n")


def test_a_signal_before_the_folder_is_made_does_not_ask_for_one(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code, said = ended(tmp_path, "load", "--resume", str(kept), by=(signal.SIGINT,))
    wanted = f"interrupted: no batch beyond the first look is kept in {kept} yet\n"
    assert (code, said, kept.exists()) == (130, wanted, False)


def test_a_second_interrupt_does_not_wait(tmp_path: Path) -> None:
    assert ended(tmp_path, "leave", by=(signal.SIGINT, signal.SIGINT)) == (130, "")


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with at_once(lambda word: word):
        inside = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
    assert set(inside).isdisjoint(before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with at_once(lambda word: word):
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    signal.signal(signal.SIGINT, before)

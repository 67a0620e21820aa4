"""How far a run is: rate and time left on a terminal, a line a minute in a log, nothing twice."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onnx_affscore import signature
from onnx_affscore.cli.progress import ProgressLine, in_time

MODELS = Path(__file__).parents[2] / "models"


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(*states: tuple[float, str, int, int | None], terminal: bool, label: str = "") -> list[str]:
    """What is written when so much is done at these seconds."""
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, label=label, terminal=terminal, clock=clock)
    for seconds, name, done, total in states:
        clock.now = seconds
        line.stage(name, done, total)
    line.close()
    return [part for part in re.split(r"\r\x1b\[K|\n", stream.getvalue()) if part]


def test_a_terminal_is_told_the_rate_and_the_time_left() -> None:
    states = (
        (1.0, "samples", 100, 1000),
        (3.0, "samples", 300, 1000),
        (10.0, "samples", 1000, 1000),
    )
    assert told(*states, terminal=True) == [
        "100 of 1000 samples",
        "300 of 1000 samples, 100 a second, 7 s left",
        "1000 of 1000 samples, 100 a second, 0 s left",
    ]


def test_a_total_that_nobody_knows_leaves_the_time_open() -> None:
    states = ((0.0, "samples", 8, None), (4.0, "samples", 16, None))
    assert told(*states, terminal=True)[-1] == "16 samples, 2 a second"


def test_what_an_earlier_start_did_is_no_part_of_the_rate() -> None:
    states = ((0.0, "samples", 9000, 10000), (10.0, "samples", 9100, 10000))
    assert told(*states, terminal=True)[-1] == "9100 of 10000 samples, 10 a second, 1 min 30 s left"


def test_every_stage_has_a_rate_of_its_own_and_the_model_a_name() -> None:
    states = (
        (0.0, "samples", 10, 20), (1.0, "samples", 20, 20),
        (5.0, "sites scored", 1, 3), (7.0, "sites scored", 2, 3),
    )  # fmt: skip
    assert told(*states, terminal=True, label="vit\x1b[31m")[-1] == (
        "vit\\x1b[31m: 2 of 3 sites scored, 0.5 a second, 2 s left"
    )


def test_a_terminal_is_not_drawn_on_more_often_than_anyone_reads() -> None:
    states = tuple((i / 1000, "samples", i, 5000) for i in range(1000))
    assert len(told(*states, terminal=True)) == 10


@pytest.mark.parametrize(("seconds", "lines"), [(59.0, 0), (61.0, 1), (200.0, 3)])
def test_a_log_has_a_line_a_minute_and_a_short_run_none(seconds: float, lines: int) -> None:
    steps = np.arange(0.0, seconds, 0.5)
    states = tuple((float(s), "samples", i, len(steps)) for i, s in enumerate(steps, 1))
    assert len(told(*states, terminal=False)) == lines


@given(seconds=st.floats(0.0, 1e7))
def test_a_duration_is_right_to_its_second_unit(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    found = re.findall(r"(\d+) (s|min|h)", in_time(seconds))
    total = sum(int(n) * units[unit] for n, unit in found)
    assert abs(total - seconds) <= (0.5 if seconds < 3600 else 60)


def test_a_run_tells_samples_further_passes_and_sites() -> None:
    class Heard:
        def __init__(self) -> None:
            self.stages: dict[str, list[tuple[int, int | None]]] = {}

        def __call__(self, done: int, total: int | None) -> None:
            self.stage("samples", done, total)

        def stage(self, name: str, done: int, total: int | None) -> None:
            self.stages.setdefault(name, []).append((done, total))

    heard = Heard()
    found = signature(
        MODELS / "jax_cnn.onnx", [str(MODELS / "digits.npz")], samples=200, batch_size=200,
        memory_limit=420_000, metrics=(), progress=heard,
    )  # fmt: skip
    assert found.run["site_groups"] > 1
    assert heard.stages["samples"] == [(200, 200)]
    assert set(heard.stages["samples in a further pass"]) == {(200, 200)}
    sites = len(found.sites)
    assert heard.stages["sites scored"] == [(i, sites) for i in range(1, sites + 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_command_on_a_terminal_tells_how_far_it_is_and_leaves_no_trace() -> None:
    near, far = os.openpty()
    command = [sys.executable, "-m", "onnx_affscore", "score", str(MODELS / "sklearn_mlp.onnx")]
    command += ["--samples", "400", "--batch-size", "50", "--metrics", "cka"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=far) as it:
        os.close(far)
        written = b""
        while part := _read(near):
            written += part
    os.close(near)
    assert it.returncode == 0
    text = written.decode()
    assert re.search(r"\r\x1b\[K(400|\d+) of 400 samples", text)
    assert "sites scored" in text
    assert re.search(r"\r\x1b\[K(note|warning): ", text)  # the line was taken off before


def _read(near: int) -> bytes:
    try:
        return os.read(near, 1 << 16)
    except OSError:  # the other side was closed
        return b""

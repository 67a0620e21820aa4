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
from onnx_affscore.plain_text import cells

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
    lines = map(str.rstrip, re.split(r"\r|\n", stream.getvalue()))
    return [line for line in lines if line]


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


def test_a_stage_that_begins_again_has_a_new_rate() -> None:
    states = (
        (0.0, "samples", 0, 100), (100.0, "samples", 100, 100),
        (100.0, "samples", 0, 100), (101.0, "samples", 50, 100),
    )  # fmt: skip
    assert told(*states, terminal=True)[-1] == "50 of 100 samples, 50 a second, 1 s left"


def test_what_has_no_number_is_told_by_its_name() -> None:
    assert told((0.0, "reading the model", 0, None), terminal=True) == ["reading the model"]


@given(label=st.text(max_size=60), columns=st.integers(1, 40))
def test_a_line_never_wraps_and_covers_the_one_before(label: str, columns: int) -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, label=label, terminal=True, clock=clock, columns=lambda: columns)
    for clock.now, done in ((0.0, 100_000), (1.0, 100_001), (2.0, 7)):
        line.stage("samples" * (1 + done % 2), done, None)
    line.close()
    shown = 0
    drawn = stream.getvalue().split("\r")
    assert drawn[-1] == ""
    for text in drawn[1:-1]:
        assert shown <= cells(text) <= max(1, columns - 1)
        shown = cells(text.rstrip(" "))
    assert shown == 0


def test_a_stream_that_fails_costs_the_talk_and_not_the_run() -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    line = ProgressLine(Full(), terminal=True)
    line(1, 2)
    line.close()


@given(seconds=st.floats(0.0, 1e7))
def test_a_duration_is_right_to_its_second_unit(seconds: float) -> None:
    units = {"s": 1, "min": 60, "h": 3600}
    found = re.findall(r"(\d+) (s|min|h)", in_time(seconds))
    total = sum(int(n) * units[unit] for n, unit in found)
    assert abs(total - seconds) <= (0.5 if seconds < 3600 else 60)


class Heard:
    """Notes the states of each stage, in their order."""

    def __init__(self) -> None:
        self.stages: dict[str, list[tuple[int, int | None]]] = {}

    def __call__(self, done: int, total: int | None) -> None:
        raise AssertionError("stages are told by their method")

    def stage(self, name: str, done: int, total: int | None) -> None:
        self.stages.setdefault(name, []).append((done, total))


def test_every_pass_over_the_data_is_named_and_none_jumps_back() -> None:
    heard = Heard()
    found = signature(
        MODELS / "jax_cnn.onnx", [str(MODELS / "digits.npz")], samples=200, batch_size=200,
        memory_limit=420_000, metrics=(), progress=heard,
    )  # fmt: skip
    groups, sites = found.run["site_groups"], len(found.sites)
    assert groups > 1
    passes = [
        (f"{name}, group {group} of {groups}", [(done, most) for done in steps])
        for group in range(1, groups + 1)
        for name, steps, most in [
            ("samples, first look", range(0, 65, 8), 64),
            ("samples", [0, 200], 200),
        ]
    ]
    assert list(heard.stages.items()) == [
        ("reading the model", [(0, None)]),
        ("trying the model on a sample", [(0, None)]),
        *passes,
        ("sites scored", [(i, sites) for i in range(sites + 1)]),
    ]


def test_scores_by_class_are_told_after_those_of_all() -> None:
    heard = Heard()
    signature(
        MODELS / "sklearn_mlp.onnx", [str(MODELS / "digits.npz")], samples=100, metrics=(),
        label="label", by="label", progress=heard,
    )  # fmt: skip
    assert [*heard.stages][-2:] == ["sites scored", "sites scored by class"]
    steps = heard.stages["sites scored by class"]
    assert steps == [(done, len(steps) - 1) for done in range(len(steps))]


def test_a_function_alone_hears_of_the_samples_of_one_pass() -> None:
    heard: list[tuple[int, int | None]] = []
    signature(
        MODELS / "jax_cnn.onnx", [str(MODELS / "digits.npz")], samples=200, batch_size=100,
        memory_limit=420_000, metrics=(), progress=lambda *state: heard.append(state),
    )  # fmt: skip
    assert heard == [(100, 200), (200, 200)]


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
    assert re.search(r"\r\d+ of 400 samples, [\d.e+]+ a second, \d+ s left", text)
    assert re.search(r"\r0 of \d sites scored *\r", text)
    assert re.search(r"\r +\r(note|warning): ", text)  # the line was taken off before


def _read(near: int) -> bytes:
    try:
        return os.read(near, 1 << 16)
    except OSError:  # the other side was closed
        return b""

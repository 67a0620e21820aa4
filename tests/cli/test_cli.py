"""The command line: what goes to stdout and stderr, what is written, and every exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

import onnx_affscore
from onnx_affscore import Signature
from onnx_affscore.cli import score
from onnx_affscore.cli.main import main, run
from tests.builder import Builder

PROGRAM = [sys.executable, "-m", "onnx_affscore"]
COMMANDS = [
    "score",
    "sites",
    "instrument",
    "compare",
    "report",
    "check",
    "rules",
    "annotate",
    "reproduce",
    "paper",
    "demo",
    "doctor",
]
X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)


@dataclass(frozen=True)
class Result:
    code: object
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as caught:
            run([str(a) for a in arguments])
        captured = capsys.readouterr()
        return Result(caught.value.code, captured.out, captured.err)

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, one without activations, and data; the current one."""
    monkeypatch.chdir(tmp_path)
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    g.save(tmp_path / "model.onnx")
    linear = Builder()
    linear.output(linear.dense(linear.input(["n", 6]), 6, 2), ["n", 2])
    linear.save(tmp_path / "linear.onnx")
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "nan.npy", np.full((9, 6), np.nan, np.float32))
    np.save(tmp_path / "constant.npy", np.ones((9, 6), np.float32))
    (tmp_path / "text.onnx").write_text("this is no model")
    return tmp_path


@pytest.mark.usefixtures("here")
def test_score_prints_a_table_and_nothing_else(cli: Cli) -> None:
    result = cli("score", "model.onnx", "--data", "x.npy")
    assert (result.code, result.err) == (0, "")
    assert "Relu" in result.out


@pytest.mark.usefixtures("here")
def test_made_up_data_are_warned_of_on_stderr(cli: Cli) -> None:
    result = cli("score", "model.onnx", "--samples", 20)
    assert result.code == 0
    assert "warning: the data were made up" in result.err
    assert "warning" not in result.out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["score", "model.onnx", "--data", "constant.npy"]),
        (0, ["score", "model.onnx", "--data", "constant.npy", "--strict"]),
        (0, ["score", "model.onnx", "--data", "nan.npy"]),
        (0, ["sites", "model.onnx"]),
        (0, ["--version"]),
        (2, []),
        (2, ["sing"]),
        (2, ["score"]),
        (2, ["score", "missing.onnx"]),
        (2, ["sites", "missing.onnx"]),
        (2, ["score", "model.onnx", "--batch-size", "none"]),
        (2, ["score", "model.onnx", "--samples", "0"]),
        (2, ["score", "model.onnx", "--pool", "median"]),
        (2, ["score", "model.onnx", "--roles", "tail"]),
        (0, ["score", "linear.onnx", "--data", "x.npy", "--probe", "x:x"]),
        (0, ["sites", "model.onnx", "--operators", "all", "--composition"]),
        (2, ["score", "model.onnx", "--operators", "pool"]),
        (2, ["score", "model.onnx", "--probe", "x"]),
        (2, ["sites", "model.onnx", "--probe", "x:nowhere"]),
        (2, ["score", "model.onnx", "--composition-from", "nowhere"]),
        (4, ["score", "linear.onnx", "--operators", "all", "--composition"]),
        (2, ["score", "model.onnx", "--include", "("]),
        (2, ["score", "model.onnx", "--metrics", "beauty"]),
        (2, ["score", "model.onnx", "--device", "tpu"]),
        (2, ["score", "model.onnx", "--plot", "plot.bmp"]),
        (2, ["score", "model.onnx", "--histogram", "-"]),
        (2, ["score", "model.onnx", "--json", "-", "--csv", "-"]),
        (2, ["score", "model.onnx", "--json", "no folder/s.json"]),
        (3, ["score", "text.onnx"]),
        (3, ["sites", "text.onnx"]),
        (3, ["score", "."]),
        (3, ["score", "model.onnx", "--data", "missing.npy"]),
        (3, ["score", "model.onnx", "--data", "text.onnx"]),
        (3, ["instrument", "model.onnx", "-o", "model.onnx"]),
        (4, ["score", "linear.onnx"]),
        (4, ["sites", "linear.onnx"]),
        (4, ["score", "model.onnx", "--include", "nothing"]),
        (5, ["score", "model.onnx", "--data", "nan.npy", "--strict"]),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else str(v),
)
def test_exit_codes_mean_what_the_contract_says(code: int, arguments: list[str], cli: Cli) -> None:
    result = cli(*arguments)
    assert result.code == code, result.err
    assert "Traceback" not in result.out + result.err
    if code in (3, 4) and arguments[0] != "sites":
        assert result.out == ""
        assert 1 <= len(result.err.splitlines()) <= 2
        assert result.err.startswith("error: ")


@pytest.mark.usefixtures("here")
def test_cuda_without_a_gpu_is_an_error_of_two_lines_at_most(cli: Cli) -> None:
    result = cli("score", "model.onnx", "--data", "x.npy", "--device", "cuda:7")
    assert result.code == 3
    assert "--device auto" in result.err
    assert len(result.err.splitlines()) <= 2


@pytest.mark.usefixtures("here")
def test_debug_shows_the_traceback() -> None:
    done = subprocess.run(
        [*PROGRAM, "sites", "text.onnx", "--debug"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert "Traceback" in done.stderr
    assert "ModelError" in done.stderr


@pytest.mark.usefixtures("here")
def test_a_bug_is_no_fault_of_the_user_and_asks_for_a_report(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("onnx_affscore.api.signature", broken)
    result = cli("score", "model.onnx", "--data", "x.npy")
    assert result.code == 3
    assert "internal error, ZeroDivisionError: a bug" in result.err
    assert "--debug" in result.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("extra", [[], ["--quiet"], ["--strict", "--no-progress"]])
def test_json_on_stdout_is_alone_there(extra: list[str], cli: Cli, here: Path) -> None:
    result = cli("score", "model.onnx", "--data", "x.npy", "--json", "-", *extra)
    (here / "back.json").write_text(result.out)
    assert next(iter(json.loads(result.out))) == "schema_version"
    assert Signature.from_json(here / "back.json").sites[0].activation == "Relu"


# Options of data that other tests make: tables, images, sound, text, classes.
_OF_SOME_DATA = (
    "--label", "--stratify", "--columns", "--by", "--preset", "--image-size", "--channels",
    "--tokenizer", "--text-unit", "--text-field", "--pair-field", "--target-field",
    "--max-length", "--label-pattern", "--sample-rate", "--window", "--encoder",
)  # fmt: skip


def test_every_option_of_score_is_taken_and_every_file_written(cli: Cli, here: Path) -> None:
    options: dict[str, object] = {
        "--data": "x.npy", "--samples": 30, "--batch-size": 8, "--seed": 3, "--device": "cpu",
        "--threads": 1, "--jobs": 2, "--pool": "flatten", "--feature-axis": 1, "--metrics": "cka",
        "--covariance": "empirical", "--roles": "all", "--include": ".", "--exclude": "nothing",
        "--json": "s.json", "--csv": "s.csv", "--html": "s.html", "--plot": "s.png",
        "--histogram": "h.svg", "--output-dir": "all", "--sparsity": "none",
        "--memory-limit": "20kB", "--operators": "residual", "--probe": "x:x",
        "--composition-from": "matmul_2", "--batches": 10, "--influence": "i.npz",
        "--on-error": "skip",
    }  # fmt: skip
    flags = ["--no-verify", "--strict", "--quiet", "--no-progress", "--debug", "--composition"]
    flags += ["--no-details"]
    known = {o for p in score.command.params for o in (*p.opts, *p.secondary_opts)}
    untried = known - {*options, *flags, "models"}
    assert untried == {
        "--verify", "--details", "--custom-op-library", "--cluster", "--resume",
        "--provider", "--provider-option",  # other builds of the runtime: tests/run
        "--save-features",
        "--isolate", "--max-seconds", "--max-memory",  # another process: tests/cli/test_isolate.py
        *_OF_SOME_DATA,
    }  # fmt: skip
    result = cli("score", "model.onnx", *(x for pair in options.items() for x in pair), *flags)
    assert result == Result(0, "", "")
    written = (
        "s.json",
        "s.csv",
        "s.html",
        "s.png",
        "h.svg",
        "all/report.html",
        "all/signature.json",
    )
    for name in written:
        assert (here / name).stat().st_size > 100, name
    found = Signature.from_json(here / "s.json")
    assert (found.data["samples"], found.run["batch_size"], found.run["seed"]) == (30, 8, 3)
    assert found.run["memory_limit"] == 20_000
    assert found.run["operators"] == ["residual"]
    assert found.sites[0].name == "probe x:x"
    assert not found.run["outputs_verified"]
    assert found == Signature.from_json(here / "all" / "signature.json")


@pytest.mark.usefixtures("here")
def test_progress_is_for_terminals_only(cli: Cli) -> None:
    assert cli("score", "model.onnx", "--data", "x.npy", "--batch-size", 1).err == ""


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("model", "count"), [("model.onnx", 1), ("linear.onnx", 0)])
def test_sites_as_json_are_alone_on_stdout_also_where_there_is_none(
    model: str, count: int, cli: Cli
) -> None:
    result = cli("sites", model, "--json", "-")
    listed = json.loads(result.out)
    assert list(listed) == ["schema_version", "model", "sites", "skipped"]
    assert len(listed["sites"]) == count
    assert all("scores" not in site for site in listed["sites"])
    assert result.err == ""


def test_the_instrumented_model_runs_and_gives_what_it_gave(cli: Cli, here: Path) -> None:
    before = (here / "model.onnx").read_bytes()
    result = cli("instrument", "model.onnx", "-o", "tapped.onnx")
    assert result.code == 0
    plain, tapped = (
        ort.InferenceSession(here / f, providers=["CPUExecutionProvider"])
        for f in ("model.onnx", "tapped.onnx")
    )
    (output,) = (o.name for o in plain.get_outputs())
    names = [o.name for o in tapped.get_outputs()]
    added = [n for line in result.out.splitlines() for n in line.partition(": ")[2].split(", ")]
    assert names == [output, *added]
    values = dict(zip(names, tapped.run(None, {"x": X}), strict=True))
    np.testing.assert_allclose(values[output], plain.run(None, {"x": X})[0], rtol=1e-6)
    assert [len(values[n]) for n in added] == [
        len(X)
    ] * 7  # features, mean square and near-zeros of both sides; saturation behind
    assert (here / "model.onnx").read_bytes() == before


def test_doctor_tells_the_state_of_the_installation(cli: Cli) -> None:
    told, listed = cli("doctor"), cli("doctor", "--json")
    assert told.code == listed.code
    state = json.loads(listed.out)
    assert state["facts"]["onnx-affscore"] == onnx_affscore.__version__
    assert "cpu" in state["providers"]["started"]
    assert (listed.code == 0) == (state["problems"] == [])
    assert "onnxruntime" in told.out


def test_the_demo_scores_the_shipped_network_and_says_where_the_report_is(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = partial(onnx_affscore.signature, samples=100)
    monkeypatch.setattr("onnx_affscore.api.signature", quick)
    result = cli("demo", "--output-dir", tmp_path / "new")
    assert result.code == 0
    assert str(tmp_path / "new" / "report.html") in result.out
    assert "<html" in (tmp_path / "new" / "report.html").read_text("utf-8")
    assert Signature.from_json(tmp_path / "new" / "signature.json").summary["scored"]


@pytest.mark.parametrize("arguments", [[], *([c] for c in COMMANDS)], ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_explains_every_command(arguments: list[str], flag: str, cli: Cli) -> None:
    result = cli(*arguments, flag)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: onnx-affscore")
    assert set(main.list_commands(None)) == set(COMMANDS)  # type: ignore[arg-type]
    if not arguments:
        assert all(command in result.out for command in COMMANDS)


def test_help_names_every_metric(cli: Cli) -> None:
    from onnx_affscore.score import METRICS

    text = " ".join(cli("score", "--help").out.split())
    assert f"Companion metrics: {', '.join(METRICS)} [default: all]" in text


def imported(*arguments: str) -> set[str]:
    """The modules that an interpreter loads on its way."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=True
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"]], ids=" ".join)
def test_help_comes_at_once(arguments: list[str]) -> None:
    """What takes time is imports; tools/bench measures how much."""
    loaded = imported(*PROGRAM[1:], *arguments) - imported("-c", "pass")
    others = {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names}
    own = {name for name in others if name.startswith("onnx_affscore.")}
    assert {name.partition(".")[0] for name in others} == {"click", "onnx_affscore"}
    light = {"onnx_affscore.errors", "onnx_affscore.plain_text"}
    assert {name for name in own if not f"{name}.".startswith("onnx_affscore.cli.")} <= light
    assert not loaded & {"asyncio", "multiprocessing", "unittest", "xml", "sqlite3"}


@pytest.mark.usefixtures("heeded")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_an_interrupt_ends_with_130_and_a_word(tmp_path: Path) -> None:
    pipe = tmp_path / "model.onnx"
    os.mkfifo(pipe)  # the command waits for the model's bytes when it is interrupted
    command = [*PROGRAM, "score", str(pipe)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as it,
        pipe.open("wb"),
    ):
        it.send_signal(signal.SIGINT)
        out, err = it.communicate(timeout=60)
    said = "interrupted: nothing is kept; --resume DIR keeps finished batches"
    assert (it.returncode, out, err.strip()) == (130, "", said)


@pytest.mark.usefixtures("here")
def test_a_reader_that_leaves_early_causes_no_traceback() -> None:
    command = [*PROGRAM, "sites", "model.onnx", "--json", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0

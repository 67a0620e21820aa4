"""What commands say: names from files steer no terminal, on stdout nor on stderr."""

import re
from pathlib import Path

import numpy as np
import pytest

import onnx_affscore.cli
from onnx_affscore.cli import talk
from onnx_affscore.cli.main import run
from tests.builder import Builder

COMMANDS = Path(onnx_affscore.cli.__file__).parent
STEERING = [
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "a\r\nerror: b",
    "\u2066\u200b",
    "\x00",
]


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as caught:
        run(list(arguments))
    captured = capsys.readouterr()
    return caught.value.code, captured.out, captured.err


def safe(text: str) -> bool:
    return all(line.isprintable() for line in text.split("\n"))


def test_commands_talk_in_one_place() -> None:
    elsewhere = [
        path.name
        for path in COMMANDS.glob("*.py")
        if path.name != "talk.py" and re.search(r"\becho\(|\bprint\(|secho", path.read_text())
    ]
    assert elsewhere == []


@pytest.mark.parametrize("text", STEERING)
def test_a_line_of_talk_is_one_line_and_steers_nothing(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    talk.say(f"error: {text}")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert safe(said)


def test_a_line_of_talk_has_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    talk.say("first " + "x" * 10_000_000 + " last")
    assert len(capsys.readouterr().err) <= talk.LONGEST + 1


@pytest.mark.parametrize("text", STEERING)
def test_names_in_a_model_steer_no_terminal(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    g = Builder()
    hidden = g.op("Relu", g.dense(g.input(["n", 4], name=text), 4, 3), node_name=text)
    g.output(g.dense(g.op("Sign", hidden, node_name=text), 3, 2), ["n", 2])
    model = str(g.save(tmp_path / "model.onnx"))
    np.save(tmp_path / "x.npy", np.ones((9, 5), np.float32))
    for arguments in (
        ["sites", model, "--operators", "all"],
        ["score", model, "--samples", "9"],
        ["score", model, "--data", str(tmp_path / "x.npy")],  # does not fit: an error names it
        ["instrument", model, "-o", str(tmp_path / "tapped.onnx")],
    ):
        _, out, err = called(capsys, *arguments)
        assert safe(out), arguments
        assert safe(err), arguments
        assert text not in out + err


@pytest.mark.parametrize("text", STEERING)
def test_a_wrong_call_is_told_safely(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, "score", text.replace("\x00", "\x01"))
    assert (code, out) == (2, "")
    assert safe(err)

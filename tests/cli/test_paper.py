"""``paper`` on the command line: text, files and exit codes."""

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from onnx_affscore.cli.main import run
from onnx_affscore.paper.published import POLYNOMIALS


def program(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        run(["paper", *arguments])
    assert isinstance(exit_.value.code, int)
    return exit_.value.code


def test_two_experiments_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "paper"
    assert program("signatures", "polynomials", "--output-dir", str(folder)) == 0
    out, err = capsys.readouterr()
    assert out.index("polynomials: pass") < out.index("signatures: pass")
    assert "32 of 32 checks passed" in out
    assert "paper.html" in err
    plain = json.loads((folder / "paper.json").read_text("utf-8"))
    assert [e["experiment"] for e in plain["experiments"]] == ["polynomials", "signatures"]
    assert "Polynomials: x^k" in (folder / "paper.html").read_text("utf-8")


def test_a_wrong_value_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = MappingProxyType({**POLYNOMIALS.values, 3: 0.7114})
    wrong = replace(POLYNOMIALS, values=values)
    monkeypatch.setattr("onnx_affscore.paper.polynomials.POLYNOMIALS", wrong)
    assert program("polynomials", "--output-dir", str(tmp_path)) == 1
    assert "FAIL" in capsys.readouterr().out


def test_the_list_names_every_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert program("--list") == 0
    out = capsys.readouterr().out
    for name in ("polynomials", "activations", "ranges", "dimensions", "redshift", "signatures"):
        assert f"{name} " in out
    assert "in the paper" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no experiment; wanted some of polynomials"),
        (("polinomials",), "no experiment polinomials"),
        (("signatures", "--model", "alexnet"), "is not NAME=FILE.onnx"),
        (("signatures", "--batches", "0"), "0 is not in the range"),
    ],
)
def test_wrong_use_is_exit_code_2(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(*arguments) == 2
    assert message in capsys.readouterr().err

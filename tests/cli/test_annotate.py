"""``annotate`` writes the copy, refuses a signature of another file, and names what it left out."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import helper

from onnx_affscore import signature
from onnx_affscore.cli.main import main
from onnx_affscore.errors import ModelError, OptionError
from tests.builder import Builder


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    b = Builder(ir=10)
    b.output(b.op("Relu", b.dense(b.input(["n", 6]), 6, 5)), ["n", 5])
    b.save(tmp_path / "model.onnx")
    x = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    signature("model.onnx", x).to_json("s.json")
    return tmp_path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["annotate", *arguments], catch_exceptions=True)


def test_the_copy_is_written_and_counted(scored: Path) -> None:
    result = _run("model.onnx", "s.json", "-o", "out.onnx")
    assert (result.exit_code, result.output) == (0, "out.onnx: 1 sites\n")
    assert any(n.metadata_props for n in onnx.load("out.onnx").graph.node)


def test_another_file_is_refused_but_not_with_force(scored: Path) -> None:
    with Path("model.onnx").open("ab") as file:
        file.write(onnx.ModelProto(doc_string="changed").SerializeToString())
    result = _run("model.onnx", "s.json", "-o", "out.onnx")
    assert isinstance(result.exception, ModelError)
    assert not Path("out.onnx").exists()
    assert _run("model.onnx", "s.json", "-o", "out.onnx", "--force").exit_code == 0


def test_a_site_that_the_file_does_not_have_is_a_warning(scored: Path) -> None:
    content = Path("s.json").read_text()
    name = onnx.load("model.onnx").graph.node[-1].name
    Path("s.json").write_text(content.replace(f'"{name}"', '"gone"'))
    result = _run("model.onnx", "s.json", "-o", "out.onnx")
    assert (result.exit_code, result.stdout) == (0, "out.onnx: 0 sites\n")
    assert "warning: gone: the file has no node of it" in result.stderr


def test_a_report_with_the_model_names_the_call_that_holds_an_activation(scored: Path) -> None:
    b = Builder()
    b.domains["modules"] = 1
    body = [helper.make_node("Relu", ["a"], ["b"], name="inner")]
    opsets = [helper.make_opsetid("", 17)]
    b.functions.append(helper.make_function("modules", "Act", ["a"], ["b"], body, opsets))
    b.output(b.op("modules::Act", b.dense(b.input(["n", 6]), 6, 5), node_name="act"), ["n", 5])
    b.save(scored / "calls.onnx")
    signature("calls.onnx", samples=40).to_json("calls.json")

    def keys(*arguments: str) -> list[str]:
        command = ["report", "calls.json", "--format", "model-explorer", "-o", "-", *arguments]
        result = CliRunner().invoke(main, command, catch_exceptions=False)
        return list(json.loads(result.stdout)["results"])

    assert keys() == ["act/inner"]
    assert keys("--model", "calls.onnx") == ["act"]
    with pytest.raises(ModelError, match="give the file that was scored"):
        keys("--model", "model.onnx")
    command = ["report", "calls.json", "s.json", "--model", "model.onnx", "-o", "both.html"]
    with pytest.raises(OptionError, match="--model goes with one signature"):
        CliRunner().invoke(main, command, catch_exceptions=False)

"""``annotate`` writes the copy, refuses a signature of another file, and names what it left out."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result

from onnx_affscore import signature
from onnx_affscore.cli.main import main
from onnx_affscore.errors import ModelError
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

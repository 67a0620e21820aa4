"""The plugin, as a project that tests its model uses it: in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.builder import Builder

_TEST = """
def test_signature(affscore_signature, affscore_check):
    found = affscore_signature("model.onnx", "x.npy", samples=100)
    assert affscore_signature("model.onnx", "x.npy", samples=100) is found
    assert affscore_signature("model.onnx", "x.npy", samples=90) is not found
    affscore_check(found, "expected/model.json", tolerance=1e-3)
"""


def _pytest(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def _save(folder: Path, activation: str) -> None:
    b = Builder()
    b.output(b.dense(b.op(activation, b.dense(b.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    b.save(folder / "model.onnx")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    _save(tmp_path, "Relu")
    rows = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    (tmp_path / "test_model.py").write_text(_TEST)
    return tmp_path


def test_a_baseline_is_written_kept_and_renewed(project: Path) -> None:
    code, out = _pytest(project)
    assert code == 1
    assert "make it with: pytest --affscore-update" in out
    assert _pytest(project, "--affscore-update")[0] == 0
    written = (project / "expected" / "model.json").read_bytes()
    assert _pytest(project)[0] == 0
    assert (project / "expected" / "model.json").read_bytes() == written
    _save(project, "Tanh")
    code, out = _pytest(project)
    assert code == 1
    assert "signatures differ at" in out
    assert _pytest(project, "--affscore-update")[0] == 0
    assert _pytest(project)[0] == 0


def test_the_plugin_loads_nothing_of_weight_before_a_fixture_is_used() -> None:
    code = (
        "import sys, onnx_affscore.integrations.pytest_plugin;"
        "print(sorted({'numpy', 'onnx', 'onnxruntime', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_helper_does_not_need_pytest() -> None:
    code = "import sys, onnx_affscore.testing; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

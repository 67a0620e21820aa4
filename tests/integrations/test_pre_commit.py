"""The hook has the form that pre-commit reads, and checks every model with the given options."""

import doctest
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pre_commit.clientlib import InvalidManifestError, load_manifest

from onnx_affscore.cli import main as cli
from onnx_affscore.integrations import pre_commit

ROOT = Path(__file__).parent.parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"


def test_pre_commit_reads_the_manifest() -> None:
    (hook,) = load_manifest(str(MANIFEST))
    assert (hook["id"], hook["language"]) == ("onnx-affscore-check", "python")
    program, flag, module = shlex.split(hook["entry"])
    assert (program, flag, module) == ("python", "-m", pre_commit.__name__)


def test_pre_commit_refuses_another_form(tmp_path: Path) -> None:
    broken = tmp_path / "hooks.yaml"
    broken.write_text(MANIFEST.read_text().replace("language: python", "language: onnx"))
    with pytest.raises(InvalidManifestError):
        load_manifest(str(broken))


def test_each_model_is_checked_against_its_own_baseline() -> None:
    given = ["--policy", "p.toml", "--baseline", "{stem}.json", "a/b.onnx", "C.ONNX"]
    assert pre_commit.commands(given) == [
        ["check", "a/b.onnx", "--policy", "p.toml", "--baseline", "a/b.json"],
        ["check", "C.ONNX", "--policy", "p.toml", "--baseline", "C.json"],
    ]


@pytest.mark.parametrize(
    ("codes", "worst"), [((0, 0), 0), ((0, 1), 1), ((5, 1), 1), ((3, 0), 3), ((), 0)]
)
def test_the_worst_exit_code_is_returned(
    codes: Sequence[int], worst: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list(codes)

    def run(arguments: Any) -> None:
        raise SystemExit(left.pop())

    monkeypatch.setattr(cli, "run", run)
    assert pre_commit.main([f"m{i}.onnx" for i in range(len(codes))]) == worst
    assert left == []


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(pre_commit).failed == 0

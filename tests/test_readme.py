"""The README's commands and Python are run as they stand."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from onnx_affscore.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SESSIONS = [
    [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def in_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has the zoo, and nothing that could be overwritten."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("commands", SESSIONS, ids=lambda commands: commands[0])
def test_every_command_of_the_readme_works(commands: list[str], in_a_clone: Path) -> None:
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "python":
            path = {**os.environ, "PYTHONPATH": str(ROOT)}
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=path)
            continue
        assert program == "onnx-affscore"
        if "score" in arguments:
            arguments += ["--samples", "200"]  # as the README's, but quick
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert result.stdout


@pytest.mark.parametrize("code", PYTHON)
def test_the_python_of_the_readme_runs(
    code: str, in_a_clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("0.63\n")


def test_every_file_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []

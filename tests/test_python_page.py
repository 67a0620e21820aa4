"""The examples of docs/python.md run, in order and in one session, and print what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "python.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def in_a_clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has the zoo, and nothing that could be overwritten."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)  # MLflow leaves there what other tests have chosen
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return tmp_path


# In a process of its own: MLflow keeps its state for as long as one lives.
def test_every_example_runs_and_prints_what_it_says(in_a_clone: Path) -> None:
    end = "-- end of the block --"
    script = "\n".join(f"{block}\nprint({end!r})" for block in BLOCKS)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split(end)
    for block, lines in zip(BLOCKS, printed, strict=False):
        for said in re.findall(r"print\(.*\)  # (.+)", block):
            assert said in lines.splitlines(), block
    assert len(printed) == len(BLOCKS) + 1


def test_the_test_of_the_page_is_one_for_pytest(in_a_clone: Path) -> None:
    (block,) = (b for b in BLOCKS if b.startswith("def test_"))
    Path("test_model.py").write_text(block)
    for option in ("--affscore-update", "-q"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", option, "test_model.py"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_every_page_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_all_public_names_are_shown_or_named() -> None:
    import onnx_affscore

    for name in set(onnx_affscore.__all__) - {"__version__", "AffscoreError"}:
        assert name in PAGE

"""The examples of docs/pipelines.md are what GitHub and pre-commit read, with what we offer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pre_commit.clientlib import load_config, load_manifest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "pipelines.md").read_text()
WORKFLOW, HOOKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def test_the_workflow_has_the_form_of_githubs_schema(tmp_path: Path) -> None:
    path = tmp_path / "workflow.yml"
    path.write_text(WORKFLOW)
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflow_gives_inputs_and_takes_outputs_that_there_are() -> None:
    steps = yaml.safe_load(WORKFLOW)["jobs"]["affscore"]["steps"]
    (ours,) = (step for step in steps if "onnx-affscore@" in step.get("uses", ""))
    required = {name for name, what in ACTION["inputs"].items() if what.get("required")}
    assert required <= set(ours["with"]) <= set(ACTION["inputs"])
    taken = set(re.findall(r"steps\.affscore\.outputs\.([\w-]+)", WORKFLOW))
    assert taken
    assert taken <= set(ACTION["outputs"])


def test_the_table_has_every_input() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE) == list(ACTION["inputs"])


def test_pre_commit_reads_the_configuration_and_the_hook_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".pre-commit-config.yaml"
    path.write_text(HOOKS)
    (repo,) = load_config(str(path))["repos"]
    ours = {hook["id"] for hook in load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))}
    assert {hook["id"] for hook in repo["hooks"]} <= ours


def test_every_file_that_is_named_exists() -> None:
    named = re.findall(r"-f (\S+)", PAGE) + re.findall(r"`(tools/\w+)`", PAGE)
    named += [f"docs/{link}" for link in re.findall(r"\]\((?!http)([^)#]+)", PAGE)]
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []

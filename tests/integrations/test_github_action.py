"""The action has the form that GitHub reads, and its steps do their work in a shell like GitHub's.

``_run`` runs the steps the way a runner does: bash with ``-eo pipefail`` and no start-up files, the
inputs put into ``env``, and files that ``GITHUB_OUTPUT`` and ``GITHUB_STEP_SUMMARY`` name.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from onnx_affscore import Signature, signature
from tests.builder import Builder

ROOT = Path(__file__).parent.parent.parent
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = ACTION["runs"]["steps"]
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]

_POLICY = """
version = 1
[[rule]]
code = "AFF001"
min = {limit}
"""

needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")


@dataclass
class Job:
    """What the steps have left: exit code, talk, and GitHub's files."""

    code: int = 0
    talk: str = ""
    summary: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: inputs[m[1]], text)


def _run(folder: Path, given: Mapping[str, str]) -> Job:
    """Run every step that has a script but the installation, until one fails."""
    inputs = {n: str(what.get("default", "")) for n, what in ACTION["inputs"].items()}
    inputs |= given
    files = {name: folder / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for file in files.values():
        file.touch()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    around = {**os.environ, "PATH": path, **{k: str(v) for k, v in files.items()}}
    job = Job()
    for step in STEPS:
        if "run" not in step or "pip install" in step["run"] or not _wanted(step, inputs):
            continue
        env = {name: _filled(text, inputs) for name, text in step.get("env", {}).items()}
        done = subprocess.run(
            [*SHELL, step["run"]],
            cwd=folder,
            env=around | env,
            capture_output=True,
            text=True,
            check=False,
        )
        job.code, job.talk = done.returncode, job.talk + done.stdout + done.stderr
        if job.code:
            break
    job.summary = files["GITHUB_STEP_SUMMARY"].read_text()
    job.outputs = dict(
        line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text().splitlines()
    )
    return job


def _wanted(step: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Whether an ``if`` holds: the few forms that the action has."""
    parts = str(step.get("if", "inputs.model != ''")).split(" || ")
    names = [re.fullmatch(r"inputs\.([\w-]+) != ''", part) for part in parts]
    assert all(names), f"the test does not know the condition {parts}"
    return any(inputs[m[1]] != "" for m in names if m)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    b = Builder()
    b.output(b.dense(b.op("Relu", b.dense(b.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    b.save(tmp_path / "my model.onnx")
    rows = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    return tmp_path


def test_the_form_is_the_one_of_githubs_schema() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions",
         str(ROOT / "action.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_schema_has_teeth(tmp_path: Path) -> None:
    broken = (ROOT / "action.yml").read_text().replace("using: composite", "using: composition")
    (tmp_path / "action.yml").write_text(broken)
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions",
         str(tmp_path / "action.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1


def test_no_script_has_an_input_pasted_into_it() -> None:
    assert not any("${{" in step.get("run", "") for step in STEPS)


def test_every_input_is_used_and_every_used_one_is_declared() -> None:
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])


def test_what_is_installed_is_the_action_itself_or_what_was_asked_for() -> None:
    (step,) = (s for s in STEPS if "pip install" in s.get("run", ""))
    script = step["run"].replace("python -m pip install", "echo")
    for package, wanted in (("", "/action"), ("onnx-affscore==0.1.0", "onnx-affscore==0.1.0")):
        env = {"AFFSCORE_PACKAGE": package, "GITHUB_ACTION_PATH": "/action"}
        done = subprocess.run([*SHELL, script], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.split()[-1] == wanted


@needs_bash
def test_a_model_is_scored_and_the_summary_shows_the_table(repository: Path) -> None:
    given = {"model": "my model.onnx", "data": "x.npy\n", "arguments": "--samples 100 --seed 3"}
    job = _run(repository, given)
    assert job.code == 0, job.talk
    scored = Signature.from_json(repository / job.outputs["signature"])
    assert (scored.data["samples"], scored.run["seed"]) == (100, 3)
    assert (repository / job.outputs["report"]).is_file()
    assert "sarif" not in job.outputs  # nothing was asked to be checked
    assert job.summary.startswith("### Non-linearity signature of `my model`")
    assert f"{scored.sites[0].affinity:.4f}" in job.summary


@needs_bash
def test_an_error_of_the_program_fails_the_step(repository: Path) -> None:
    job = _run(repository, {"model": "my model.onnx", "data": "nowhere.npy"})
    assert job.code == 3
    assert "error:" in job.talk


@needs_bash
def test_an_input_is_never_run(repository: Path) -> None:
    trap = "$(touch trapped); touch trapped; `touch trapped`"
    job = _run(repository, {"model": "my model.onnx", "data": trap, "arguments": trap})
    assert job.code != 0
    assert not (repository / "trapped").exists()


@needs_bash
@pytest.mark.parametrize(("limit", "code"), [(0.0, 0), (1.0, 1)])
def test_a_violated_policy_fails_the_job_and_the_findings_are_kept(
    repository: Path, limit: float, code: int
) -> None:
    (repository / "policy.toml").write_text(_POLICY.format(limit=limit))
    given = {"model": "my model.onnx", "data": "x.npy", "policy": "policy.toml"}
    job = _run(repository, given)
    assert job.code == code, job.talk
    assert json.loads((repository / job.outputs["sarif"]).read_text())["version"] == "2.1.0"
    findings = (repository / "onnx-affscore" / "findings.md").read_text()
    assert job.summary.endswith(findings)
    assert (repository / "onnx-affscore" / "findings.xml").is_file()


@needs_bash
def test_a_model_is_held_against_its_baseline(repository: Path) -> None:
    b = Builder()
    b.output(b.dense(b.op("Tanh", b.dense(b.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    before = signature(b.save(repository / "before.onnx"), [str(repository / "x.npy")])
    before.to_json(repository / "before.json")
    given = {"model": "my model.onnx", "data": "x.npy", "baseline": "before.json"}
    job = _run(repository, given)
    assert job.code == 1, job.talk
    assert "Tanh" in job.summary


@needs_bash
def test_a_policy_that_cannot_be_read_fails_the_step_without_findings(repository: Path) -> None:
    (repository / "policy.toml").write_text("version = 'none'")
    job = _run(repository, {"model": "my model.onnx", "data": "x.npy", "policy": "policy.toml"})
    assert job.code == 2
    assert "sarif" not in job.outputs

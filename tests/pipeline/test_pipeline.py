"""A team's week by the command line: baseline, policy, harmless and harmful changes, the report."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest

from tools.variants.__main__ import VARIANTS

MODELS = Path(__file__).parents[2] / "models"
MODEL, DIGITS = MODELS / "torch_mobilenetv3.onnx", MODELS / "digits.npz"
SAMPLES = "400"
HARMLESS = ("renamed", "re-exported", "optimised-basic", "optimised-extended", "float16")
HARMFUL = ("int8-clipped", "pruned-layer", "redrawn")

pytestmark = pytest.mark.filterwarnings("ignore")  # of onnxruntime's tools, in their own code


@dataclass(frozen=True)
class Team:
    """A folder with the baseline, its influences and the policy that was written from it."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "onnx_affscore", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def check(self, name: str) -> tuple[int, dict[str, Any]]:
        """Check one variant, every file asked for; return the exit code and the findings."""
        model = onnx.load(MODEL)
        with np.load(DIGITS) as data:
            rows = data[model.graph.input[0].name]
        onnx.save(VARIANTS[name].make(model, rows), self.folder / f"{name}.onnx")
        done = self.run(
            *("check", f"{name}.onnx", "--data", str(DIGITS), "--samples", SAMPLES),
            *("--policy", "policy.toml", "--baseline", "baseline.json"),
            *("--baseline-influence", "baseline.npz", "--signature", f"{name}.json"),
            *("--json", f"{name}-findings.json", "--junit", f"{name}.xml"),
            *("--sarif", f"{name}.sarif", "--markdown", f"{name}.md"),
        )
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads((self.folder / f"{name}-findings.json").read_text())

    def codes(self, found: dict[str, Any], *, severity: str = "error") -> set[str]:
        return {f["code"] for f in found["findings"] if f["severity"] == severity}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    team = Team(tmp_path_factory.mktemp("team"))
    scored = team.run(
        *("score", str(MODEL), "--data", str(DIGITS), "--samples", SAMPLES, "--quiet"),
        *("--json", "baseline.json", "--influence", "baseline.npz"),
    )
    assert scored.returncode == 0, scored.stderr
    started = team.run("check", "baseline.json", "--write-policy", "policy.toml")
    assert started.returncode == 0, started.stderr
    own = team.run(
        "check", "baseline.json", "--policy", "policy.toml", "--baseline", "baseline.json"
    )
    assert own.returncode == 0, own.stdout
    return team


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_passes(team: Team, name: str) -> None:
    code, found = team.check(name)
    assert team.codes(found) == set()
    assert code == 0


@pytest.mark.parametrize("name", HARMFUL)
def test_a_harmful_change_fails_with_the_rules_that_are_meant_for_it(team: Team, name: str) -> None:
    code, found = team.check(name)
    assert code == 1
    # Drift against the baseline, and bounds that were set from it.
    assert {"AFF101", "AFF001"} <= team.codes(found)
    drifted = [f for f in found["findings"] if f["code"] == "AFF101"]
    assert all(f["site"] and f["message"] for f in drifted)
    cases = ElementTree.parse(team.folder / f"{name}.xml").iter("failure")
    assert next(cases, None) is not None
    results = json.loads((team.folder / f"{name}.sarif").read_text())["runs"][0]["results"]
    assert {r["ruleId"] for r in results} >= {"AFF101", "AFF001"}
    assert drifted[0]["site"] in (team.folder / f"{name}.md").read_text().replace("\\", "")


def test_the_report_shows_both_side_by_side(team: Team) -> None:
    if not (team.folder / "redrawn.json").exists():
        team.check("redrawn")
    done = team.run("report", "baseline.json", "redrawn.json", "-o", "report.html")
    assert done.returncode == 0, done.stderr
    page = (team.folder / "report.html").read_text()
    assert "torch_mobilenetv3" in page
    assert "redrawn" in page
    assert "https://" not in page


def test_a_network_that_was_trained_anew_is_told(tmp_path: Path) -> None:
    team = Team(tmp_path)
    first, again = (str(MODELS / "seeds" / f"relu_mlp_seed{seed}.onnx") for seed in (0, 1))
    data = ("--data", str(DIGITS), "--samples", SAMPLES)
    scored = team.run("score", first, *data, "--quiet", "--json", "b.json", "--influence", "b.npz")
    assert scored.returncode == 0, scored.stderr
    against = ("--baseline", "b.json", "--baseline-influence", "b.npz")
    assert team.run("check", first, *data, *against).returncode == 0
    done = team.run("check", again, *data, *against)
    assert done.returncode == 1
    assert "AFF101" in done.stdout

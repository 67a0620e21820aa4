"""``check`` and ``rules`` end to end on a network of the zoo: every exit code, every file."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import onnx_affscore
from onnx_affscore import Signature
from onnx_affscore.audit.explain import documented
from onnx_affscore.audit.policy import parse_policy
from onnx_affscore.audit.rules import RULES
from onnx_affscore.cli import check as check_command
from onnx_affscore.cli.main import run
from onnx_affscore.report.findings_output import FINDING_FORMATS
from tests.builder import Builder

ROOT = Path(__file__).parent.parent.parent
MODELS = ROOT / "models"
DIGITS = str(MODELS / "digits.npz")
SEEDS = [str(MODELS / "seeds" / f"relu_mlp_seed{seed}.onnx") for seed in (0, 1)]
QUICK = ("--data", DIGITS, "--samples", "200", "--no-verify")
STRICT_BOUND = 'version = 1\n[[rule]]\ncode = "AFF001"\nmin = 0.999\n'


@dataclass(frozen=True)
class Result:
    """How a command ended, and what it said."""

    exit_code: object
    stdout: str
    stderr: str


Check = Callable[..., Result]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with signatures of two seeds of one network, their influences, and policies."""
    folder = tmp_path_factory.mktemp("check")
    for seed, model in enumerate(SEEDS):
        onnx_affscore.signature(
            model, [DIGITS], samples=1797, influence=folder / f"{seed}.npz"
        ).to_json(folder / f"{seed}.json")
    (folder / "bound.toml").write_text(STRICT_BOUND)
    (folder / "kept.toml").write_text(STRICT_BOUND.replace("min = 0.999", "min = 0"))
    (folder / "wrong.toml").write_text(STRICT_BOUND.replace("AFF001", "AFF999"))
    (folder / "nan.toml").write_text('version = 1\nfail_on = "warning"\nextends = "default"\n')
    (folder / "drift.toml").write_text('version = 1\n[[rule]]\ncode = "AFF101"\n')
    g = Builder()
    g.output(g.dense(g.input(["n", 6]), 6, 2), ["n", 2])
    g.save(folder / "linear.onnx")
    g = Builder()
    g.output(g.dense(g.op("Relu", g.dense(g.input(["n", 6]), 6, 5)), 5, 2), ["n", 2])
    g.save(folder / "relu.onnx")
    np.save(folder / "nan.npy", np.full((9, 6), np.nan, np.float32))
    (folder / "text.onnx").write_text("this is no model")
    (folder / "text.json").write_text('{"schema_version": "9.0"}')
    return folder


@pytest.fixture
def check(
    saved: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Check:
    monkeypatch.chdir(saved)

    def call(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as caught:
            run(list(map(str, arguments)))
        said = capsys.readouterr()
        return Result(caught.value.code, said.out, said.err)

    return call


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["0.json"]),
        (0, ["0.json", "--policy", "kept.toml"]),
        (0, ["0.json", "--baseline", "0.json"]),
        (0, [SEEDS[0], *QUICK]),
        (0, ["relu.onnx", "--data", "nan.npy"]),  # a warning violates no policy by default
        (1, ["0.json", "--policy", "bound.toml"]),
        (1, [SEEDS[0], *QUICK, "--policy", "bound.toml"]),
        (1, ["1.json", "--baseline", "0.json"]),
        (1, ["relu.onnx", "--data", "nan.npy", "--strict", "--policy", "nan.toml"]),  # over 5
        (2, []),
        (2, ["missing.json"]),
        (2, ["0.json", "--policy", "missing.toml"]),
        (2, ["0.json", "--policy", "wrong.toml"]),
        (2, ["0.json", "--policy", "drift.toml"]),
        (2, ["0.json", "--data", "nan.npy"]),
        (2, ["0.json", "--date", "tomorrow"]),
        (2, ["0.json", "--format", "xml"]),
        (2, ["0.json", "--json", "-", "--sarif", "-"]),
        (2, ["0.json", "--json", "no folder/f.json"]),
        (2, ["0.json", "--baseline", "1.json", "--influence", "0.npz"]),
        (2, [SEEDS[0], *QUICK, "--influence", "0.npz"]),
        (3, ["text.onnx"]),
        (3, ["text.json"]),
        (3, ["0.json", "--baseline", "text.json"]),
        (3, ["relu.onnx", "--data", DIGITS]),
        (4, ["linear.onnx"]),
        (5, ["relu.onnx", "--data", "nan.npy", "--strict"]),
    ],
)
def test_exit_codes(code: int, arguments: list[str], check: Check) -> None:
    made = check("check", *arguments)
    assert made.exit_code == code, made
    assert "Traceback" not in made.stderr
    if code in (2, 3, 4):
        assert made.stdout == ""


def test_the_formats_of_the_command_are_those_of_the_table() -> None:
    assert tuple(FINDING_FORMATS) == check_command._FORMATS


def test_every_file_is_written_and_the_text_goes_to_stdout(check: Check, tmp_path: Path) -> None:
    names = [name for name in FINDING_FORMATS if name != "text"]
    files = [x for name in names for x in (f"--{name}", tmp_path / name)]
    made = check("check", "1.json", "--baseline", "0.json", *files, "--signature", tmp_path / "s")
    assert made.exit_code == 1
    assert "policy violated" in made.stdout
    assert all((tmp_path / name).stat().st_size > 100 for name in names)
    assert Signature.from_json(tmp_path / "s") == Signature.from_json("1.json")
    codes = {f["code"] for f in json.loads((tmp_path / "json").read_text())["findings"]}
    assert "AFF101" in codes


def test_a_format_on_stdout_is_alone_there(check: Check) -> None:
    made = check("check", "0.json", "--format", "sarif")
    assert json.loads(made.stdout)["version"] == "2.1.0"
    assert json.loads(check("check", "0.json", "--json", "-").stdout)["violated"] is False
    assert check("check", "0.json", "--quiet") == Result(0, "", "")


def test_a_policy_that_was_written_is_kept_and_not_overwritten(
    check: Check, tmp_path: Path
) -> None:
    path = tmp_path / "start.toml"
    assert check("check", "0.json", "--write-policy", path, "--date", "2026-11-24").exit_code == 0
    assert len(parse_policy(path.read_text()).rules) > 5
    assert check("check", "0.json", "--policy", path).exit_code == 0
    assert check("check", "1.json", "--policy", path).exit_code == 1
    again = check("check", "0.json", "--write-policy", path)
    assert again.exit_code == 2
    assert "there already; delete it first" in again.stderr


def test_the_day_decides_of_a_suppression(check: Check, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        STRICT_BOUND + '[[suppress]]\ncode = "AFF001"\nmatch = "."\nreason = "x"\n'
        "until = 2027-01-31\n"
    )
    for day, code in (("2027-01-31", 0), ("2027-02-01", 1)):
        made = check("check", "0.json", "--policy", tmp_path / "p.toml", "--date", day)
        assert made.exit_code == code


def test_influences_compare_in_pairs_whether_saved_or_made(check: Check) -> None:
    saved = check(
        "check", "1.json", "--influence", "1.npz", "--baseline", "0.json",
        "--baseline-influence", "0.npz", "--json", "-",
    )  # fmt: skip
    made = check(
        "check", SEEDS[1], "--data", DIGITS, "--baseline", "0.json",
        "--baseline-influence", "0.npz", "--json", "-",
    )  # fmt: skip
    first, second = (
        [f["fingerprint"] for f in json.loads(result.stdout)["findings"]]
        for result in (saved, made)
    )
    assert first == second
    assert "paired)" in saved.stdout


def test_rules_lists_all_and_explains_each(check: Check) -> None:
    listed = check("rules").stdout
    assert all(code in listed for code in RULES)
    for code, rule in RULES.items():
        told = check("rules", code).stdout
        assert check("rules", rule.text.name).stdout == told
        words = " ".join(told.split())
        for text in (rule.text.looks_at, rule.text.why, rule.text.advice):
            assert text in words
        assert all(parameter.name in told for parameter in rule.parameters)
    data = json.loads(check("rules", "--json").stdout)
    assert [entry["code"] for entry in data] == list(RULES)
    assert "no rule 'AFF9'" in check("rules", "AFF9").stderr


def test_the_page_on_auditing_explains_every_rule_as_the_table_does() -> None:
    page = (ROOT / "docs" / "auditing.md").read_text()
    _, _, rest = page.partition("<!-- rules -->\n")
    section, _, _ = rest.partition("<!-- end of rules -->")
    assert section.strip() == documented(RULES.values()).strip()


def test_the_policies_of_the_page_are_policies() -> None:
    page = (ROOT / "docs" / "auditing.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert blocks
    for block in blocks:
        parse_policy(block)

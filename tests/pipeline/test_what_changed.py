"""What people and machines are told of a change: which site, how far, and nothing before it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import onnx
import pytest
import xmlschema

from onnx_affscore import Signature
from onnx_affscore.cli.main import run
from tools.variants.__main__ import VARIANTS

TESTS = Path(__file__).parent.parent
MODELS = TESTS.parent / "models"
SCHEMAS = TESTS / "report" / "schemas"
NETWORK = "torch_vit"
# Four GELUs, one a block, of 128 features each: all 1,797 samples are needed for intervals.
SCORING = ("--data", "digits.npz", "--quiet")
# What a harmful change moves: the variant, and the first block that it can have touched.
HARMFUL = {
    "int8-clipped": 0,
    "pruned-layer": 2,
}
FILES = ("--json", "--sarif", "--junit", "--markdown")


@dataclass(frozen=True)
class Place:
    """A folder with the network, its data and its baseline."""

    folder: Path
    model: onnx.ModelProto
    images: Any

    def variant(self, name: str) -> str:
        file = f"{name}.onnx"
        onnx.save(VARIANTS[name].make(self.model, self.images), self.folder / file)
        return file


Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copy(MODELS / f"{NETWORK}.onnx", folder / "model.onnx")
    shutil.copy(MODELS / "digits.npz", folder)
    model = onnx.load(folder / "model.onnx")
    made = Place(folder, model, np.load(folder / "digits.npz")[model.graph.input[0].name])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        keep = ("--json", "model.json", "--influence", "model.npz")
        with pytest.raises(SystemExit) as ended:
            run(["score", "model.onnx", *SCORING, *keep])
        assert ended.value.code == 0
    return made


@pytest.fixture
def command(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    monkeypatch.chdir(place.folder)

    def ended(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            run(list(arguments))
        assert isinstance(left.value.code, int)
        return left.value.code, capsys.readouterr().out

    return ended


def checked(command: Command, file: str) -> tuple[int, dict[str, Any]]:
    """Hold a model against the baseline; the exit code, and the findings as the file has them."""
    against = ("--baseline", "model.json", "--baseline-influence", "model.npz")
    stem = file.removesuffix(".onnx")
    code, _ = command(
        "check", file, *SCORING, *against, "--signature", f"{stem}.json",
        *(part for option in FILES for part in (option, f"{stem}.findings{option}")),
    )  # fmt: skip
    document: dict[str, Any] = json.loads(Path(f"{stem}.findings--json").read_text())
    return code, document


@pytest.mark.filterwarnings("ignore")  # of ONNX Runtime's quantiser, in its own code
@pytest.mark.parametrize(("name", "first"), HARMFUL.items())
def test_a_harmful_change_fails_where_it_was_made(
    name: str, first: int, place: Place, command: Command
) -> None:
    code, document = checked(command, place.variant(name))
    assert code == 1
    assert {finding["code"] for finding in document["findings"]} == {"AFF101"}  # site-drift
    sites = [site.name for site in Signature.from_json(f"{name}.json").sites if site.affinity]
    assert len(sites) == 4
    drifted = {finding["site"] for finding in document["findings"]}
    assert drifted >= {sites[first]}
    assert drifted.isdisjoint(sites[:first])  # what lies before the change computes the same bits
    validate(name, drifted)


@pytest.mark.filterwarnings("ignore")
def test_a_policy_for_a_conversion_lets_good_int8_pass_and_bad_int8_not(
    place: Place, command: Command
) -> None:
    shutil.copy(MODELS / "torch_alexnet.onnx", "alexnet.onnx")
    network = Place(place.folder, onnx.load("alexnet.onnx"), place.images)
    Path("int8.toml").write_text('version = 1\n[[rule]]\ncode = "AFF101"\ntolerance = 0.03\n')
    scoring = (*SCORING, "--samples", "500")
    assert command("score", "alexnet.onnx", *scoring, "--json", "alexnet.json")[0] == 0
    codes = [
        command(
            "check", network.variant(name), *scoring, "--policy", "int8.toml",
            "--baseline", "alexnet.json",
        )[0]
        for name in ("int8", "int8-clipped")
    ]  # fmt: skip
    assert codes == [0, 1]


def validate(name: str, sites: set[str]) -> None:
    """The files for machines keep their schemas, and those for people name every site."""
    sarif = json.loads(Path(f"{name}.findings--sarif").read_text())
    schema = json.loads((SCHEMAS / "sarif-2.1.0-rtm.5.json").read_text())
    jsonschema.validate(sarif, schema)
    results = sarif["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == {"AFF101"}
    junit = Path(f"{name}.findings--junit")
    xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd")).validate(str(junit))
    assert junit.read_text().count("<failure") == len(results) == len(sites)
    text = Path(f"{name}.findings--markdown").read_text()
    assert all(site in text for site in sites)


@pytest.mark.filterwarnings("ignore")
def test_a_stranger_reads_what_changed_and_where(place: Place, command: Command) -> None:
    file = place.variant("pruned-layer")
    against = ("--baseline", "model.json", "--baseline-influence", "model.npz")
    code, text = command("check", file, *SCORING[:-1], *against, "--signature", "after.json")
    assert code == 1
    worst = text.split("error AFF101 site-drift\n")[1].splitlines()
    assert worst[0].startswith("  - blocks.2.mlp.1: the score moved from 0.7")
    assert text.splitlines()[-1].startswith("policy violated: ")

    code, text = command("compare", "model.json", "after.json")
    assert code == 0
    table = text.split("Differing sites")[1].splitlines()[2:6]
    assert {row.split()[0] for row in table[:2]} == {"blocks.2.mlp.1", "blocks.3.mlp.1"}
    assert [row.split()[3] for row in table[2:]] == ["+0.0000"] * 2

    code, _ = command("report", "model.json", "after.json", "-o", "page.html")
    assert code == 0
    page = Path("page.html").read_text()
    assert all(name in page for name in ("model", "after", "blocks.2.mlp.1"))


def test_the_baseline_can_be_made_again_from_its_file(command: Command) -> None:
    code, text = command("reproduce", "model.json")
    assert code == 0
    assert text.splitlines()[-1] == "reproduced, 8 sites"

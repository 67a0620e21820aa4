"""``compare`` end to end: networks of the zoo are scored, and their files compared."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click import Choice
from click.testing import CliRunner, Result

import onnx_affscore
from onnx_affscore import Signature
from onnx_affscore.cli.compare import command
from onnx_affscore.cli.main import main, run
from onnx_affscore.report.comparison_output import KINDS
from onnx_affscore.statistics.alignment import ALIGNMENTS
from onnx_affscore.statistics.clustering import LINKAGES
from onnx_affscore.statistics.corrections import CORRECTIONS
from onnx_affscore.statistics.distances import DISTANCES
from onnx_affscore.statistics.summaries import STATISTICS

MODELS = Path(__file__).parent.parent.parent / "models"
NAMES = ("jax_cnn", "keras_cnn", "sklearn_mlp", "torch_alexnet")

Compare = Callable[..., Result]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of signatures: two families of small networks, on a few images."""
    folder = tmp_path_factory.mktemp("zoo")
    for name in NAMES:
        signature = onnx_affscore.signature(
            MODELS / f"{name}.onnx", [str(MODELS / "digits.npz")], samples=120
        )
        family = folder / ("torch" if name.startswith("torch") else "others")
        family.mkdir(exist_ok=True)
        signature.to_json(family / f"{name}.json")
    return folder


@pytest.fixture
def compare(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    monkeypatch.chdir(zoo)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["compare", *map(str, arguments)], catch_exceptions=False)

    return call


def test_a_folder_is_compared_and_told(compare: Compare) -> None:
    result = compare(".")
    assert result.exit_code == 0
    assert result.stderr == ""
    for name in NAMES:
        assert name in result.stdout
    for title in ("Statistics", "Distances (dtw)", "Tree", "Site by site", "Notes"):
        assert title in result.stdout
    assert "the data, or the form models take it in, differs" in " ".join(result.stdout.split())


def test_json_on_stdout_is_alone_there_and_agrees_with_the_signatures(
    compare: Compare, zoo: Path
) -> None:
    result = compare(".", "--json", "-")
    document = json.loads(result.stdout)
    assert "warning: " in result.stderr
    for entry in document["signatures"]:
        (file,) = zoo.rglob(f"{entry['label']}.json")
        signature = Signature.from_json(file)
        assert entry["family"] == file.parent.name
        assert entry["summary"] == {name: signature.summary[name] for name in STATISTICS}
    distances = document["distances"]["dtw"]["values"]
    assert all(distances[i][i] == 0 for i in range(len(NAMES)))
    assert {pair["a"] for pair in document["pairs"]} == {"jax_cnn"}


def test_every_option_is_taken_and_every_file_written(compare: Compare, tmp_path: Path) -> None:
    accuracies = tmp_path / "accuracies.csv"
    rows = "".join(f"{name},{i},{99 - i}%\n" for i, name in enumerate(NAMES))
    accuracies.write_text(f"model,seed,top1\n{rows}")
    options: dict[str, object] = {
        "--align": "order", "--distance": "wasserstein", "--linkage": "complete", "--groups": 2,
        "--correction": "bh", "--baseline": "torch_alexnet", "--roles": "hidden,gate,head",
        "--accuracy": accuracies, "--accuracy-column": "top1", "--statistic": "median",
        "--output-dir": tmp_path / "all",
    }  # fmt: skip
    figures = [name for name, kind in KINDS.items() if kind.draw is not None]
    files = {f"--{name.replace('_', '-')}": tmp_path / f"{name}.png" for name in figures}
    files |= {"--json": tmp_path / "c.json", "--csv": tmp_path / "c.csv"}
    known = {option for parameter in command.params for option in parameter.opts}
    assert known == {*options, *files, "--influence", "--checkpoints", "--debug", "signatures"}
    every = (x for pair in (options | files).items() for x in pair)
    result = compare("others", "torch", "--checkpoints", *every)
    assert result.exit_code == 0
    for path in files.values():
        assert path.stat().st_size > 100, path
    assert {path.name for path in (tmp_path / "all").iterdir()} == {k.name for k in KINDS.values()}
    document = json.loads((tmp_path / "c.json").read_text())
    assert document["options"] == {
        "align": "order", "distance": "wasserstein", "linkage": "complete", "correction": "bh",
        "baseline": "torch_alexnet", "roles": ["gate", "head", "hidden"], "groups": 2,
        "checkpoints": True, "statistic": "median",
    }  # fmt: skip
    assert document["accuracies"]["torch_alexnet"] == 96
    assert len(set(document["clustering"]["groups"].values())) == 2


def test_influences_compare_two_trainings_in_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        signature = onnx_affscore.signature(
            MODELS / "seeds" / f"relu_mlp_seed{seed}.onnx",
            [str(MODELS / "digits.npz")],
            samples=1000,
            influence=f"{seed}.npz",
        )
        signature.to_json(f"{seed}.json")
    call = ["compare", "0.json", "1.json", "--csv", "-"]
    paired = ["--influence", "0.npz", "--influence", "1.npz"]
    tables = [
        list(csv.DictReader(io.StringIO(CliRunner().invoke(main, arguments).stdout)))
        for arguments in (call, [*call, *paired])
    ]
    tested = [(a, b) for a, b in zip(*tables, strict=True) if b["p"]]
    assert tested
    for alone, together in tested:
        assert (alone["paired"], together["paired"]) == ("false", "true")
        assert alone["difference"] == together["difference"]
        assert float(together["std"]) < float(alone["std"])  # both nets err on the same images
    with pytest.raises(SystemExit) as caught:
        run([*call, "--influence", "1.npz", "--influence", "0.npz"])
    assert caught.value.code == 3
    assert "the influences given for 0 are of another model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("align", ["auto", *ALIGNMENTS]),
        ("distance", list(DISTANCES)),
        ("linkage", list(LINKAGES)),
        ("correction", list(CORRECTIONS)),
        ("statistic", list(STATISTICS)),
    ],
)
def test_choices_are_the_rows_of_the_tables(option: str, choices: list[str]) -> None:
    (kind,) = (p.type for p in command.params if p.name == option)
    assert isinstance(kind, Choice)
    assert list(kind.choices) == choices


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        (2, [], "Missing argument"),
        (2, ["missing.json"], "does not exist"),
        (2, ["torch"], "found 1 signatures; a comparison wants two or more"),
        (2, [".", "--baseline", "bert"], "no baseline 'bert'; wanted one of jax_cnn"),
        (2, [".", "--groups", "9"], "9 groups of 4 signatures; wanted from 1 to 4"),
        (2, [".", "--roles", "tail"], "no role 'tail'"),
        (2, [".", "--curves", "c.png"], "only with --checkpoints"),
        (2, [".", "--heat-map", "c.bmp"], "found the suffix '.bmp'"),
        (3, ["torch", "new.json"], "version 1: torch/torch_alexnet.json; version 2: new.json"),
        (3, ["torch", "text.json"], "text.json is not a signature"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_errors_have_their_exit_codes(
    code: int,
    arguments: list[str],
    message: str,
    zoo: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(zoo)
    signature = Signature.from_json(next(zoo.rglob("torch_alexnet.json")))
    replace(signature, method_version="2").to_json("new.json")
    Path("text.json").write_text("no signature")
    arguments = ["others", "torch", *arguments[1:]] if arguments[:1] == ["."] else arguments
    try:
        with pytest.raises(SystemExit) as caught:
            run(["compare", *arguments])
    finally:
        Path("new.json").unlink()
        Path("text.json").unlink()
    captured = capsys.readouterr()
    assert caught.value.code == code
    assert message in captured.err
    assert captured.out == ""
